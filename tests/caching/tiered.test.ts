import v8 from 'node:v8';
import { decode, encode } from '@msgpack/msgpack';
import {
  type CachedEntry,
  type CacheStore,
  CircuitOpenError,
  circuitBreaker,
  type Invalidation,
  LruCache,
  pipeline,
  type Serializer,
  sleep,
  type TieredCache,
  type TieredLoadingOptions,
  TimeoutError,
  tiered,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { LRUCache } from 'lru-cache';
import { describe, expect, it, vi } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';
import { MapStore, type StoreCall } from './map-store.js';

type Options = Partial<TieredLoadingOptions<string, string>>;

/** Long enough for whatever needs no time: a read of the second tier waits for the end of a turn. */
async function turns(): Promise<void> {
  for (let i = 0; i < 6; i++) await settle();
}

/** Processes over one store; each loads what `origin` says, as version 1, 2, 3 of a key. */
function setUp() {
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

/** Answers when the virtual clock needs to move on for that. */
async function later<T>(clock: TestClock, ms: number, promise: Promise<T>): Promise<T> {
  await turns();
  await clock.advance(ms);
  await turns();
  return promise;
}

const isAbout =
  (operation: string) =>
  (call: StoreCall): boolean =>
    call.operation === operation;

/** Holds up the calls that are meant until they are let go. */
function holdUp(store: MapStore, phase: 'before' | 'after', isMeant: (call: StoreCall) => boolean) {
  const held: Deferred<void>[] = [];
  store[phase] = (call) => {
    if (!isMeant(call)) return undefined;
    const gate = defer<void>();
    held.push(gate);
    return gate.promise;
  };
  return {
    held,
    async letGo() {
      store[phase] = () => {};
      for (const gate of held) gate.resolve();
      await turns();
    },
  };
}

describe('a read of two tiers', () => {
  it('asks the second tier, then the origin, and fills both', async () => {
    const { store, loads, process } = setUp();
    const one = process();
    expect(await one.get('a')).toBe('a1');
    await turns();
    expect(store.operations).toEqual(['get a', 'set a']);
    expect(await one.get('a')).toBe('a1');
    expect([one.getSync('a'), one.peek('a'), store.calls.length, loads.length]).toEqual(['a1', 'a1', 2, 1]);
  });

  it('has from the second tier what another process has loaded', async () => {
    const { process, loads } = setUp();
    await process().get('a');
    await turns();
    expect([await process().get('a'), loads]).toEqual(['a1', ['a']]);
  });

  it('asks once for all that is missed in a turn', async () => {
    const { store, loads, process } = setUp();
    await process().getMany(['a', 'b']);
    await turns();
    store.calls.length = 0;
    const two = process();
    expect(await Promise.all([two.getMany(['a', 'b', 'c']), two.get('a')])).toEqual([['a1', 'b1', 'c1'], 'a1']);
    await turns();
    expect(store.operations).toEqual(['getMany a,b,c', 'set c']);
    expect(loads).toEqual(['a', 'b', 'c']);
  });

  it('is one read and one load for a thousand readers', async () => {
    const { store, loads, process } = setUp();
    const one = process();
    await Promise.all(Array.from({ length: 1000 }, () => one.get('a')));
    await turns();
    expect([store.operations, loads]).toEqual([['get a', 'set a'], ['a']]);
  });

  it('ends with the last reader who leaves: the store hears of it, and the origin is not asked', async () => {
    const { store, loads, process } = setUp();
    const { letGo } = holdUp(store, 'before', isAbout('get'));
    const controller = new AbortController();
    const one = process();
    const read = watch(one.get('a', { signal: controller.signal }));
    await turns();
    controller.abort(new Error('left'));
    await turns();
    expect([read.state, store.calls[0]!.signal.aborted]).toEqual(['rejected', true]);
    await letGo();
    expect([loads, one.stats.l2.failures, one.loading]).toEqual([[], 0, 0]);
  });

  it('makes no signal for a store, a loader and policies that read none', async () => {
    const { clock } = setUp();
    const kept = new Map([['a', { data: '{"value":"A","staleMs":0,"loadMs":0,"tags":[]}', remainingMs: 1000 }]]);
    const store: CacheStore = {
      get: async (key) => kept.get(key),
      getMany: async (keys) => keys.map((key) => kept.get(key)),
      set: async () => {},
      delete: async () => {},
      deleteMatching: async () => {},
    };
    const policy = pipeline(circuitBreaker({ clock }), timeout({ duration: 100, clock }));
    const one = tiered<string>({ capacity: 10 }, store, { load: async (key) => key, policy, clock });
    const make = vi.spyOn(globalThis, 'AbortController');
    try {
      expect(await one.get('a')).toBe('A');
      expect(await one.getMany(['b', 'c'])).toEqual(['b', 'c']);
      await one.delete('a');
      await one.onIdle();
      expect(make).not.toHaveBeenCalled();
    } finally {
      make.mockRestore();
    }
  });

  it('leaves the breaker of an abandoned read closed, and counts no failure', async () => {
    const { store, process, clock } = setUp();
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock });
    const { letGo } = holdUp(store, 'before', isAbout('get'));
    const one = process({ l2Policy: breaker });
    const controller = new AbortController();
    const read = watch(one.get('a', { signal: controller.signal }));
    await turns();
    controller.abort(new Error('left'));
    await turns();
    expect([read.state, breaker.state, one.stats.l2.failures, clock.pendingTimers]).toEqual([
      'rejected',
      'closed',
      0,
      0,
    ]);
    await letGo();
  });

  it('asks a store without getMany for each key by itself, without waiting for the end of the turn', async () => {
    const { store, process } = setUp();
    await process().getMany(['a', 'b']);
    await turns();
    store.calls.length = 0;
    Object.assign(store, { getMany: undefined });
    const read = watch(process().getMany(['a', 'b']));
    for (let microtask = 0; microtask < 100; microtask++) await undefined;
    expect([read.value, store.operations]).toEqual([
      ['a1', 'b1'],
      ['get a', 'get b'],
    ]);
  });

  it('aborts the one get of a store without getMany when its last reader leaves', async () => {
    const { store, loads, process } = setUp();
    Object.assign(store, { getMany: undefined });
    const { letGo } = holdUp(store, 'before', isAbout('get'));
    const controller = new AbortController();
    const one = process();
    const read = watch(one.get('a', { signal: controller.signal }));
    await turns();
    controller.abort(new Error('left'));
    await turns();
    expect([read.state, store.calls[0]!.signal.aborted, one.stats.l2.failures]).toEqual(['rejected', true, 0]);
    await letGo();
    expect([loads, one.loading]).toEqual([[], 0]);
  });

  it('takes a key that is no string as a mistake, before it becomes one in the store', async () => {
    const { process, store } = setUp();
    const one = process();
    const bad = 7 as unknown as string;
    await expect(one.get(bad)).rejects.toThrow('"key" must be a string');
    await expect(one.refresh(bad)).rejects.toThrow('"key" must be a string');
    await expect(one.set(bad, 'x')).rejects.toThrow('"key" must be a string');
    await expect(one.delete(bad)).rejects.toThrow('"key" must be a string');
    await expect(one.expire(bad)).rejects.toThrow('"key" must be a string');
    expect(store.calls).toEqual([]);
  });
});

