import { type TieredCache, type TieredLoadingOptions, tiered } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { type Deferred, defer, settle } from '../support/promises.js';
import { MapStore, type StoreCall } from './map-store.js';

export type Options = Partial<TieredLoadingOptions<string, string>>;

/** Lets all work settle that needs no timer. A read of the second tier waits for the end of a turn. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 6; i++) await settle();
}

/** Processes that share one store. Each loads a key as `key` followed by `world.version`. */
export function setUp() {
  const clock = new TestClock();
  const store = new MapStore(clock);
  const loads: string[] = [];
  const world = { version: 1, isDown: false };
  const load = async (key: string) => {
    loads.push(key);
    if (world.isDown) throw new Error('the origin is down');
    return `${key}${world.version}`;
  };
  const process = (options: Options = {}): TieredCache<string> =>
    tiered({ capacity: 100 }, store, { load, ttl: 60_000, clock, ...options });
  return { clock, store, loads, world, process };
}

/** Advances the virtual clock, then awaits the promise. */
export async function advanceAndAwait<T>(clock: TestClock, ms: number, promise: Promise<T>): Promise<T> {
  await turns();
  await clock.advance(ms);
  await turns();
  return promise;
}

export const isOperation =
  (operation: string) =>
  (call: StoreCall): boolean =>
    call.operation === operation;

/** Holds the selected calls until `release` is called. */
export function holdCalls(store: MapStore, phase: 'before' | 'after', isSelected: (call: StoreCall) => boolean) {
  const held: Deferred<void>[] = [];
  store[phase] = (call) => {
    if (!isSelected(call)) return undefined;
    const gate = defer<void>();
    held.push(gate);
    return gate.promise;
  };
  return {
    held,
    async release() {
      store[phase] = () => {};
      for (const gate of held) gate.resolve();
      await turns();
    },
  };
}

export function invalidate(cache: TieredCache<string>, by: string): Promise<boolean> {
  if (by === 'key') return cache.delete('a');
  if (by === 'everything') return cache.clear();
  return cache.deleteMatching(by === 'tag' ? { tag: 't' } : { prefix: 'a' });
}
