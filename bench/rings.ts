/** What the benchmarks of placement share: 100 nodes of equal weight, and 1,000 keys in turn. */
import { seededRandom } from 'breakwater/testing';
import { type Candidate, floor, type Prepare } from './bench.js';

export const NODES = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}:11211`);
export const LOOKUPS = 256;

const random = seededRandom(1);
const KEYS = Array.from({ length: 1024 }, () => `user:${Math.floor(random() * 1e6)}`);

/** Looks keys up, so many in one use. */
export function lookups(make: () => (key: string) => unknown): Prepare {
  return () => {
    const get = make();
    let from = 0;
    return async () => {
      from = (from + LOOKUPS) % KEYS.length;
      let last: unknown;
      for (let i = from; i < from + LOOKUPS; i++) last = get(KEYS[i]!);
      return last;
    };
  };
}

/** Finding a key in a Map that has them all. */
export const mapGet: Candidate<Prepare> = floor(
  lookups(() => {
    const map = new Map(KEYS.map((key, i) => [key, i]));
    return (key) => map.get(key);
  }),
);

/** Keys that hashring's cache of 5,000 does not know: it would be a benchmark of that cache otherwise. */
export const uncached = (get: (key: string) => unknown): ((key: string) => unknown) => {
  let count = 0;
  return (key) => get(`${key}${count++ % 100_000}`);
};