describe('how long a value lives', () => {
  it('in the first tier it lives no longer than in the second', async () => {
    const { clock, store, process, loads } = setUp();
    await process().get('a');
    await turns();
    await clock.advance(45_000);
    const two = process();
    await two.get('a');
    await clock.advance(14_999);
    expect(two.peek('a')).toBe('a1');
    await clock.advance(1);
    expect(two.peek('a')).toBeUndefined();
    expect([await two.get('a'), loads.length]).toEqual(['a1', 2]);
    expect(store.operations.filter((operation) => operation === 'get a')).toHaveLength(3);
  });

  it('counts what the read has taken', async () => {
    const { clock, store, process } = setUp();
    await process().get('a');
    await turns();
    const two = process({ l2Timeout: '10s' });
    const { letGo } = holdUp(store, 'after', isAbout('get'));
    const read = watch(two.get('a'));
    await turns();
    await clock.advance(5000); // the store has said 60 s, 5 s ago
    await letGo();
    expect(read.value).toBe('a1');
    await clock.advance(54_999);
    expect(two.peek('a')).toBe('a1');
    await clock.advance(1);
    expect(two.peek('a')).toBeUndefined();
  });

  it('is asked for again in the second tier after l1Ttl', async () => {
    const { clock, store, loads, process } = setUp();
    const one = process({ l1Ttl: 1000 });
    await one.get('a');
    await turns();
    await clock.advance(999);
    expect(one.peek('a')).toBe('a1');
    await clock.advance(1);
    expect(one.peek('a')).toBeUndefined();
    expect(await one.get('a')).toBe('a1');
    expect([store.operations, loads]).toEqual([['get a', 'set a', 'get a'], ['a']]);
    await one.set('b', 'x');
    await clock.advance(1000);
    expect(one.peek('b')).toBeUndefined();
    expect(await one.get('b')).toBe('x');
  });

  it('may be up to the value, and to the call', async () => {
    const { clock, store, process } = setUp();
    const one = process({ ttl: (value) => (value === 'a1' ? 0 : 5000) });
    await one.get('a');
    await one.get('b');
    await one.set('c', 'x', { ttl: '7s' });
    await turns();
    expect([...store.kept].map(([key, { endsAt }]) => [key, endsAt - clock.now()])).toEqual([
      ['b', 5000],
      ['c', 7000],
    ]);
    expect(one.peek('a')).toBeUndefined();
  });

  it('of what is not kept any more nothing older is left either', async () => {
    const { store, process, world } = setUp();
    const one = process({ ttl: (value) => (value === 'a1' ? 5000 : 0) });
    await one.get('a');
    world.version = 2;
    await one.refresh('a');
    await turns();
    expect([store.kept.size, one.peek('a')]).toEqual([0, undefined]);
  });

  it('loses up to ttlJitter of its time in both tiers alike', async () => {
    const { clock, store, process } = setUp();
    const one = process({ ttlJitter: 0.5, random: () => 0.5 });
    await one.get('a');
    await turns();
    expect(store.kept.get('a')!.endsAt).toBe(45_000);
    await clock.advance(44_999);
    expect(one.peek('a')).toBe('a1');
    await clock.advance(1);
    expect(one.peek('a')).toBeUndefined();
  });

  it('for ever, if so it is', async () => {
    const { clock, store, process } = setUp();
    await process({ ttl: Infinity }).get('a');
    await turns();
    expect(store.kept.get('a')!.endsAt).toBe(Infinity);
    await clock.advance(1e9);
    const two = process({ ttl: Infinity });
    expect(await two.get('a')).toBe('a1');
    await clock.advance(1e9);
    expect(two.peek('a')).toBe('a1');
  });
});

