import { type LoadContext, type LoadingCacheOptions, loadingCache } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect } from 'vitest';
import { type Deferred, defer } from '../support/promises.js';

export interface LoadCall extends Deferred<string> {
  readonly key: string;
  readonly context: LoadContext<string>;
}

type Options = Partial<LoadingCacheOptions<string, string>>;

/** A cache whose loads the test settles through `calls`. */
export function setUp(options: Options = {}) {
  const clock = new TestClock();
  const calls: LoadCall[] = [];
  const load = (key: string, context: LoadContext<string>) => {
    const call = { key, context, ...defer<string>() };
    calls.push(call);
    return call.promise;
  };
  const capacity = options.cache === undefined ? 100 : undefined;
  const cache = loadingCache<string, string>({ load, clock, capacity, ...options });
  return { clock, calls, cache };
}

/** A cache as from `setUp` with a value under `k` that took `loadMs` to load. */
export async function setUpWith(value: string, options: Options = {}, loadMs = 0) {
  const made = setUp(options);
  const { cache, calls, clock } = made;
  const first = cache.get('k');
  await clock.advance(loadMs);
  calls[0]!.resolve(value);
  expect(await first).toBe(value);
  calls.length = 0;
  return made;
}
