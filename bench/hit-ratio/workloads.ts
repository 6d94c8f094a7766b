import { type Random, seededRandom } from 'breakwater/testing';
import { type Key, type Trace, TraceBuilder } from './trace.js';

/** Made-up key logs, each an extreme of what real ones are a mixture of. The same seed gives the same log. */
export const workloads: Readonly<Record<string, (random: Random) => Generator<Key>>> = {
  zipf,
  scan,
  loop,
  shifting,
  recency,
  news,
  bursts,
  zigzag,
};

const REQUESTS = 100_000;

export function makeWorkload(name: string, seed = 1): Trace {
  const trace = new TraceBuilder();
  for (const key of workloads[name]!(seededRandom(seed))) {
    if (trace.length === REQUESTS) break;
    trace.add(key);
  }
  return trace.build(name);
}

/** Draws a rank from 0 on: that of rank r is 1 / (r + 1) ** skew times as likely as the first. */
export function zipfRanks(random: Random, count: number, skew: number): () => number {
  const upTo = new Float64Array(count);
  let total = 0;
  for (let rank = 0; rank < count; rank++) upTo[rank] = total += (rank + 1) ** -skew;
  return () => {
    const drawn = random() * total;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (upTo[middle]! > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** Some keys are always more popular than others. */
function* zipf(random: Random): Generator<Key> {
  const rank = zipfRanks(random, 10_000, 0.9);
  for (;;) yield `user:${rank()}`;
}

/** Likewise, but now and then somebody goes through many keys that nobody else asks for. */
function* scan(random: Random): Generator<Key> {
  const rank = zipfRanks(random, 5_000, 0.9);
  for (let scanned = 0; ; ) {
    for (let i = 0; i < 4_000; i++) yield `user:${rank()}`;
    for (let i = 0; i < 2_000; i++) yield `report:${scanned++}`;
  }
}

/** The same keys round and round. */
function* loop(): Generator<Key> {
  for (;;) for (let key = 0; key < 1_500; key++) yield key;
}

/** Some keys are more popular than others, but not for long. */
function* shifting(random: Random): Generator<Key> {
  const rank = zipfRanks(random, 2_000, 0.9);
  for (let first = 0; ; first += 500) {
    for (let i = 0; i < 5_000; i++) yield first + rank();
  }
}

/** What was asked for is asked for again soon, if ever, and never a third time. */
function* recency(random: Random): Generator<Key> {
  const RING = 128;
  const again: (Key | undefined)[] = new Array(RING).fill(undefined);
  for (let fresh = 0, turn = 0; ; turn = (turn + 1) % RING) {
    const due = again[turn];
    again[turn] = undefined;
    if (due !== undefined) yield due;
    else {
      const place = (turn + 1 + Math.floor(random() * (RING - 1))) % RING;
      if (random() < 0.6 && again[place] === undefined) again[place] = fresh;
      yield fresh++;
    }
  }
}

/** Most requests are for what is new: the popularity of a key falls with its age. */
function* news(random: Random): Generator<Key> {
  for (let newest = 0; ; newest += 0.3) {
    const age = -3_000 * Math.log(1 - random());
    yield Math.floor(newest - age);
  }
}

/** Half of the requests are for favourites, the others for keys that are used up to five times in a short while. */
function* bursts(random: Random): Generator<Key> {
  const rank = zipfRanks(random, 5_000, 0.8);
  const due = new Map<number, number[]>();
  for (let now = 0, fresh = 0; ; now++) {
    for (const key of due.get(now) ?? []) yield `burst:${key}`;
    due.delete(now);
    if (random() < 0.5) yield `user:${rank()}`;
    else {
      yield `burst:${fresh}`;
      for (let uses = Math.floor(random() * 5), at = now; uses > 0; uses--) {
        at += 1 + Math.floor(random() * 800);
        due.set(at, [...(due.get(at) ?? []), fresh]);
      }
      fresh++;
    }
  }
}

/** The same keys back and forth, not always to the same end. */
function* zigzag(random: Random): Generator<Key> {
  for (;;) {
    const end = 2_900 + Math.floor(200 * random());
    for (let key = 0; key < end; key++) yield key;
    for (let key = end - 1; key >= 0; key--) yield key;
  }
}