describe('what is no longer fresh', () => {
  it('outlives the process that loaded it, for when the origin fails', async () => {
    const { clock, process, world } = setUp();
    await process({ staleIfError: '1h' }).get('a');
    await turns();
    await clock.advance(120_000);
    world.isDown = true;
    const two = process({ staleIfError: '1h' });
    expect(await two.get('a')).toBe('a1');
    expect(two.stats.l2).toMatchObject({ hits: 0, staleHits: 1 });
    world.isDown = false;
    world.version = 2;
    expect(await two.get('a')).toBe('a2');
    await clock.advance(3_700_000);
    world.isDown = true;
    await expect(process({ staleIfError: '1h' }).get('a')).rejects.toThrow('the origin is down');
  });

  it('is served at once from the second tier, and loaded anew', async () => {
    const { clock, store, process, world, loads } = setUp();
    await process({ staleWhileRevalidate: '1h' }).get('a');
    await turns();
    await clock.advance(60_000);
    world.version = 2;
    const two = process({ staleWhileRevalidate: '1h' });
    const answers = await Promise.all([two.get('a'), two.get('a')]);
    await turns();
    expect([answers, loads.length, two.peek('a')]).toEqual([['a1', 'a1'], 2, 'a2']);
    expect(store.operations.filter((operation) => operation === 'set a')).toHaveLength(2);
  });

  it('is told to the loader, as what there was', async () => {
    const { clock, process } = setUp();
    await process({ staleIfError: '1h' }).get('a');
    await turns();
    await clock.advance(60_000);
    const seen: unknown[] = [];
    const load = (key: string, { previous }: { previous: string | undefined }) => {
      seen.push(previous);
      return `${key}!`;
    };
    expect(await process({ staleIfError: '1h', load }).get('a')).toBe('a!');
    expect(seen).toEqual(['a1']);
  });

  it.each(['set', 'deleted'])('is not put back where the key was %s meanwhile', async (how) => {
    const { clock, store, process, world } = setUp();
    const options: Options = { staleIfError: '1h' };
    await process(options).get('a');
    await turns();
    await clock.advance(60_000);
    world.isDown = true;
    const two = process(options);
    const { letGo } = holdUp(store, 'after', isAbout('get'));
    const read = watch(two.get('a'));
    await turns();
    if (how === 'set') two.set('a', 'new');
    else two.delete('a');
    await letGo();
    const outcome = how === 'set' ? { value: 'new' } : { error: new Error('the origin is down') };
    expect(read).toMatchObject(outcome);
    if (how === 'set') expect(await two.get('a')).toBe('new');
    else await expect(two.get('a')).rejects.toThrow('the origin is down');
  });

  it('is not taken from the second tier where the first has a newer one', async () => {
    const { clock, store, process, world } = setUp();
    const one = process({ staleIfError: '1h' });
    await one.get('a');
    await turns();
    const older = store.kept.get('a')!;
    world.version = 2;
    await clock.advance(30_000);
    await one.refresh('a');
    await turns();
    store.kept.set('a', older); // from a process that was slow
    await clock.advance(60_000);
    world.isDown = true;
    expect(await one.get('a')).toBe('a2');
    expect(one.stats.l2.staleHits).toBe(1);
  });

  it('is not offered to a load that an invalidation has hit', async () => {
    const { clock, store, process, world } = setUp();
    const options: Options = { staleIfError: '1h', tags: () => ['t'] };
    await process(options).get('a');
    await turns();
    await clock.advance(60_000);
    world.isDown = true;
    const two = process(options);
    const { letGo } = holdUp(store, 'after', isAbout('get'));
    const read = watch(two.get('a'));
    await turns();
    two.applyInvalidation({ kind: 'deleteMatching', match: { tag: 't' } });
    await letGo();
    expect(read).toMatchObject({ state: 'rejected', error: new Error('the origin is down') });
    expect(two.peek('a')).toBeUndefined();
  });
});

describe('loading anew', () => {
  it('by XFetch goes by how long the origin took, wherever the value was loaded', async () => {
    const { clock, process, loads } = setUp();
    const slow = async (key: string) => {
      loads.push(key);
      await sleep(1000, { clock });
      return `${key}${loads.length}`;
    };
    const options = { load: slow, earlyExpiration: 1, random: () => 0.5 }; // early by 693 ms
    await later(clock, 1000, process(options).get('a'));
    const two = process(options);
    await two.get('a');
    await clock.advance(59_306);
    await two.get('a');
    await turns();
    expect(loads).toHaveLength(1);
    await clock.advance(1);
    await two.get('a');
    await turns();
    expect(loads).toHaveLength(2);
  });

  it('on demand goes to the origin, though the second tier has it', async () => {
    const { store, process, world } = setUp();
    const one = process();
    await one.get('a');
    world.version = 2;
    expect(await one.refresh('a')).toBe('a2');
    await turns();
    expect(await process().get('a')).toBe('a2');
    expect(store.operations.slice(0, 4)).toEqual(['get a', 'set a', 'set a', 'get a']);
  });

  it('ahead of the end goes to the origin, unless another process has done so', async () => {
    const { clock, process, world, loads } = setUp();
    const [one, two] = [process({ refreshAhead: 0.5 }), process({ refreshAhead: 0.5 })];
    await one.get('a');
    await turns();
    await two.get('a');
    await clock.advance(30_000);
    world.version = 2;
    expect(await one.get('a')).toBe('a1');
    await turns();
    expect([one.peek('a'), loads.length]).toEqual(['a2', 2]);
    expect(await two.get('a')).toBe('a1');
    await turns();
    expect([two.peek('a'), loads.length]).toEqual(['a2', 2]);
  });

  it('of what is stale takes what another process has loaded', async () => {
    const { clock, process, world, loads } = setUp();
    const options: Options = { staleWhileRevalidate: '1h' };
    const [one, two] = [process(options), process(options)];
    await one.get('a');
    await turns();
    await two.get('a');
    await clock.advance(60_000);
    world.version = 2;
    await one.get('a');
    await turns();
    expect(await two.get('a')).toBe('a1');
    await turns();
    expect([two.peek('a'), loads.length]).toEqual(['a2', 2]);
  });
});

describe('a write', () => {
  it('is in both tiers, in this process at once', async () => {
    const { store, loads, process } = setUp();
    const one = process();
    const written = one.set('a', 'new');
    expect(one.getSync('a')).toBe('new');
    expect(await written).toBe(true);
    expect([await process().get('a'), loads]).toEqual(['new', []]);
    expect(store.operations).toEqual(['set a', 'get a']);
  });

  it('follows the one before it to the same key; of those that wait only the last is needed', async () => {
    const { store, process } = setUp();
    const one = process();
    const { letGo } = holdUp(store, 'before', isAbout('set'));
    const written = [one.set('a', 'first')];
    await turns();
    written.push(one.set('a', 'second'), one.set('b', 'other'), one.set('a', 'third'));
    await turns();
    expect(store.operations).toEqual(['set a', 'set b']);
    await letGo();
    expect(await Promise.all(written)).toEqual([true, true, true, true]);
    expect(store.operations).toEqual(['set a', 'set b', 'set a']);
    expect(await process().get('a')).toBe('third');
  });

  it('is never overtaken by a load that began before it, in neither tier', async () => {
    const { process } = setUp();
    const origin = defer<string>();
    const one = process({ load: () => origin.promise });
    const read = one.get('a');
    await turns();
    await one.set('a', 'new');
    origin.resolve('old');
    expect(await read).toBe('new');
    await turns();
    expect([one.peek('a'), await process().get('a')]).toEqual(['new', 'new']);
  });

  it('that the second tier has missed is not undone by what that still has', async () => {
    const { clock, store, process, loads } = setUp();
    const one = process({ l1Ttl: 1000 });
    await one.set('a', 'old');
    store.before = () => Promise.reject(new Error('down'));
    expect(await one.set('a', 'new')).toBe(false);
    await clock.advance(1000);
    store.before = () => {};
    expect(one.stats.l2.pendingInvalidations).toBe(1);
    expect([await one.get('a'), loads]).toEqual(['a1', ['a']]); // from the origin, not 'old'
    await turns();
    expect([one.stats.l2.pendingInvalidations, await process().get('a')]).toEqual([0, 'a1']);
  });

  it('of what cannot be made data leaves nothing older behind, and no reader without an answer', async () => {
    const { clock, store } = setUp();
    const events: unknown[] = [];
    const one = tiered({ capacity: 10 }, store, { load: async () => 7n as bigint | number, clock });
    one.on('secondTier', ({ operation, error }) => events.push([operation, error instanceof TypeError]));
    await one.set('a', 1);
    expect(await one.set('a', 8n)).toBe(false);
    expect([one.peek('a'), await one.get('b'), one.stats.l2.pendingInvalidations]).toEqual([8n, 7n, 1]);
    await clock.advance(1000);
    await turns();
    expect([store.kept.size, one.stats.l2.pendingInvalidations]).toEqual([0, 0]);
    expect(one.stats.l2.failures).toBe(2);
    expect(events).toContainEqual(['set', true]);
  });
});

