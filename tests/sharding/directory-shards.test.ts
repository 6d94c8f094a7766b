import { type DirectoryEvents, directoryShards } from 'breakwater/sharding';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, microtasks, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';

type Options = NonNullable<Parameters<typeof directoryShards>[0]>;

/** A directory whose loads are settled by the test; `calls` contains all of them. */
function manualDirectory(options: Options = {}) {
  const calls: (Deferred<string | undefined> & { key: string; signal: AbortSignal })[] = [];
  const clock = new TestClock();
  const directory = directoryShards({
    clock,
    load(key, { signal }) {
      const call = { ...defer<string | undefined>(), key, signal };
      calls.push(call);
      return call.promise;
    },
    ...options,
  });
  return { directory, calls, clock };
}

describe('Fixed entries', () => {
  it('a fixed entry is returned without a load until it is deleted', async () => {
    const { directory, calls } = manualDirectory({ entries: new Map([['acme', 'db-1']]) });
    expect(await directory.get('acme')).toBe('db-1');
    expect([directory.delete('acme'), directory.delete('acme'), calls.length]).toEqual([true, false, 0]);
    const answer = directory.get('acme');
    calls[0]?.resolve('db-2');
    expect(await answer).toBe('db-2');
  });

  it('set replaces a loaded shard and is not invalidated', async () => {
    const { directory, calls } = manualDirectory();
    const first = directory.get('acme');
    calls[0]?.resolve('db-1');
    await first;
    directory.set('acme', 'db-2');
    expect([await directory.get('acme'), directory.size, calls.length]).toEqual(['db-2', 0, 1]);
    directory.set('acme', 'db-3');
    directory.invalidate('acme');
    directory.invalidateAll();
    expect([await directory.get('acme'), directory.shards]).toEqual(['db-3', ['db-3']]);
  });

  it('names such as __proto__ are ordinary keys', async () => {
    const directory = directoryShards({ entries: [['__proto__', 'a']] });
    expect([await directory.get('__proto__'), await directory.get('constructor')]).toEqual(['a', undefined]);
  });
});

describe('The default option', () => {
  it('the default returns a shard for unknown keys, as a name or a function', async () => {
    expect(await directoryShards({ default: 'rest' }).get('k')).toBe('rest');
    const own = directoryShards({
      load: () => undefined,
      default: (key) => (key === 'none' ? undefined : `for-${key}`),
    });
    expect([await own.get('k'), await own.get('none')]).toEqual(['for-k', undefined]);
    expect([directoryShards({ default: 'rest' }).shards, own.shards]).toEqual([['rest'], []]);
  });

  it('the default does not apply after a failed load', async () => {
    const load = () => Promise.reject(new Error('down'));
    await expect(directoryShards({ load, default: 'rest' }).get('k')).rejects.toThrow('down');
  });
});

