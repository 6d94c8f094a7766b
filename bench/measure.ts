/**
 * Measures one candidate of one benchmark, with the floor beside it in the same process, and prints the result as JSON.
 * A process of its own, so that no other candidate's type feedback weighs on it. CPU time, since the machine may be
 * shared; medians of small batches, the two in turns.
 */
import type { Bench, Candidate, Candidates, Hold, Prepare, Use } from './bench.js';
import type { Result } from './table.js';

/** How long candidate and floor are each used before anything is measured, and then measured. One batch is the least. */
const WARM_UP_MS = 500;
const MEASURED_MS = 1_500;
const BATCHES = 30;
/** A batch: a few milliseconds, and enough uses for each to bear its share of the collections, unless they are long. */
const BATCH_NS = 3_000_000;
const BATCH_USES = 20;
const LONGEST_BATCH_NS = 250_000_000;
/** Bytes are exact once all is optimised; until then there are some more. */
const BYTES_BATCHES = 21;
const BYTES_USES = 1_000;
/** What surely fits into the nursery that run.ts asks for. */
const NURSERY_BYTES = 64_000_000;

type What = 'time' | 'bytes' | 'memory' | 'uses';
const [what, moduleName, candidateName, uses] = process.argv.slice(2) as [What, string, string, string];
const { bench } = (await import(new URL(`${moduleName}.bench.js`, import.meta.url).href)) as { bench: Bench };
const { perUse = 1, rejects = false } = bench.measured === 'memory' ? {} : bench;

async function repeat(use: Use, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    try {
      await use();
    } catch (error) {
      if (!rejects) throw error;
    }
  }
}

/** Nanoseconds a use, of CPU and by the clock on the wall. */
async function time(use: Use, times: number): Promise<[cpu: number, wall: number]> {
  if (bench.measured === 'large bursts') globalThis.gc?.();
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  await repeat(use, times);
  const { user, system } = process.cpuUsage(cpu);
  return [((user + system) * 1e3) / times, ((performance.now() - wall) * 1e6) / times];
}

/** How many uses make a batch. Finding out is the warm-up, too. */
async function batchSize(use: Use): Promise<number> {
  const end = performance.now() + WARM_UP_MS;
  let times = 1;
  for (let round = 0; round < BATCHES && performance.now() < end; round++) {
    const [cpu] = await time(use, times);
    const wanted = Math.max(BATCH_NS, Math.min(BATCH_USES * cpu, LONGEST_BATCH_NS)) / cpu;
    times = Math.max(1, Math.min(2 * times, Math.round(wanted))); // step by step, since the first uses are slow
  }
  return times;
}

async function measureTime(use: Use, useFloor: Use): Promise<Result> {
  const [times, timesFloor] = [await batchSize(use), await batchSize(useFloor)];
  const [ours, floors]: [[number, number][], [number, number][]] = [[], []];
  const end = performance.now() + 2 * MEASURED_MS;
  do {
    ours.push(await time(use, times));
    floors.push(await time(useFloor, timesFloor));
  } while (ours.length < BATCHES && performance.now() < end);
  const each = (samples: [number, number][], which: 0 | 1) => median(samples.map((sample) => sample[which])) / perUse;
  return { ns: each(ours, 0), wallNs: each(ours, 1), floorNs: each(floors, 0), floorWallNs: each(floors, 1) };
}

/** Bytes allocated by so many uses. The nursery is so large (see run.ts) that none are collected meanwhile. */
async function allocated(use: Use, times: number): Promise<number> {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  await repeat(use, times);
  return process.memoryUsage().heapUsed - before;
}

async function bytesEach(use: Use): Promise<number> {
  await batchSize(use); // the warm-up
  const fit = Math.floor(NURSERY_BYTES / (await allocated(use, 1)));
  const times = Math.max(1, Math.min(BYTES_USES, fit));
  const samples: number[] = [];
  for (let round = 0; round < BYTES_BATCHES; round++) samples.push((await allocated(use, times)) / times);
  return median(samples) / perUse;
}

/**
 * Bytes that are still there after a collection, for each of what is held: on the heap, and in buffers outside it. What
 * the allocator adds to such a buffer, some 90 bytes each, shows in none of Node's figures but the whole process's.
 */
async function keptEach(hold: Hold, count: number): Promise<number> {
  await hold(Math.min(count, 1_000)); // so that code and the like are there already
  const before = await inUse();
  const held = await hold(count);
  const kept = (await inUse()) - before;
  if (held === undefined) throw new Error('nothing is held'); // asked down here, so that it is held until here
  return kept / count;
}

async function inUse(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await new Promise(setImmediate);
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage(); // external has the array buffers in it
  return heapUsed + external;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

async function measure(): Promise<Result> {
  if (bench.measured === 'memory') {
    const { make, count = bench.count } = pick(bench.candidates);
    return { bytes: await keptEach(make, count) };
  }
  const [use, useFloor] = [await pick(bench.candidates).make(), await floorOf(bench.candidates).make()];
  if (what === 'uses') {
    await repeat(use, Number(uses)); // instructions.ts counts from outside
    return {};
  }
  if (what === 'time') return measureTime(use, useFloor);
  return { bytes: (await bytesEach(use)) - (await bytesEach(useFloor)) };
}

function pick<Make>(candidates: Candidates<Make>): Candidate<Make> {
  const candidate = candidates[candidateName];
  if (candidate === undefined) throw new Error(`no candidate "${candidateName}"; there are ${Object.keys(candidates)}`);
  return candidate;
}

function floorOf(candidates: Candidates<Prepare>): Candidate<Prepare> {
  return Object.values(candidates).find(({ kind }) => kind === 'floor')!;
}

const result = await measure();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
