import { describe, expect, it } from 'vitest';
import { caches, hitsOf } from '../../bench/hit-ratio/replay.js';
import type { Key } from '../../bench/hit-ratio/trace.js';
import { makeWorkload } from '../../bench/hit-ratio/workloads.js';
import { TinyLfuCache as Reference } from '../../reference/tiny-lfu-cache.js';
import { hashOf } from '../../src/cache/key-hash.js';

/** Traces of 100,000 requests in which frequency counts: there the package's window stays as small as the reference's. */
describe.each(['zipf', 'scan', 'loop'])('on the trace "%s"', (name) => {
  const trace = makeWorkload(name);
  const percentOf = (hits: number) => (100 * hits) / trace.requests.length;

  it.each([200, 500])(
    'TinyLfuCache has the hit ratio of its reference within 1 point, with room for %i',
    (capacity) => {
      const reference = percentOf(hitsOf(new Reference<Key, true>(capacity, hashOf), trace));
      const ours = percentOf(hitsOf(caches.TinyLfuCache(capacity), trace));
      expect(Math.abs(ours - reference), `${ours} % and ${reference} %`).toBeLessThanOrEqual(1);
    },
  );
});
