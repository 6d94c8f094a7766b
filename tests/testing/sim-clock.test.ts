import {
  bulkhead,
  circuitBreaker,
  LoadBalancer,
  loadingCache,
  memoize,
  pipeline,
  retry,
  tiered,
  timeout,
  writeBehind,
} from 'breakwater';
import { SimClock, type SimClockOptions, seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { watch } from '../support/promises.js';
import { MapStore } from '../tiered-cache/map-store.js';

const modes = [['tick'], ['message'], ['hops']] as const;

/** Timers that set and clear others, with promises between them; returns the order in which they ran. */
async function script(clock: SimClock | TestClock): Promise<string[]> {
  const random = seededRandom(3);
  const order: string[] = [];
  const handles: unknown[] = [];
  const plan = (name: string, depth: number): void => {
    handles.push(
      clock.setTimeout(
        () => {
          order.push(`${name} at ${clock.now()}`);
          if (depth > 0) for (const branch of ['a', 'b']) plan(`${name}${branch}`, depth - 1);
          if (random() < 0.3) clock.clearTimeout(handles[Math.floor(random() * handles.length)]);
          void Promise.resolve()
            .then(() => undefined)
            .then(() => order.push(`${name} settled at ${clock.now()}`));
        },
        Math.floor(random() * 20),
      ),
    );
  };
  for (let index = 0; index < 20; index++) plan(String(index), 4);
  await clock.advance(60);
  await clock.advance(60);
  return order;
}

describe('SimClock', () => {
  it.each(modes)('with settle "%s", timers and promises run in the same order as with a TestClock', async (settle) => {
    expect(await script(new SimClock({ settle }))).toEqual(await script(new TestClock()));
  });

  it('timers that are due at the same time fire in the order of creation', async () => {
    const clock = new SimClock();
    const order: number[] = [];
    for (let index = 0; index < 50; index++) clock.setTimeout(() => order.push(index), index % 2 === 0 ? 5 : 3);
    await clock.advance(4);
    expect(order).toEqual(Array.from({ length: 25 }, (_, index) => 2 * index + 1));
    expect(clock.pendingTimers).toBe(25);
    await clock.advance(1);
    expect(order).toHaveLength(50);
    expect([clock.pendingTimers, clock.events, clock.now()]).toEqual([0, 50, 5]);
  });

  it.each(modes)('with settle "%s", a chain of 40 reactions ends before the next timer fires', async (settle) => {
    const clock = new SimClock({ settle });
    const order: string[] = [];
    clock.setTimeout(async () => {
      for (let hop = 0; hop < 40; hop++) await undefined;
      order.push('chain');
    }, 1);
    clock.setTimeout(() => order.push('timer'), 2);
    await clock.advance(2);
    expect(order).toEqual(['chain', 'timer']);
  });

  it('every chain of reactions ends at its own time, also when the real event loop has a turn in between', async () => {
    const clock = new SimClock();
    let late = 0;
    for (let due = 1; due <= 60_000; due++) {
      clock.setTimeout(async () => {
        for (let hop = 0; hop < 5; hop++) await undefined;
        if (clock.now() !== due) late++;
      }, due);
    }
    await clock.advance(60_000);
    expect(late).toBe(0);
  });

  it('callbacks of afterPoll run after the timers of the present instant and before the time advances', async () => {
    const clock = new SimClock();
    const order: string[] = [];
    clock.setTimeout(() => clock.afterPoll(() => order.push(`poll at ${clock.now()}`)), 5);
    clock.setTimeout(() => order.push('second timer'), 5);
    clock.setTimeout(() => order.push('later timer'), 6);
    await clock.advance(5.5);
    expect(order).toEqual(['second timer', 'poll at 5']);
    clock.afterPoll(() => order.push(`poll at ${clock.now()}`));
    await clock.advance(0);
    expect(order).toEqual(['second timer', 'poll at 5', 'poll at 5.5']);
  });

  it('overlapping calls of advance run one after the other', async () => {
    const clock = new SimClock();
    const [first, second] = [clock.advance(10), clock.advance(5)];
    await first;
    expect(clock.now()).toBe(10);
    await second;
    expect(clock.now()).toBe(15);
  });

  it('the real event loop has a turn after at most 20,000 callbacks', async () => {
    const clock = new SimClock();
    let turns = 0;
    let done = false;
    const count = (): void => {
      turns++;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    const tick = (): void => void clock.setTimeout(tick, 1);
    tick();
    await clock.advance(100_000);
    done = true;
    expect(turns).toBeGreaterThanOrEqual(5);
    expect(turns).toBeLessThanOrEqual(10);
  });

  it('an abort ends a run at the next turn of the real event loop, with its reason', async () => {
    const clock = new SimClock();
    const controller = new AbortController();
    const tick = (): void => void clock.setTimeout(tick, 1);
    tick();
    setImmediate(() => controller.abort('enough'));
    await expect(clock.advance(1_000_000, { signal: controller.signal })).rejects.toBe('enough');
    expect(clock.now()).toBeLessThanOrEqual(40_000);
    await expect(clock.advance(1, { signal: controller.signal })).rejects.toBe('enough');
  });

  it('timers that set each other without a delay end the run after 100,000 callbacks', async () => {
    const clock = new SimClock();
    const again = (): void => void clock.setTimeout(again, 0);
    clock.setTimeout(again, 7);
    await expect(clock.advance(10)).rejects.toThrow('more than 100000 callbacks have run at 7 ms');
    expect(clock.now()).toBe(7);
    const poll = new SimClock();
    const pollAgain = (): void => poll.afterPoll(pollAgain);
    pollAgain();
    await expect(poll.advance(10)).rejects.toThrow('more than 100000 callbacks have run at 0 ms');
  });

  it('100,000 callbacks at one instant are accepted, also twice in a row', async () => {
    const clock = new SimClock();
    let fired = 0;
    for (const due of [1, 2]) for (let count = 0; count < 100_000; count++) clock.setTimeout(() => fired++, due);
    await clock.advance(2);
    expect(fired).toBe(200_000);
  });

  it('code that waits for a real timer and then sets a simulated one ends the run, and the error has its stack', async () => {
    const clock = new SimClock();
    async function waitsForReality(): Promise<void> {
      await new Promise((resolve) => setImmediate(resolve));
      clock.setTimeout(() => {}, 1);
    }
    const tick = (): void => void clock.setTimeout(tick, 1);
    tick();
    void waitsForReality();
    const error: Error = await clock.advance(100_000).catch((reason) => reason);
    expect(error.message).toContain('waited for real time or real I/O');
    expect(error.stack).toContain('waitsForReality');
  });

  it('settle finds code that waits for real time, and finds none where all is simulated', async () => {
    const clock = new SimClock();
    clock.setTimeout(() => {}, 5);
    expect(await clock.settle()).toBe(false);
    setImmediate(() => clock.afterPoll(() => {}));
    expect(await clock.settle()).toBe(true);
    expect(await clock.settle()).toBe(false);
    expect(clock.now()).toBe(0);
  });

  it('a callback that throws ends the run with its error', async () => {
    const clock = new SimClock();
    clock.setTimeout(() => {
      throw new Error('broken');
    }, 3);
    await expect(clock.advance(10)).rejects.toThrow('broken');
    expect(clock.now()).toBe(3);
    await clock.advance(10);
    expect(clock.now()).toBe(13);
  });

  it('options and arguments are checked', () => {
    expect(() => new SimClock({ settle: 'turn' } as unknown as SimClockOptions)).toThrow('"settle" must be one of');
    expect(() => new SimClock({ mode: 'tick' } as unknown as SimClockOptions)).toThrow('"mode" is unknown');
    const clock = new SimClock();
    expect(() => clock.advance(-1)).toThrow('"ms" must be a finite number');
    expect(() => clock.advance(Number.NaN)).toThrow('"ms" must be a finite number');
    expect(() => clock.advance(1, { signal: {} as AbortSignal })).toThrow('"signal" must be an AbortSignal');
    expect(() => clock.advance(1, { abort: 1 } as never)).toThrow('"abort" is unknown');
  });
});

describe('Everything that takes a clock under a SimClock', () => {
  it('no real timer and no real clock is used', async () => {
    const clock = new SimClock();
    const random = seededRandom(1);
    const forbidden = (): never => {
      throw new Error('real time');
    };
    const policy = pipeline(
      retry({ clock, random }),
      circuitBreaker({ clock, random }),
      bulkhead({ clock, maxConcurrent: 2, maxQueue: 2, queueTimeout: '1s' }),
      timeout({ duration: '1s', clock }),
    );
    const cache = loadingCache({ loadMany: async (keys: readonly number[]) => [...keys], capacity: 10, ttl: 9, clock });
    for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'Date', 'queueMicrotask', 'performance'])
      vi.stubGlobal(name, name === 'performance' ? { now: forbidden } : Object.assign(forbidden, { now: forbidden }));
    try {
      let failures = 2;
      const call = policy.execute(async () => {
        if (failures-- > 0) throw new Error('down');
        return new Promise((resolve) => clock.setTimeout(() => resolve('well'), 500));
      });
      const hung = policy.execute(() => new Promise(() => {})).catch((error) => error.code);
      const loaded = cache.getMany([1, 2]);
      await clock.advance(60_000);
      expect(await call).toBe('well');
      expect(await hung).toBe('ERR_TIMEOUT');
      expect(await loaded).toEqual([1, 2]);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('a loader of many keys is called at the instant of its reads, once for all of them', async () => {
    const clock = new SimClock();
    const calls: [readonly string[], number][] = [];
    const loadMany = async (keys: readonly string[]) => {
      calls.push([keys, clock.now()]);
      return keys.map((key) => `${key}!`);
    };
    const cache = loadingCache({ loadMany, capacity: 10, ttl: '1s', clock });
    const got: unknown[] = [];
    clock.setTimeout(() => void cache.get('a').then((value) => got.push(value, clock.now())), 10);
    clock.setTimeout(() => void cache.get('b').then((value) => got.push(value, clock.now())), 10);
    clock.setTimeout(() => void cache.get('c').then((value) => got.push(value, clock.now())), 11);
    await clock.advance(20);
    expect(calls).toEqual([
      [['a', 'b'], 10],
      [['c'], 11],
    ]);
    expect(got).toEqual(['a!', 10, 'b!', 10, 'c!', 11]);
  });

  it('a tiered cache, a memoized function, a write-behind cache and health checks make progress', async () => {
    const clock = new SimClock();
    const store = new MapStore(clock);
    const cache = tiered({ capacity: 10 }, store, {
      load: async (key: string) => `${key}!`,
      ttl: '1m',
      prefix: 'p:',
      clock,
    });
    const doubled = memoize(async (value: number) => 2 * value, { capacity: 10, clock });
    const written: unknown[] = [];
    const writer = writeBehind({ write: async (key: string, value: number) => void written.push([key, value]), clock });
    let checks = 0;
    const balancer = new LoadBalancer(['a', 'b'], {
      clock,
      random: seededRandom(1),
      health: {
        check: async () => {
          checks++;
        },
        interval: '1s',
      },
    });
    const value = watch(cache.get('k'));
    const product = watch(doubled(21));
    void writer.set('w', 1);
    await clock.advance(10_000);
    expect(value.value).toBe('k!');
    expect(product.value).toBe(42);
    expect(written).toEqual([['w', 1]]);
    expect(checks).toBeGreaterThanOrEqual(18);
    balancer[Symbol.dispose]();
  });
});
