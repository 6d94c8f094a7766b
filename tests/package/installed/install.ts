import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
export async function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { cwd, env: { ...process.env, NODE_ENV: undefined } });
  return stdout;
}
export const temporaryFolder = (name: string): string => mkdtempSync(join(tmpdir(), `breakwater-${name}-`));
export const installTarball = (folder: string): Promise<string> =>
  run(folder, 'npm', 'install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', process.env.TARBALL!);