describe('The load option', () => {
  it('concurrent calls share one load', async () => {
    const { directory, calls } = manualDirectory();
    const answers = [directory.get('k'), directory.get('k'), directory.get('other')];
    expect(calls.map(({ key }) => key)).toEqual(['k', 'other']);
    calls[0]?.resolve('a');
    calls[1]?.resolve('b');
    expect(await Promise.all(answers)).toEqual(['a', 'a', 'b']);
  });

  it('a loaded shard is not loaded again before its TTL has passed', async () => {
    const { directory, calls, clock } = manualDirectory({ ttl: '1m' });
    directory.get('k');
    await clock.advance(30_000);
    calls[0]?.resolve('a');
    await settle();
    await clock.advance(59_999);
    expect(await directory.get('k')).toBe('a');
    await clock.advance(1);
    directory.get('k');
    expect(calls.length).toBe(2);
  });

  it('an unknown key is loaded again unless negativeTtl is set', async () => {
    let count = 0;
    const load = () => void count++;
    const none = directoryShards({ load });
    expect([await none.get('k'), await none.get('k'), count, none.size]).toEqual([undefined, undefined, 2, 0]);
    const clock = new TestClock();
    const kept = directoryShards({ load, negativeTtl: '1s', clock, default: 'rest' });
    expect([await kept.get('k'), await kept.get('k'), count, kept.size, kept.shards]).toEqual([
      'rest',
      'rest',
      3,
      1,
      ['rest'],
    ]);
    await clock.advance(1000);
    await kept.get('k');
    expect(count).toBe(4);
  });

  it('a failed load rejects all waiters and is not cached', async () => {
    const { directory, calls } = manualDirectory();
    const first = [watch(directory.get('k')), watch(directory.get('k'))];
    calls[0]?.reject(new Error('down'));
    await settle();
    expect(first.map(({ error }) => error)).toEqual([new Error('down'), new Error('down')]);
    const second = directory.get('k');
    calls[1]?.resolve('a');
    expect(await second).toBe('a');
  });

  it('load can throw, return a shard or return a thenable', async () => {
    const answers: (() => unknown)[] = [
      () => {
        throw new Error('at once');
      },
      () => 'sync',
      () => ({ then: (resolve: (shard: string) => void) => resolve('then') }),
    ];
    const directory = directoryShards({ load: () => answers.shift()?.() as string });
    await expect(directory.get('a')).rejects.toThrow('at once');
    expect([await directory.get('b'), await directory.get('c')]).toEqual(['sync', 'then']);
  });

  it('a result of load or default that is not a shard name rejects the call', async () => {
    for (const answer of ['', 5, null, {}]) {
      const directory = directoryShards({ load: () => answer as never });
      await expect(directory.get('k')).rejects.toThrow('"the result of load" must be a string that is not empty');
      expect(directory.size).toBe(0);
    }
    await expect(directoryShards({ default: () => '' }).get('k')).rejects.toThrow('"the result of default"');
  });

  it('the directory keeps at most capacity loaded shards, the most recently used ones', async () => {
    const asked: string[] = [];
    const directory = directoryShards({
      load: (key) => {
        asked.push(key);
        return `shard-${key}`;
      },
      capacity: 2,
    });
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await directory.get(key);
    expect([asked, directory.size, directory.shards]).toEqual([['a', 'b', 'c', 'b'], 2, ['shard-a', 'shard-b']]);
  });

  it('load can call the directory', async () => {
    const directory: ReturnType<typeof directoryShards> = directoryShards({
      load(key) {
        if (key === 'set') directory.set(key, 'inside');
        if (key === 'invalidate') directory.invalidate(key);
        if (key === 'get') return directory.get('set');
        return 'loaded';
      },
    });
    expect([await directory.get('set'), await directory.get('get')]).toEqual(['inside', 'inside']);
    expect([await directory.get('invalidate'), directory.size]).toEqual(['loaded', 1]);
  });
});

describe('invalidateAll', () => {
  it('invalidateAll removes all loaded shards', async () => {
    const { directory, calls } = manualDirectory();
    for (const key of ['a', 'b']) directory.get(key);
    for (const call of calls) call.resolve('x');
    await settle();
    directory.invalidateAll();
    for (const key of ['a', 'b']) directory.get(key);
    expect([directory.size, calls.length]).toEqual([0, 4]);
  });
});

describe('The staleIfError option', () => {
  it('a failed load returns the stale shard until staleIfError has passed', async () => {
    const { directory, calls, clock } = manualDirectory({ ttl: '1m', staleIfError: '1h' });
    const failures: DirectoryEvents['loadFailure'][] = [];
    directory.on('loadFailure', (event) => failures.push(event));
    directory.get('k');
    calls[0]?.resolve('a');
    await clock.advance(60_000);
    const error = new Error('down');
    const stale = directory.get('k');
    calls[1]?.reject(error);
    expect([await stale, calls.length]).toEqual(['a', 2]);
    await clock.advance(3_599_999);
    const late = directory.get('k');
    calls[2]?.reject(error);
    expect(await late).toBe('a');
    await clock.advance(1);
    const tooLate = directory.get('k');
    calls[3]?.reject(error);
    await expect(tooLate).rejects.toBe(error);
    expect(failures).toEqual([
      { key: 'k', error, servedStale: 'a' },
      { key: 'k', error, servedStale: 'a' },
      { key: 'k', error, servedStale: undefined },
    ]);
    expect(directory.size).toBe(0);
  });

  it('invalidated keys and negative entries are not served stale', async () => {
    const { directory, calls, clock } = manualDirectory({ ttl: '1m', negativeTtl: '1m', staleIfError: '1h' });
    directory.get('k');
    directory.get('none');
    calls[0]?.resolve('a');
    calls[1]?.resolve(undefined);
    await clock.advance(60_000);
    directory.invalidate('k');
    const answers = [watch(directory.get('k')), watch(directory.get('none'))];
    directory.get('later').catch(() => {});
    calls[2]?.reject(new Error('down'));
    calls[3]?.reject(new Error('down'));
    await settle();
    expect(answers.map(({ state }) => state)).toEqual(['rejected', 'rejected']);
  });

  it('a key that is invalidated during its load is not served stale', async () => {
    const { directory, calls, clock } = manualDirectory({ ttl: '1m', staleIfError: '1h' });
    directory.get('k');
    calls[0]?.resolve('a');
    await clock.advance(60_000);
    const answer = directory.get('k');
    directory.invalidate('k');
    calls[1]?.reject(new Error('down'));
    await expect(answer).rejects.toThrow('down');
  });
});

