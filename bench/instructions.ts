/**
 * Instructions that one use of each candidate retires, where times are too noisy to compare: `npm run instructions --
 * pipeline`, or `npm run instructions -- pipeline ours` for the candidates whose names begin with "ours". Needs Valgrind
 * (`apt-get install valgrind`).
 *
 * Each candidate runs twice, for N and for 3 N uses, and the difference is printed: the start and the warm-up are in both.
 * Compilation and garbage collection that fall into the difference are counted, so two runs of the same code differ by up
 * to 15 %. A smaller difference between two candidates is not a finding.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Bench } from './bench.js';
import { buildBenches, built, namesOf } from './build.js';

/** Enough for V8 to optimise what is used. */
const CALLS = 40_000;

const VALGRIND = ['--tool=callgrind', '--callgrind-out-file=/dev/null', '--smc-check=all-non-file'];
/** One thread, or what the others do is counted too; a nursery that hardly ever has to be collected. */
const NODE = ['--single-threaded', '--max-semi-space-size=64'];

async function instructions(moduleName: string, candidate: string, uses: number): Promise<number> {
  const script = [new URL('measure.js', built).pathname, 'uses', moduleName, candidate, String(uses)];
  const { stderr } = await promisify(execFile)('valgrind', [...VALGRIND, process.execPath, ...NODE, ...script]);
  const collected = /Collected : (\d+)/.exec(stderr)?.[1];
  if (collected === undefined) throw new Error(`Valgrind printed no count: ${stderr}`);
  return Number(collected);
}

const [prefix = '', candidatePrefix = ''] = process.argv.slice(2);
await buildBenches();
for (const name of namesOf(prefix === '' ? [] : [prefix])) {
  const { bench } = (await import(new URL(`${name}.bench.js`, built).href)) as { bench: Bench };
  if (bench.measured !== undefined && bench.measured !== 'calls') continue;
  const { perUse = 1, unit = 'call' } = bench;
  const uses = Math.ceil(CALLS / perUse);
  for (const [candidate, { kind }] of Object.entries(bench.candidates)) {
    if (kind !== 'floor' && !candidate.startsWith(candidatePrefix)) continue;
    const [some, more] = [await instructions(name, candidate, uses), await instructions(name, candidate, 3 * uses)];
    const each = (more - some) / (2 * uses * perUse);
    console.log(`${name}, ${candidate}: ${each.toFixed(0)} instructions for each ${unit}`);
  }
}
