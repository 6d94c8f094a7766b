import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const here = fileURLToPath(new URL('./', import.meta.url));

it('every file of this folder compiles against the declarations of the clients', { timeout: 180_000 }, async () => {
  const compiler = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, '-p', here]).catch((error) => error);
  expect(stdout).toBe('');
});