describe('an invalidation', () => {
  it('by key takes it out of both tiers', async () => {
    const { store, process, world } = setUp();
    const one = process();
    await one.get('a');
    world.version = 2;
    const deleted = one.delete('a');
    expect(one.peek('a')).toBeUndefined();
    expect(await deleted).toBe(true);
    expect([store.kept.size, await one.get('a')]).toEqual([0, 'a2']);
  });

  it.each([
    ['a tag', { tag: 't:a1' }, '{"tag":"p:t:a1"}'],
    ['a prefix', { prefix: 'a' }, '{"prefix":"p:a"}'],
    ['a glob', { glob: 'a*' }, '{"glob":"p:a*"}'],
  ])('by %s takes all that matches out of both tiers', async (_, match, told) => {
    const { store, process } = setUp();
    const one = process({ prefix: 'p:', tags: (value) => [`t:${value}`] });
    await one.getMany(['a', 'b']);
    await turns();
    expect(await one.deleteMatching(match)).toBe(true);
    expect([one.peek('a'), one.peek('b'), [...store.kept.keys()]]).toEqual([undefined, 'b1', ['p:b']]);
    expect(store.operations.at(-1)).toBe(`deleteMatching ${told}`);
  });

  it('reaches by tag what came from the second tier', async () => {
    const { process } = setUp();
    const options = { tags: () => ['t'] };
    await process(options).get('a');
    await turns();
    const two = process();
    await two.get('a');
    two.applyInvalidation({ kind: 'deleteMatching', match: { tag: 't' } });
    expect(two.peek('a')).toBeUndefined();
  });

  it('that only makes stale leaves the value where it may be served so, and takes it out of the second tier', async () => {
    const { store, process, world } = setUp();
    const one = process({ staleIfError: '1h', tags: () => ['t'] });
    await one.getMany(['a', 'b']);
    await turns();
    expect(await one.expire('a')).toBe(true);
    expect([...store.kept.keys()]).toEqual(['b']);
    expect(await one.expireMatching({ tag: 't' })).toBe(true);
    expect(store.kept.size).toBe(0);
    world.isDown = true;
    expect(await one.getMany(['a', 'b'])).toEqual(['a1', 'b1']);
  });

  it('of everything is of everything with the prefix', async () => {
    const { store, process } = setUp();
    const [one, other] = [process({ prefix: 'a*:' }), process({ prefix: 'ab:' })];
    await one.get('x');
    await other.get('x');
    await turns();
    expect(await one.deleteMatching({ glob: '*' })).toBe(true);
    expect([...store.kept.keys()]).toEqual(['ab:x']);
    await one.get('x');
    await turns();
    expect(await one.clear()).toBe(true);
    expect([one.peek('x'), [...store.kept.keys()]]).toEqual([undefined, ['ab:x']]);
  });

  it.each(['key', 'tag', 'prefix', 'everything'])('by %s is not undone by a read that began before it', async (by) => {
    const { store, process, world, loads } = setUp();
    const options = { tags: () => ['t'] };
    await process(options).get('a');
    await turns();
    const two = process(options);
    const { letGo } = holdUp(store, 'after', isAbout('get'));
    const read = two.get('a');
    await turns();
    world.version = 2;
    await invalidate(two, by);
    await letGo();
    expect(await read).toBe('a1'); // it had asked before
    expect([two.peek('a'), loads]).toEqual([undefined, ['a']]);
    expect(await two.get('a')).toBe('a2');
  });

  it.each(['key', 'tag', 'prefix', 'everything'])('by %s holds while the second tier is being told', async (by) => {
    const { store, process, world } = setUp();
    const options = { tags: () => ['t'] };
    await process(options).get('a');
    await turns();
    const two = process(options);
    const { letGo } = holdUp(store, 'before', (call) => call.operation.startsWith('delete'));
    world.version = 2;
    const deleted = invalidate(two, by);
    await turns();
    expect(store.kept.has('a')).toBe(true);
    expect(await two.get('a')).toBe('a2'); // not what the second tier still has
    expect(two.stats.l2.bypassed).toBe(1);
    await letGo();
    expect(await deleted).toBe(true);
    await two.get('b');
    expect(two.stats.l2).toMatchObject({ pendingInvalidations: 0, misses: 1 });
  });

  it.each(['key', 'tag', 'prefix', 'everything'])(
    'by %s that was lost is made good when the store is back',
    async (by) => {
      const { clock, store, process, world } = setUp();
      const options = { tags: () => ['t'], l1Ttl: 1000 };
      await process(options).get('a');
      await turns();
      const two = process(options);
      store.before = () => Promise.reject(new Error('down'));
      world.version = 2;
      expect(await invalidate(two, by)).toBe(false);
      expect(await two.get('a')).toBe('a2');
      await clock.advance(1000);
      store.before = () => {};
      expect(await two.get('a')).toBe('a2'); // the second tier has a1
      await turns();
      expect(two.stats.l2.pendingInvalidations).toBe(by === 'key' ? 0 : 1); // of a key the new value is there by now
      await clock.advance(1000);
      await turns();
      expect(two.stats.l2.pendingInvalidations).toBe(0);
      expect(store.kept.get('a')?.data ?? '').not.toContain('a1');
      expect(await process(options).get('a')).toBe('a2');
    },
  );

  it('meets a loaded value on its way to the second tier', async () => {
    const { store, process, world } = setUp();
    const one = process({ tags: () => ['t'] });
    for (const invalidation of [
      { kind: 'delete', key: 'a' },
      { kind: 'deleteMatching', match: { tag: 't' } },
      { kind: 'expireMatching', match: { prefix: 'a' } },
      { kind: 'clear' },
    ] as const) {
      const { letGo } = holdUp(store, 'before', isAbout('set'));
      await one.get('a'); // loaded, kept in the first tier, held up before the second
      await turns();
      world.version++;
      one.applyInvalidation(invalidation); // another process has written, and deleted it in the second tier
      await letGo();
      expect(store.kept.size).toBe(0);
      expect([await one.get('a'), one.stats.l2.pendingInvalidations]).toEqual([`a${world.version}`, 0]);
      await turns();
      await one.delete('a');
    }
  });

  it('that comes late meets a value that has just arrived in the second tier, and whoever may have read it', async () => {
    const { clock, store, process } = setUp();
    const one = process({ tags: () => ['t'] });
    const told: unknown[] = [];
    one.on('invalidate', (invalidation) => told.push(invalidation));
    const apply = async (invalidation: Invalidation<string>) => {
      one.applyInvalidation(invalidation);
      await turns();
    };
    await one.getMany(['a', 'b', 'c']);
    await turns();
    await apply({ kind: 'delete', key: 'a', isEcho: true });
    expect([store.kept.size, told]).toEqual([3, []]);
    await apply({ kind: 'delete', key: 'a' });
    expect([[...store.kept.keys()], told]).toEqual([['b', 'c'], [{ kind: 'delete', key: 'a', isEcho: true }]]);
    await apply({ kind: 'delete', key: 'a' });
    await one.delete('b');
    await one.get('b');
    await turns();
    expect(told).toHaveLength(2);
    await clock.advance(1000);
    await apply({ kind: 'expireMatching', match: { tag: 't' } });
    expect([store.kept.size, told.length]).toEqual([0, 3]);
    await one.get('d');
    await turns();
    await clock.advance(2000); // too late for a word
    await apply({ kind: 'clear' });
    expect([[...store.kept.keys()], told.length]).toEqual([['d'], 3]);
  });

  it('elsewhere does not cost what was set here, where it could not be had again', async () => {
    const { clock, store } = setUp();
    const one = tiered<string>({ capacity: 10 }, store, { clock });
    await one.set('a', 'x');
    one.applyInvalidation({ kind: 'delete', key: 'a' });
    await turns();
    expect(await one.get('a')).toBe('x');
  });

  it('meets a value that was set, and has not arrived yet; it is not done before that is gone', async () => {
    const { clock, store, process } = setUp();
    const one = process({ tags: () => ['t'] });
    const told: unknown[] = [];
    const { held } = holdUp(store, 'before', isAbout('set'));
    const written = one.set('a', 'old');
    await turns();
    one.on('invalidate', (invalidation) => told.push(invalidation));
    const deleted = watch(one.deleteMatching({ tag: 't' }));
    await turns();
    expect([deleted.state, told]).toEqual(['pending', []]);
    store.before = ({ operation }) => (operation === 'delete' ? Promise.reject(new Error('down')) : undefined);
    for (const gate of held) gate.resolve();
    await written;
    await turns();
    expect([deleted.value, store.kept.size]).toEqual([false, 1]);
    store.before = () => {};
    await clock.advance(1000);
    await turns();
    expect([store.kept.size, one.stats.l2.pendingInvalidations]).toEqual([0, 0]);
  });

  it('of one key leaves values of other keys on their way', async () => {
    const { store, process } = setUp();
    const one = process({ tags: (value) => [value] });
    const { letGo } = holdUp(store, 'before', isAbout('set'));
    await one.get('a');
    await turns();
    one.applyInvalidation({ kind: 'delete', key: 'b' });
    one.applyInvalidation({ kind: 'deleteMatching', match: { tag: 'b1' } });
    await letGo();
    expect([...store.kept.keys()]).toEqual(['a']);
  });

  it('is told when both tiers have it; what others have told is not told on', async () => {
    const { store, process } = setUp();
    const one = process();
    const told: unknown[] = [];
    one.on('invalidate', (invalidation) => told.push([invalidation, store.operations.length]));
    await one.set('a', 'x');
    await one.delete('a');
    await one.expire('a');
    await one.deleteMatching({ tag: 't' });
    await one.expireMatching({ prefix: 'p' });
    await one.clear();
    one.applyInvalidation({ kind: 'clear' });
    expect(told).toEqual([
      [{ kind: 'delete', key: 'a' }, 1],
      [{ kind: 'delete', key: 'a' }, 2],
      [{ kind: 'expire', key: 'a' }, 3],
      [{ kind: 'deleteMatching', match: { tag: 't' } }, 4],
      [{ kind: 'expireMatching', match: { prefix: 'p' } }, 5],
      [{ kind: 'clear' }, 6],
    ]);
    expect(store.operations).toHaveLength(6);
  });

  it('that is none is refused, and nothing happens', async () => {
    const { store, process } = setUp();
    const one = process();
    await one.get('a');
    await turns();
    await expect(one.deleteMatching({} as never)).rejects.toThrow('"match" must have exactly one of');
    expect(() => one.applyInvalidation({ kind: 'drop' } as never)).toThrow('"invalidation" must have one of the kinds');
    expect([one.peek('a'), store.kept.size]).toEqual(['a1', 1]);
  });
});