describe('Changes during a load', () => {
  it('set settles all waiters at once and aborts the load', async () => {
    const { directory, calls } = manualDirectory();
    const answers = [directory.get('k'), directory.get('k', { signal: new AbortController().signal })];
    directory.set('k', 'set');
    expect([await Promise.all(answers), calls[0]?.signal.aborted]).toEqual([['set', 'set'], true]);
    calls[0]?.resolve('loaded');
    await settle();
    expect([await directory.get('k'), directory.size]).toEqual(['set', 0]);
  });

  it.each(['invalidate', 'delete', 'invalidateAll'] as const)(
    'waiters receive the result of the load, which is not cached, after %s',
    async (verb) => {
      const { directory, calls } = manualDirectory();
      const before = directory.get('k');
      directory[verb]('k');
      const after = directory.get('k');
      expect(calls.length).toBe(2);
      calls[1]?.resolve('new');
      expect(await after).toBe('new');
      calls[0]?.resolve('old');
      expect([await before, await directory.get('k'), calls.length]).toEqual(['old', 'new', 2]);
      expect(calls.map(({ signal }) => signal.aborted)).toEqual([false, false]);
    },
  );

  it('a load that ends after set and delete is not cached', async () => {
    const { directory, calls } = manualDirectory();
    const before = directory.get('k');
    directory.set('k', 'set');
    directory.delete('k');
    calls[0]?.resolve('old');
    expect([await before, directory.size]).toEqual(['set', 0]);
  });
});

describe('The signal option', () => {
  it('an abort rejects its own call and not the load while other waiters remain', async () => {
    const { directory, calls } = manualDirectory();
    const controller = new AbortController();
    const reason = new Error('left');
    const gone = watch(directory.get('k', { signal: controller.signal }));
    const stays = directory.get('k');
    controller.abort(reason);
    await microtasks(5);
    expect([gone.error, calls[0]?.signal.aborted]).toEqual([reason, false]);
    calls[0]?.resolve('a');
    expect([await stays, await directory.get('k'), calls.length]).toEqual(['a', 'a', 1]);
  });

  it('the abort of the last waiter aborts the load, and the next call starts a new load', async () => {
    const { directory, calls } = manualDirectory();
    const controllers = [new AbortController(), new AbortController()];
    const waits = controllers.map(({ signal }) => watch(directory.get('k', { signal })));
    controllers[0]?.abort();
    expect(calls[0]?.signal.aborted).toBe(false);
    const reason = new Error('the last');
    controllers[1]?.abort(reason);
    expect([calls[0]?.signal.aborted, calls[0]?.signal.reason]).toEqual([true, reason]);
    const next = directory.get('k');
    expect(calls.length).toBe(2);
    calls[0]?.resolve('old');
    await settle();
    calls[1]?.resolve('new');
    expect([await next, await directory.get('k')]).toEqual(['new', 'new']);
    expect(waits.map(({ state }) => state)).toEqual(['rejected', 'rejected']);
  });

  it('an abort after the load has settled has no effect', async () => {
    const { directory, calls } = manualDirectory();
    const controller = new AbortController();
    const answer = directory.get('k', { signal: controller.signal });
    calls[0]?.resolve('a');
    controller.abort(new Error('too late'));
    expect(await answer).toBe('a');
  });

  it('an aborted signal rejects the call without a load', async () => {
    const { directory, calls } = manualDirectory({ entries: [['known', 'a']] });
    const signal = AbortSignal.abort(new Error('before'));
    await expect(directory.get('k', { signal })).rejects.toThrow('before');
    await expect(directory.get('known', { signal })).rejects.toThrow('before');
    expect(calls.length).toBe(0);
  });

  it('a settled call leaves no listener on its signal', async () => {
    const { directory, calls } = manualDirectory();
    const { controller, listeners } = countingController();
    const ends = [
      (i: number) => calls[i]?.resolve('a'),
      (i: number) => calls[i]?.reject(new Error('down')),
      () => directory.set('k2', 'set'),
      (i: number) => {
        directory.invalidate('k3');
        calls[i]?.resolve('a');
      },
    ];
    for (const [i, end] of ends.entries()) {
      const answer = watch(directory.get(`k${i}`, { signal: controller.signal }));
      expect(listeners()).toBe(1);
      end(i);
      await settle();
      expect([answer.state === 'pending', listeners()]).toEqual([false, 0]);
    }
    const last = watch(directory.get('k9', { signal: controller.signal }));
    controller.abort();
    await settle();
    expect([last.state, listeners()]).toEqual(['rejected', 0]);
  });

  it('a null signal means no signal', async () => {
    expect(await directoryShards({ load: () => 'a' }).get('k', { signal: null })).toBe('a');
    await expect(directoryShards().get('k', { signal: {} as never })).rejects.toThrow(
      '"signal" must be an AbortSignal',
    );
  });

  it('the signal for the loader is created only when it is read', () => {
    let reads = 0;
    const { AbortController: Native } = globalThis;
    globalThis.AbortController = class extends Native {
      constructor() {
        super();
        reads++;
      }
    };
    try {
      directoryShards({ load: () => 'a' }).get('k');
      expect(reads).toBe(0);
    } finally {
      globalThis.AbortController = Native;
    }
  });
});

