import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface ChildOptions {
  readonly args?: readonly (string | number)[];
  /** For Node itself. */
  readonly flags?: readonly string[];
}

export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it printed, line by line. */
  readonly lines: readonly string[];
  readonly errors: string;
}

export interface Child {
  readonly process: ChildProcess;
  readonly ended: Promise<ChildResult>;
}

/** Runs a script of `tests/support/children` in a process of its own. */
export function startChild(script: string, { args = [], flags = [] }: ChildOptions = {}): Child {
  const file = `tests/support/children/${script}.ts`;
  const child = spawn(process.execPath, [...flags, '--import', 'tsx', file, ...args.map(String)], { cwd: root });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(
    ([out, errors, [code, signal]]) => ({ code, signal, lines: out.split('\n').filter(Boolean), errors }),
  );
  return { process: child, ended };
}

/** Likewise, to its end. */
export const runChild = (script: string, options?: ChildOptions): Promise<ChildResult> =>
  startChild(script, options).ended;
