import { loadingCache } from 'breakwater/loading-cache';
import { expect, it } from 'vitest';
import { SingleFlightCache } from '../../reference/single-flight-cache.js';
import { type Deferred, defer, microtasks, type Watched, watch } from '../support/promises.js';
import { ManualClock } from './manual-clock.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

/** One cache, the loads that it has begun, and the callers that wait. */
class Side {
  readonly begun: string[] = [];
  readonly inFlight: Deferred<string>[] = [];
  cache!: { get(key: string): Promise<string>; delete(key: string): unknown; peek(key: string): string | undefined };

  readonly load = (key: string): Promise<string> => {
    const load = defer<string>();
    this.begun.push(key);
    this.inFlight.push(load);
    return load.promise;
  };
}

interface Call {
  readonly key: string;
  readonly ours: Watched<string>;
  readonly theirs: Watched<string>;
}

it.each(SEEDS)('loadingCache loads and keeps what its reference does in 1,000 random steps (seed %i)', async (seed) => {
  const draw = new Draw(seed);
  const clock = new ManualClock();
  const [ttlMs, staleWhileRevalidateMs] = [draw.integer(1, 20), draw.integer(0, 20)];
  const [ours, theirs] = [new Side(), new Side()];
  ours.cache = loadingCache({
    load: (key: string) => ours.load(key),
    ...{ capacity: 100, ttl: ttlMs, staleWhileRevalidate: staleWhileRevalidateMs, clock },
  });
  theirs.cache = new SingleFlightCache({ load: theirs.load, ttlMs, staleWhileRevalidateMs, now: clock.now });
  const keys = ['a', 'b', 'c'] as const;
  let waiting: Call[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const key = draw.from(keys);
    const command = draw.from(['get', 'get', 'get', 'get', 'land', 'land', 'wait', 'wait', 'delete']);
    if (command === 'get') {
      waiting.push({ key, ours: watch(ours.cache.get(key)), theirs: watch(theirs.cache.get(key)) });
    } else if (command === 'delete') {
      for (const side of [ours, theirs]) side.cache.delete(key);
      // Who waits for a load that is no longer kept may get a newer value from the package. The reference is simpler.
      waiting = waiting.filter((call) => call.key !== key);
    } else if (command === 'wait') {
      clock.ms += draw.integer(0, 10);
    } else if (theirs.inFlight.length > 0) {
      const [index, fails] = [draw.integer(0, theirs.inFlight.length - 1), draw.chance(0.3)];
      for (const { inFlight } of [ours, theirs]) {
        const [load] = inFlight.splice(index, 1);
        if (fails) load!.reject(new Error(`failure ${step}`));
        else load!.resolve(`value ${step}`);
      }
    }
    await microtasks(20);
    const context = `step ${step}: ${command} ${key}`;
    expect(ours.begun, context).toEqual(theirs.begun);
    const kept = ({ cache }: Side) => keys.map((each) => cache.peek(each));
    expect(kept(ours), context).toEqual(kept(theirs));
    const seenBy = (side: 'ours' | 'theirs') => waiting.map((call) => ({ ...call[side], done: undefined }));
    expect(seenBy('ours'), context).toEqual(seenBy('theirs'));
    waiting = waiting.filter((call) => call.ours.state === 'pending');
  }
});
