import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const secondsEach = 60;

const examples = readdirSync(new URL('examples/', root)).filter((name) => name.endsWith('.ts'));
const failed: string[] = [];

for (const name of examples.sort()) {
  console.log(`\n# examples/${name}`);
  const { status, signal } = spawnSync(process.execPath, ['--import', 'tsx', `examples/${name}`], {
    cwd: root,
    stdio: 'inherit',
    timeout: secondsEach * 1000,
  });
  if (status !== 0) failed.push(`${name} (${signal ?? `exit code ${status}`})`);
}

console.log(`\n${examples.length - failed.length} of ${examples.length} examples ran.`);
if (examples.length === 0 || failed.length > 0) {
  console.error(`Failed: ${failed.join(', ') || 'there are no examples'}`);
  process.exitCode = 1;
}