function invalidate(cache: TieredCache<string>, by: string): Promise<boolean> {
  if (by === 'key') return cache.delete('a');
  if (by === 'everything') return cache.clear();
  return cache.deleteMatching(by === 'tag' ? { tag: 't' } : { prefix: 'a' });
}

describe('a write whose time was over, and which the store does all the same', () => {
  it.each(['deleted', 'set again'])('does not stay when the key was %s meanwhile', async (how) => {
    const { clock, store, process, world } = setUp();
    const one = process({ l1Ttl: 1000 });
    const late = defer<void>();
    let sets = 0;
    store.before = ({ operation }) => (operation === 'set' && ++sets === 1 ? late.promise : undefined);
    await one.get('a');
    await turns();
    await clock.advance(250);
    await turns();
    world.version = 2;
    expect(await (how === 'deleted' ? one.delete('a') : one.set('a', 'a2'))).toBe(false); // it may still come
    expect(one.stats.l2.pendingInvalidations).toBe(1);
    await clock.advance(1000);
    expect([await one.get('a'), one.stats.l2.bypassed]).toEqual(['a2', 1]);
    const told: unknown[] = [];
    one.on('invalidate', (invalidation) => told.push(invalidation));
    late.resolve();
    await turns();
    expect([await process().get('a'), one.stats.l2.pendingInvalidations]).toEqual(['a2', 0]);
    expect(told).toEqual([{ kind: 'delete', key: 'a', isEcho: true }]);
  });

  it('is nothing to wait for where it has failed', async () => {
    const { store, process } = setUp();
    const one = process();
    store.before = () => Promise.reject(new Error('down'));
    await one.set('a', 'x');
    await turns();
    expect(store.operations).toEqual(['set a']);
  });
});

