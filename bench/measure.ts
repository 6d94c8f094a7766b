/**
 * Measures one candidate of one module, with the module's floor beside it in the same process, and prints the result as
 * JSON. A process of its own, so that no other candidate's type feedback weighs on it. CPU time, since the machine may be
 * shared; medians of small batches, the two in turns.
 */
import type { Candidate, Candidates } from './bench.js';

const [what, moduleName, candidateName] = process.argv.slice(2) as ['time' | 'bytes', string, string];
const { candidates } = (await import(new URL(`${moduleName}.bench.js`, import.meta.url).href)) as {
  candidates: Candidates;
};
const candidate = candidates[candidateName] as Candidate;
const base = Object.values(candidates).find(({ kind }) => kind === 'floor') as Candidate;

const BATCHES = 30;
const BATCH_NS = 3_000_000;

async function repeat(use: () => Promise<unknown>, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await use().catch(ignore);
}

const ignore = () => {};

/** Nanoseconds of CPU a use. */
async function time(use: () => Promise<unknown>, times: number): Promise<number> {
  const before = process.cpuUsage();
  await repeat(use, times);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / times;
}

/** How many uses make a batch of a few milliseconds. */
async function batchSize(use: () => Promise<unknown>): Promise<number> {
  await repeat(use, 200);
  let times = 100;
  for (let round = 0; round < 8; round++)
    times = Math.max(20, Math.round(BATCH_NS / Math.max(1, await time(use, times))));
  return times;
}

/** Bytes allocated a use. The nursery is large enough (see run.ts) that none are collected meanwhile. */
async function bytes(use: () => Promise<unknown>): Promise<number> {
  const TIMES = Math.min(5_000, await batchSize(use));
  const samples: number[] = [];
  for (let round = 0; round < 7; round++) {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    await repeat(use, TIMES);
    samples.push((process.memoryUsage().heapUsed - before) / TIMES);
  }
  return median(samples);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

async function measureTime(use: () => Promise<unknown>, useBase: () => Promise<unknown>) {
  const [times, timesBase] = [await batchSize(use), await batchSize(useBase)];
  const [ns, floorNs]: [number[], number[]] = [[], []];
  for (let batch = 0; batch < BATCHES; batch++) {
    ns.push(await time(use, times));
    floorNs.push(await time(useBase, timesBase));
  }
  return { ns: median(ns), floorNs: median(floorNs) };
}

const [use, useBase] = [candidate.prepare(), base.prepare()];
const result =
  what === 'time' ? await measureTime(use, useBase) : { bytes: (await bytes(use)) - (await bytes(useBase)) };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
