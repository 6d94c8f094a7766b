/**
 * Each module against its peers, in one run: `npm run bench`, or `npm run bench -- retry keyed`, where a name stands for
 * every benchmark that begins with it.
 *
 * On another Node, here the 24th: `npx -y -p node@24 -c 'npm run bench -- retry'`
 *
 * To see where the time goes, let Node write a profile of one candidate; it opens in Chrome's developer tools and in VS
 * Code. What to measure is built by any run, and stays in reports/bench:
 * `node --cpu-prof --cpu-prof-dir=reports/profiles reports/bench/measure.js time timeout ours`
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Bench } from './bench.js';
import { buildBenches, built, namesOf } from './build.js';
import { type Result, tableOf } from './table.js';

/** What measure.ts is asked, how often, with which flags of Node. */
interface Question {
  readonly what: 'time' | 'bytes' | 'memory';
  readonly rounds: number;
  readonly flags: readonly string[];
}

/** Time is measured as it is in production. */
const time: Question = { what: 'time', rounds: 3, flags: [] };
/** The nursery is so large that nothing is collected, which is slow by itself. Once is enough: bytes hardly vary. */
const bytes: Question = {
  what: 'bytes',
  rounds: 1,
  flags: ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'],
};
const roomy = ['--expose-gc', '--max-old-space-size=8192'];

const questions: Record<NonNullable<Bench['measured']>, readonly Question[]> = {
  calls: [time, bytes],
  'large bursts': [{ ...time, flags: roomy }],
  requests: [time],
  memory: [{ what: 'memory', rounds: 1, flags: roomy }],
};

async function measure(moduleName: string, candidate: string, { what, flags }: Question): Promise<Result> {
  const args = [...flags, new URL('measure.js', built).pathname, what, moduleName, candidate];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 300_000 });
  return JSON.parse(stdout) as Result;
}

async function run(moduleName: string): Promise<void> {
  const { bench } = (await import(new URL(`${moduleName}.bench.js`, built).href)) as { bench: Bench };
  const names = Object.keys(bench.candidates).filter(
    // Time and bytes of the floor are measured beside those of each of the others.
    (name) => bench.measured === 'memory' || bench.candidates[name]?.kind !== 'floor',
  );
  const targets = [bench.targets, ...Object.values(bench.candidates).map((candidate) => candidate.targets)];
  for (const name of targets.flatMap((target) => Object.keys(target?.peers ?? {}))) {
    if (!names.includes(name)) throw new Error(`${moduleName}: a target names "${name}", which is no candidate`);
  }
  const results = new Map<string, Result[]>(names.map((name) => [name, []]));
  for (const question of questions[bench.measured ?? 'calls']) {
    // In turns, so that a busy minute of the machine does not fall on one candidate.
    for (let round = 0; round < question.rounds; round++) {
      for (const name of names) results.get(name)?.push(await measure(moduleName, name, question));
    }
  }
  console.log(tableOf(moduleName, bench, results));
}

const names = namesOf(process.argv.slice(2));
await buildBenches();
for (const name of names) await run(name);
