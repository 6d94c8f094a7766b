import { sleep } from '../core/sleep.js';
import type { CacheStore, CacheStoreContext } from '../tiered-cache/cache-store.js';

/** Defines one test: the `test` or `it` of vitest, Jest, `node:test`, Mocha and other test runners. */
export type DefineTest = (title: string, run: () => Promise<void>) => unknown;

/** Options of `cacheStoreContract`. */
export interface CacheStoreContractOptions {
  /**
   * Lets time pass for the store, by the given number of milliseconds. For a store with a test clock.
   * @defaultValue waits in real time, less than a second in total
   */
  readonly wait?: ((ms: number) => unknown) | undefined;
}

/**
 * Defines the tests that every `CacheStore` for `tiered` must pass. Each test calls `make` for an empty store, or for one
 * whose keys no other test uses. A failed test rejects with an Error that names the rule.
 *
 * @param test - the function of the test runner that defines a test.
 * @param make - returns the store, or a promise of it.
 * @example
 * ```ts
 * declare const test: DefineTest; // of the test runner
 * declare const redisStore: (options: { prefix: string }) => CacheStore<string>;
 *
 * cacheStoreContract(test, () => redisStore({ prefix: `test:${crypto.randomUUID()}:` }));
 * ```
 */
export function cacheStoreContract(
  test: DefineTest,
  make: () => CacheStore<string> | PromiseLike<CacheStore<string>>,
  { wait = sleep }: CacheStoreContractOptions = {},
): void {
  for (const [title, check] of Object.entries(rules)) {
    test(`The store ${title}`, async () => check(new CheckedStore(await make()), async (ms) => void (await wait(ms))));
  }
}

type Rule = (store: CheckedStore, wait: (ms: number) => Promise<void>) => Promise<void>;

const MINUTE = 60_000;

/** The rules, each completing the sentence "The store …". */
const rules: Readonly<Record<string, Rule>> = {
  'returns undefined for an unknown key': async (store) => {
    await store.expectData('unknown', undefined);
  },
  'returns the data of a key as they were stored': async (store) => {
    for (const data of ['text', '', '{"a":1}', 'ä€😀\u0000\n', 'x'.repeat(100_000)]) {
      await store.set('key', data);
      await store.expectData('key', data);
    }
  },
  'returns the remaining time of the data': async (store) => {
    await store.set('minute', 'a', MINUTE);
    await store.set('forever', 'b', Infinity);
    const [minute, forever] = [await store.get('minute'), await store.get('forever')];
    const remainingMs = minute?.remainingMs ?? 0;
    assert(remainingMs > 0 && remainingMs <= MINUTE, `remainingMs of a minute is ${remainingMs}`);
    assert(forever?.remainingMs === Infinity, `remainingMs without a limit is ${forever?.remainingMs}`);
  },
  'forgets the data when their time has passed': async (store, wait) => {
    await store.set('short', 'a', 50);
    await store.set('long', 'b', MINUTE);
    await wait(150);
    await store.expectData('short', undefined);
    await store.expectData('long', 'b');
  },
  'replaces the data and the time of a key': async (store, wait) => {
    await store.set('key', 'old', 50);
    await store.set('key', 'new', MINUTE);
    await wait(150);
    await store.expectData('key', 'new');
    await store.set('key', 'short', 50);
    await wait(150);
    await store.expectData('key', undefined);
  },
  'deletes a key, and nothing if there is none': async (store) => {
    await store.set('a', '1');
    await store.set('b', '2');
    await store.delete('a');
    await store.delete('unknown');
    await store.expectData('a', undefined);
    await store.expectData('b', '2');
  },
  'distinguishes keys with special characters': async (store) => {
    const keys = ['a', 'A', 'a:', 'a*', 'a?', 'a b', 'a\\', 'ä', '😀', '', '__proto__', '[a]', 'a\n', 'x'.repeat(500)];
    for (const [index, key] of keys.entries()) await store.set(key, String(index));
    for (const [index, key] of keys.entries()) await store.expectData(key, String(index));
  },
  'returns the data of many keys in the order of the keys, if it has getMany': async (store) => {
    await store.set('a', '1');
    await store.set('c', '3');
    const found = await store.getMany(['c', 'b', 'a', 'c']);
    const data = found?.map((one) => one?.data);
    assert(data === undefined || data.join() === '3,,1,3', `getMany returned ${data?.join()}`);
    const none = await store.getMany([]);
    assert(none === undefined || none.length === 0, 'getMany of no key returned data');
  },
  'deletes all data with a tag': async (store) => {
    await store.set('a', '1', MINUTE, ['red', 'big']);
    await store.set('b', '2', MINUTE, ['big']);
    await store.deleteMatching({ tag: 'red' });
    await store.expectData('a', undefined);
    await store.deleteMatching({ tag: 'big' });
    await store.expectData('b', undefined);
    await store.deleteMatching({ tag: 'unknown' });
  },
  'deletes all data whose keys have a prefix': async (store) => {
    for (const key of ['user:1', 'user:2', 'u*er:3', 'other']) await store.set(key, key);
    await store.deleteMatching({ prefix: 'user:' });
    await store.expectData('user:1', undefined);
    await store.expectData('user:2', undefined);
    await store.deleteMatching({ prefix: 'u*' });
    await store.expectData('u*er:3', undefined);
    await store.deleteMatching({ prefix: '' });
    await store.expectData('other', undefined);
  },
  'deletes all data whose keys match a glob': async (store) => {
    for (const key of ['user:1:name', 'user:22:name', 'user:1:age', 'a.c']) await store.set(key, key);
    await store.deleteMatching({ glob: 'user:?:*' });
    await store.expectData('user:1:name', undefined);
    await store.expectData('user:1:age', undefined);
    await store.deleteMatching({ glob: '*:name' });
    await store.expectData('user:22:name', undefined);
    await store.deleteMatching({ glob: 'a.c' });
    await store.expectData('a.c', undefined);
  },
  'keeps the writes of concurrent callers': async (store) => {
    const keys = Array.from({ length: 50 }, (_, index) => `key ${index}`);
    await Promise.all(keys.map((key) => store.set(key, key)));
    await Promise.all(keys.map((key) => store.expectData(key, key)));
  },
};

/** A store whose calls get a context, and whose data are checked. */
class CheckedStore {
  readonly #store: CacheStore<string>;
  readonly #context: CacheStoreContext = { signal: new AbortController().signal };

  constructor(store: CacheStore<string>) {
    this.#store = store;
  }

  async get(key: string) {
    return this.#store.get(key, this.#context);
  }

  async getMany(keys: readonly string[]) {
    return this.#store.getMany?.(keys, this.#context);
  }

  async set(key: string, data: string, ttlMs = MINUTE, tags: readonly string[] = []): Promise<void> {
    await this.#store.set(key, data, { ttlMs, tags }, this.#context);
  }

  async delete(key: string): Promise<void> {
    await this.#store.delete(key, this.#context);
  }

  async deleteMatching(match: Parameters<CacheStore<string>['deleteMatching']>[0]): Promise<void> {
    await this.#store.deleteMatching(match, this.#context);
  }

  async expectData(key: string, data: string | undefined): Promise<void> {
    const found = (await this.get(key))?.data;
    assert(found === data, `the data of ${JSON.stringify(key)} are ${found?.slice(0, 60)}, not ${data?.slice(0, 60)}`);
  }
}

function assert(isTrue: boolean, message: string): asserts isTrue {
  if (!isTrue) throw new Error(`CacheStore: ${message}`);
}
