/** Runs every program in `examples`. Each must end well and print what the comment at its end says it prints. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const secondsEach = 60;

/** What stands in the last comment of a program. */
function promised(program: string): string | undefined {
  return /\/\* Prints, but for the milliseconds:\n(.*)\*\/\n$/s.exec(program)?.[1];
}

/** No two runs take the same time; every other number counts. */
const withoutTimes = (text: string): string => text.replace(/\b\d+ ms\b/g, '… ms');

function run(name: string): string | undefined {
  const { status, signal, stdout } = spawnSync(process.execPath, ['--import', 'tsx', `examples/${name}`], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: secondsEach * 1000,
  });
  process.stdout.write(stdout);
  if (status !== 0) return signal ?? `exit code ${status}`;
  const expected = promised(readFileSync(new URL(`examples/${name}`, root), 'utf8'));
  if (expected === undefined) return 'does not say what it prints';
  return withoutTimes(stdout) === withoutTimes(expected) ? undefined : 'prints something else than it says';
}

const examples = readdirSync(new URL('examples/', root)).filter((name) => name.endsWith('.ts'));
const failed: string[] = [];

for (const name of examples.sort()) {
  console.log(`\n# examples/${name}`);
  const trouble = run(name);
  if (trouble !== undefined) failed.push(`${name} (${trouble})`);
}

console.log(`\n${examples.length - failed.length} of ${examples.length} examples ran.`);
if (examples.length === 0 || failed.length > 0) {
  console.error(`Failed: ${failed.join(', ') || 'there are no examples'}`);
  process.exitCode = 1;
}