describe('Results that arrive late', () => {
  it('an aborted or replaced load that fails emits no event and causes no unhandled rejection', async () => {
    using uncaught = catchUncaught();
    const { directory, calls } = manualDirectory();
    const failures: unknown[] = [];
    directory.on('loadFailure', (event) => failures.push(event));
    const controller = new AbortController();
    const gone = watch(directory.get('a', { signal: controller.signal }));
    controller.abort();
    const set = directory.get('b');
    directory.set('b', 'set');
    for (const call of calls) call.reject(new Error('late'));
    await settle();
    expect([gone.state, await set, failures, uncaught.rejections]).toEqual(['rejected', 'set', [], []]);
  });

  it('an error of a listener does not change the rejection of the call', async () => {
    using uncaught = catchUncaught();
    const { directory, calls } = manualDirectory();
    directory.on('loadFailure', () => {
      throw new Error('listener');
    });
    const answer = watch(directory.get('k'));
    calls[0]?.reject(new Error('down'));
    await settle();
    expect([answer.error, uncaught.errors]).toEqual([new Error('down'), [new Error('listener')]]);
  });
});

describe('Construction', () => {
  it('directoryShards and its methods reject invalid arguments', async () => {
    const make = (options: object) => () => directoryShards(options as Options);
    expect(make({ ttl: 0 })).toThrow('directoryShards: "ttl" must be milliseconds');
    expect(make({ negativeTtl: -1 })).toThrow('"negativeTtl"');
    expect(make({ staleIfError: Number.NaN })).toThrow('"staleIfError"');
    for (const capacity of [0, 1.5, Infinity]) expect(make({ capacity })).toThrow('"capacity" must be an integer ≥ 1');
    expect(make({ load: 'a' })).toThrow('"load" must be a function');
    expect(make({ default: '' })).toThrow('"default" must be a string that is not empty');
    expect(make({ default: 5 })).toThrow('"default"');
    expect(make({ entries: 'ab' })).toThrow('"entries" must be a list');
    expect(make({ entries: ['ab'] })).toThrow('"entries" must contain only [key, shard] pairs');
    expect(make({ entries: [['a', 5]] })).toThrow('"shard" must be a string');
    expect(make({ entries: [[5, 'a']] })).toThrow('"key" must be a string');
    expect(make({ name: '' })).toThrow('"name"');
    expect(make({ clock: {} })).toThrow('"clock"');
    expect(make({ tll: 5 })).toThrow('"tll" is unknown (did you mean "ttl"?)');
    const directory = directoryShards({ name: 'tenants' });
    expect(() => directory.set('a', '')).toThrow('tenants: "shard" must be a string');
    expect(() => directory.set(5 as never, 'a')).toThrow('tenants: "key" must be a string');
    expect(() => directory.invalidate(5 as never)).toThrow('"key"');
    await expect(directory.get(5 as never)).rejects.toThrow('tenants: "key" must be a string');
    expect(directoryShards(undefined).isAsync).toBe(true);
  });

  it('a directory has no timer', async () => {
    const { directory, calls, clock } = manualDirectory({ staleIfError: '1h' });
    directory.get('k');
    calls[0]?.resolve('a');
    await settle();
    expect(clock.pendingTimers).toBe(0);
  });
});
