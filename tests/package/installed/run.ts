import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * The environment of a consumer's program: neither the mode of Vitest nor the variables of an npm script apply to it.
 */
export function childEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(NODE_ENV|VITEST.*|npm_(?!config_).*)$/.test(name),
  );
  return { ...Object.fromEntries(inherited), NO_COLOR: '1', NEXT_TELEMETRY_DISABLED: '1' };
}

/** Runs a program and returns what it has printed. If it fails, the error contains its output. */
export async function run(cwd: string, command: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      cwd,
      env: childEnvironment(),
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const { message, stdout } = error as Error & { readonly stdout?: string };
    throw new Error(`${message}\n${stdout ?? ''}`, { cause: error });
  }
}

/** Runs a script with the Node that runs the tests. */
export const runNode = (cwd: string, ...args: readonly string[]): Promise<string> =>
  run(cwd, process.execPath, ...args);