describe('what is loaded anew', () => {
  it('and could not be told the second tier is not forgotten for what that has', async () => {
    const { clock, store, process, world } = setUp();
    const one = process({ l1Ttl: 1000 });
    await one.get('a');
    await turns();
    world.version = 2;
    store.before = ({ operation }) => (operation === 'set' ? Promise.reject(new Error('read only')) : undefined);
    expect(await one.refresh('a')).toBe('a2');
    await turns();
    await clock.advance(1000);
    expect(await one.get('a')).toBe('a2');
  });
});

it('a store that calls back while it is being told has the last word last', async () => {
  const { store, process, world } = setUp();
  const one = process();
  let isFirst = true;
  store.before = ({ operation }) => {
    if (operation !== 'set' || !isFirst) return;
    isFirst = false;
    world.version = 2;
    one.delete('a');
  };
  await one.get('a');
  await turns();
  expect([store.kept.size, await one.get('a')]).toEqual([0, 'a2']);
});

it('a store that has nothing may say null', async () => {
  const { store, process } = setUp();
  store.get = async () => null as never;
  const one = process();
  expect([await one.get('a'), one.stats.l2.misses, one.stats.l2.failures]).toEqual(['a1', 1, 0]);
});

describe('what the store could not be told', () => {
  it('is told again every second, and what it will never do keeps nothing else from it', async () => {
    const { clock, store, process } = setUp();
    const one = process();
    store.before = () => Promise.reject(new Error('down'));
    await one.deleteMatching({ glob: '*' });
    await one.delete('a');
    await one.delete('b');
    store.before = ({ operation }) =>
      operation === 'deleteMatching' ? Promise.reject(new Error('cannot')) : undefined;
    store.calls.length = 0;
    await clock.advance(999);
    await turns();
    expect(store.operations).toEqual([]);
    await clock.advance(1);
    await turns();
    expect(store.operations).toEqual(['deleteMatching {"glob":"*"}']);
    await clock.advance(1000);
    await turns();
    expect(store.operations.slice(1)).toEqual(['delete a', 'delete b', 'deleteMatching {"glob":"*"}']);
    expect([one.stats.l2.pendingInvalidations, clock.pendingTimers]).toEqual([1, 1]);
    store.before = () => {};
    await one.onIdle();
    expect(one.stats.l2.pendingInvalidations).toBe(0);
    await clock.advance(1000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is told to others when it has been done: they may have read it there meanwhile', async () => {
    const { clock, store, process } = setUp();
    const one = process();
    store.before = () => Promise.reject(new Error('down'));
    await one.delete('a');
    await one.deleteMatching({ tag: 't' });
    const told: unknown[] = [];
    one.on('invalidate', (invalidation) => told.push(invalidation));
    store.before = () => {};
    await clock.advance(1000);
    await turns();
    expect(told).toEqual([
      { kind: 'delete', key: 'a', isEcho: true },
      { kind: 'deleteMatching', match: { tag: 't' }, isEcho: true },
    ]);
  });

  it('by prefix keeps its keys from being asked for there, by tag only what has the tag from being believed', async () => {
    const { store, process } = setUp();
    const one = process({ prefix: 'p:', tags: () => ['t'] });
    await one.get('ax');
    await turns();
    const two = process({ prefix: 'p:' });
    store.before = () => Promise.reject(new Error('down'));
    await two.deleteMatching({ prefix: 'a' });
    await two.deleteMatching({ tag: 't' });
    await two.deleteMatching({ tag: 'u' });
    store.before = ({ operation }) =>
      operation === 'deleteMatching' ? Promise.reject(new Error('cannot')) : undefined;
    store.calls.length = 0;
    await two.get('ax');
    await two.get('b');
    await turns();
    expect(store.operations.filter((operation) => operation.startsWith('get'))).toEqual(['get p:b']);
    expect(two.stats.l2).toMatchObject({ pendingInvalidations: 3, bypassed: 1 });
  });

  it('is of no more use once the key is there anew', async () => {
    const { store, process } = setUp();
    const one = process();
    store.before = ({ operation }) => (operation === 'delete' ? Promise.reject(new Error('down')) : undefined);
    await one.delete('a');
    await one.get('a');
    await turns();
    expect(one.stats.l2.pendingInvalidations).toBe(0);
    expect(await process().get('a')).toBe('a1');
  });

  it('and is settled otherwise meanwhile is not told', async () => {
    const { clock, store, process } = setUp();
    const one = process();
    store.before = () => Promise.reject(new Error('down'));
    await one.delete('a');
    store.before = () => {};
    store.calls.length = 0;
    await one.delete('a');
    await clock.advance(1000);
    await one.set('b', 'x');
    await turns();
    expect(store.operations).toEqual(['delete a', 'set b']);
  });
});

describe('a second tier that is not well', () => {
  it('and fails is a miss; after five failures in a row it is left alone for a second', async () => {
    const { clock, store, process, loads } = setUp();
    store.before = () => Promise.reject(new Error('down'));
    const one = process();
    const errors: unknown[] = [];
    one.on('secondTier', ({ error }) => errors.push(error));
    for (const key of ['a', 'b', 'c', 'd']) expect(await one.get(key)).toBe(`${key}1`);
    await turns();
    expect([store.calls.length, loads.length]).toEqual([5, 4]);
    expect(one.stats.l2).toMatchObject({ failures: errors.length, hits: 0, misses: 0, hitRatio: 0 });
    expect(errors.at(-1)).toBeInstanceOf(CircuitOpenError);
    store.before = () => {};
    await clock.advance(1000);
    await one.get('e');
    await turns();
    expect(store.kept.has('e')).toBe(true);
  });

  it('and brings another number than it was asked for is a miss', async () => {
    const { store, process } = setUp();
    store.getMany = async () => [];
    const one = process();
    expect(await one.getMany(['a', 'b'])).toEqual(['a1', 'b1']);
    expect(one.stats.l2.failures).toBe(1);
  });

  it('and hangs costs no more than l2Timeout', async () => {
    const { clock, store, process } = setUp();
    store.before = () => new Promise(() => {});
    const one = process({ l2Timeout: 100 });
    const errors: unknown[] = [];
    one.on('secondTier', ({ operation, durationMs, error }) => errors.push([operation, durationMs, error]));
    const read = watch(one.get('a'));
    await turns();
    await clock.advance(99);
    expect(read.state).toBe('pending');
    expect(await later(clock, 1, one.get('a'))).toBe('a1');
    expect(errors).toEqual([['get', 100, expect.any(TimeoutError)]]);
    expect(store.calls[0]!.signal.aborted).toBe(true);
  });

  it('has 250 ms, unless told otherwise', async () => {
    const { clock, store, process } = setUp();
    store.before = () => new Promise(() => {});
    const read = watch(process().get('a'));
    await turns();
    await clock.advance(249);
    await turns();
    expect(read.state).toBe('pending');
    await clock.advance(1);
    await turns();
    expect(read.value).toBe('a1');
  });

  it('goes through a policy of yours', async () => {
    const { clock, store, process } = setUp();
    const breaker = circuitBreaker({ consecutiveFailures: 1, openFor: '1m', clock });
    store.before = () => Promise.reject(new Error('down'));
    const one = process({ l2Policy: breaker });
    await one.get('a');
    await turns();
    expect([breaker.state, store.calls.length]).toEqual(['open', 1]);
  });

  it('and has something else under a key is a miss, and is put right', async () => {
    const { store, process, clock } = setUp();
    for (const data of [
      'no JSON',
      '7',
      'null',
      '{"staleMs":-1,"loadMs":0,"tags":[]}',
      '{"staleMs":0,"loadMs":-1,"tags":[]}',
      '{"staleMs":"0","loadMs":0,"tags":[]}',
      '{"staleMs":0,"tags":[]}',
      '{"staleMs":0,"loadMs":0,"tags":[7]}',
      '{"staleMs":0,"loadMs":0}',
    ]) {
      store.kept.set('a', { data, tags: [], endsAt: Infinity });
      const one = process();
      expect([await one.get('a'), one.stats.l2.failures]).toEqual(['a1', 1]);
      await turns();
      expect(JSON.parse(store.kept.get('a')!.data)).toMatchObject({ value: 'a1' });
    }
    store.kept.set('a', { data: store.kept.get('a')!.data, tags: [], endsAt: Number.NaN });
    store.get = async (key) => ({ data: store.kept.get(key)!.data, remainingMs: Number.NaN });
    const one = process();
    expect([await one.get('a'), one.stats.l2.failures]).toEqual(['a1', 1]);
    await turns();
    expect(clock.pendingTimers).toBe(0);
  });

  it('that cannot be told of more than ten thousand keys is in doubt as a whole, and forgets everything', async () => {
    const { clock, store, process } = setUp();
    const one = process();
    await one.set('kept', 'old');
    store.before = () => Promise.reject(new Error('down'));
    for (let i = 0; i < 10_000; i++) await one.delete(`k${i}`);
    expect(one.stats.l2.pendingInvalidations).toBe(10_000);
    await one.delete('one more');
    expect(one.stats.l2.pendingInvalidations).toBe(1);
    one.applyInvalidation({ kind: 'clear' });
    store.before = () => {};
    store.calls.length = 0;
    expect(await one.get('kept')).toBe('kept1');
    expect(store.operations.includes('get kept')).toBe(false);
    await clock.advance(1000);
    await turns();
    expect(one.stats.l2.pendingInvalidations).toBe(0);
    expect(store.operations).toContain('deleteMatching {"prefix":""}');
  });

  it('is in no doubt over however many writes are on their way, as long as they work', async () => {
    const { clock, store, process } = setUp();
    const one = process();
    const keys = Array.from({ length: 10_001 }, (_, i) => `k${i}`);
    expect(new Set(await Promise.all(keys.map((key) => one.set(key, 'x'))))).toEqual(new Set([true]));
    await clock.advance(1000);
    await turns();
    expect([store.kept.size, one.stats.l2.pendingInvalidations]).toEqual([10_001, 0]);
  });
});

it('tells when nothing is on its way to the second tier any more', async () => {
  const { store, process } = setUp();
  const one = process();
  await one.onIdle();
  const { letGo } = holdUp(store, 'before', isAbout('set'));
  await one.get('a');
  const idle = watch(one.onIdle());
  await turns();
  one.set('a', 'x');
  await turns();
  expect(idle.state).toBe('pending');
  await letGo();
  expect([idle.state, JSON.parse(store.kept.get('a')!.data).value]).toEqual(['fulfilled', 'x']);
});

it('forgets whose turn it was to write', async () => {
  const { process } = setUp();
  const one = process();
  for (const key of ['a', 'a', 'b']) await one.set(key, 'x');
  const idle = watch(one.onIdle());
  await turns();
  expect(idle.state).toBe('fulfilled');
});

describe('what is counted', () => {
  it('of reads of the second tier, by what came of them', async () => {
    const { clock, store, process } = setUp();
    const options: Options = { staleIfError: '1h' };
    const first = process(options);
    await first.get('stale');
    await turns();
    await clock.advance(60_000);
    await first.get('fresh');
    await turns();
    const one = process(options);
    expect(one.stats.l2.hitRatio).toBe(0);
    for (const key of ['fresh', 'missing', 'absent', 'stale']) await one.get(key);
    await turns();
    store.before = () => Promise.reject(new Error('down'));
    await one.get('unreadable');
    await turns();
    expect(one.stats.l2).toMatchObject({ hits: 1, misses: 2, staleHits: 1, hitRatio: 0.2, failures: 2 });
    expect(one.stats.l1.hitRatio).toBe(0);
  });

  it('hits and latency of each tier, loads of the origin', async () => {
    const { clock, store, process } = setUp();
    store.before = () => sleep(20, { clock });
    const load = async (key: string) => {
      await sleep(100, { clock });
      if (key === 'bad') throw new Error('bad');
      return key;
    };
    const one = process({ load });
    const events: unknown[] = [];
    one.on('secondTier', (event) => events.push(event));
    const loaded: unknown[] = [];
    one.on('load', ({ key }) => loaded.push(key));
    one.on('loadError', ({ key }) => loaded.push(`${key}!`));
    await later(clock, 200, watch(one.get('a')).done);
    await later(clock, 200, watch(one.get('bad')).done);
    await one.get('a');
    expect(one.stats.l1).toMatchObject({ hits: 1, misses: 2, loads: 2, hitRatio: 1 / 3 });
    expect(one.stats.l2).toMatchObject({
      hits: 0,
      misses: 2,
      failures: 0,
      latency: { calls: 3, meanMs: 20, maxMs: 20 },
    });
    expect(one.stats.origin).toEqual({ calls: 1, meanMs: 100, maxMs: 100, failures: 1 });
    const two = process({ load });
    await later(clock, 200, watch(two.get('a')).done);
    expect([two.stats.l2.hitRatio, two.stats.origin.calls]).toEqual([1, 0]);
    expect(events).toEqual([
      { operation: 'get', keys: 1, durationMs: 20 },
      { operation: 'set', keys: 1, durationMs: 20 },
      { operation: 'get', keys: 1, durationMs: 20 },
    ]);
    expect(loaded).toEqual(['a', 'bad!']);
  });
});

describe('what it is made of', () => {
  it('any cache is a first tier', async () => {
    const { clock, store } = setUp();
    type Entry = CachedEntry<string>;
    for (const l1 of [
      new Map<string, Entry>(),
      new LRUCache<string, Entry>({ max: 2 }),
      new LruCache<string, Entry>({ capacity: 2 }),
    ]) {
      const one = tiered(l1, store, { load: async (key: string) => `${key}!`, clock });
      expect([await one.get('a'), one.getSync('a'), l1.get('a')!.value]).toEqual(['a!', 'a!', 'a!']);
    }
  });

  const messagePack: Serializer<Uint8Array> = { serialize: encode, deserialize: (data) => decode(data) };
  it.each([
    ['node:v8', v8],
    ['MessagePack', messagePack],
  ])('values can be made bytes, by %s', async (_, serializer) => {
    const clock = new TestClock();
    const store = new MapStore<Uint8Array>(clock);
    const options = { load: async () => ({ at: new Date(7), bytes: Uint8Array.of(1, 2) }), serializer, clock };
    await tiered({ capacity: 10 }, store, options).get('a');
    await turns();
    const unused = async (): Promise<never> => Promise.reject(new Error('not needed'));
    const { at, bytes } = await tiered({ capacity: 10 }, store, {
      ...options,
      load: unused as typeof options.load,
    }).get('a');
    expect([at, [...bytes]]).toEqual([new Date(7), [1, 2]]);
  });

  it('many keys can be loaded at once', async () => {
    const { clock, store } = setUp();
    const asked: string[][] = [];
    const loadMany = async (keys: readonly string[]) => {
      asked.push([...keys]);
      return new Map(keys.map((key) => [key, key.toUpperCase()]));
    };
    const one = tiered({ capacity: 10 }, store, { loadMany, clock });
    expect(await one.getMany(['a', 'b'])).toEqual(['A', 'B']);
    await turns();
    expect([asked, store.operations]).toEqual([[['a', 'b']], ['getMany a,b', 'set a', 'set b']]);
    expect(await one.warmUp(['a', 'c'])).toEqual({ loaded: 2, failed: 0 });
  });

  it('without an origin it has what was put there, and undefined for the rest', async () => {
    const { clock, store } = setUp();
    const make = () => tiered<string>({ capacity: 10 }, store, { ttl: '1m', clock });
    const one = make();
    expect(await one.get('a')).toBeUndefined();
    await turns();
    expect(store.kept.size).toBe(0);
    expect(await one.get('a')).toBeUndefined();
    expect(store.operations).toEqual(['get a', 'get a']);
    await one.set('a', 'x');
    expect([await one.get('a'), await make().get('a'), await one.refresh('b')]).toEqual(['x', 'x', undefined]);
    expect([await one.refresh('a'), one.peek('a')]).toEqual(['x', 'x']); // from the second tier: there is no other place
    expect(await one.delete('a')).toBe(true);
    expect(await make().get('a')).toBeUndefined();
  });

  it.each([
    [{ load: undefined, staleIfError: '1m' }, '"staleIfError" needs "load" or "loadMany"'],
    [{ load: undefined, policy: circuitBreaker() }, '"policy" needs "load" or "loadMany"'],
    [{ l1Ttl: 0 }, '"l1Ttl" must be'],
    [{ l2Timeout: Infinity }, '"l2Timeout" must be'],
    [{ l2Policy: {} }, '"l2Policy" must be an object with'],
    [{ prefix: 7 }, '"prefix" must be a string'],
    [{ serializer: {} }, '"serializer" must be an object with serialize, deserialize'],
    [{ capacity: 7 }, '"capacity" is unknown'],
    [{ ttl: -1 }, '"ttl" must be'],
  ])('refuses %o', (options, message) => {
    expect(() => setUp().process(options as never)).toThrow(message);
  });

  it.each([
    [undefined, { capacity: 0 }, '"capacity" must be'],
    [undefined, {}, '"capacity" or "cache" is required'],
    [undefined, { size: 7 }, '"l1.size" is unknown'],
    [undefined, { get: 7 }, '"l1" must be an object with get, set, delete'],
    [undefined, null, '"l1" must be an object with get, set, delete'],
    [{ get: () => {} }, { capacity: 7 }, '"l2" must be an object with get, set, delete, deleteMatching'],
  ])('refuses the tiers %o and %o', (l2, l1, message) => {
    const { store, clock } = setUp();
    expect(() => tiered(l1 as never, (l2 ?? store) as never, { load: async () => 1, clock })).toThrow(message);
  });
});
