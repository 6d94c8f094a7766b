import {
  type Bulkhead,
  bulkhead,
  type CircuitBreaker,
  circuitBreaker,
  fallback,
  type Keyed,
  keyed,
  pipeline,
  retry,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { defer, watch } from '../support/promises.js';

const down = () => Promise.reject(new Error('down'));

/** A family of breakers that open at the first failure, and how many were made. */
function setUp(options: { maxKeys?: number; idleFor?: number } = {}) {
  const clock = new TestClock();
  const made: string[] = [];
  const family = keyed<CircuitBreaker>(
    (key) => {
      made.push(key);
      return circuitBreaker({ name: key || 'empty', consecutiveFailures: 1, openFor: '1m', clock });
    },
    { clock, ...options },
  );
  const fail = (key: string) => family.execute(down, { key }).catch(() => {});
  const use = (key: string) => family.execute(() => key, { key });
  return { clock, family, made, fail, use };
}

describe('keyed', () => {
  it('has one policy for each key', async () => {
    const { family, made, fail, use } = setUp();
    await fail('a');
    await expect(use('a')).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN', policy: 'a' });
    expect(await use('b')).toBe('b');
    expect(made).toEqual(['a', 'b']);
    expect(family.for('a').state).toBe('open');
    expect([family.size, [...family.keys()]]).toEqual([2, ['b', 'a']]); // what goes first at the front
  });

  it.each(['', '__proto__', 'constructor', 'hasOwnProperty', 'toString', 'a\0b', '\ud800'])(
    '%j is a key like any other',
    async (key) => {
      const { family, use } = setUp();
      expect(family.delete(key)).toBe(false);
      expect(await use(key)).toBe(key);
      expect([...family.keys()]).toEqual([key]);
      expect(family.delete(key)).toBe(true);
      expect(family.size).toBe(0);
    },
  );

  it('refuses a call without a key, alone and in a pipeline', async () => {
    const { clock, family } = setUp();
    await expect(family.execute(() => 1)).rejects.toThrow('keyed: "key" must be a string');
    await expect(pipeline(retry({ clock }), family).execute(() => 1)).rejects.toThrow('keyed: "key" must be a string');
    expect(() => family.for(5 as never)).toThrow('keyed: "key" must be a string');
  });

  it('forgets the one unused for longest, closed before open', async () => {
    const { family, fail, use } = setUp({ maxKeys: 3 });
    await fail('open');
    await use('a');
    await use('b');
    await use('a');
    await use('c');
    expect([...family.keys()]).toEqual(['a', 'c', 'open']);
    await use('d');
    await fail('also open');
    await use('e');
    expect([...family.keys()]).toEqual(['e', 'open', 'also open']);
    await fail('third');
    expect([...family.keys()]).toEqual(['open', 'also open', 'third']);
    await use('f');
    expect([...family.keys()]).toEqual(['f', 'also open', 'third']); // only open ones were left to go
  });

  it('sees when a breaker was opened by hand', async () => {
    const { family, use } = setUp({ maxKeys: 2 });
    await use('a');
    await use('b');
    family.for('a').trip();
    await use('b');
    await use('c');
    expect([...family.keys()].sort()).toEqual(['a', 'c']);
  });

  it('looks into pipelines for breakers', async () => {
    const clock = new TestClock();
    const family = keyed(
      () => pipeline(retry({ clock, maxAttempts: 1 }), circuitBreaker({ consecutiveFailures: 1, clock })),
      {
        maxKeys: 2,
        clock,
      },
    );
    await family.execute(down, { key: 'open' }).catch(() => {});
    await family.execute(() => 1, { key: 'a' });
    await family.execute(() => 1, { key: 'b' });
    expect([...family.keys()]).toEqual(['b', 'open']);
  });

  it('never forgets a key in flight; its size may exceed the bound by those', async () => {
    const clock = new TestClock();
    const family = keyed<Bulkhead>(() => bulkhead({ maxConcurrent: 5, clock }), { maxKeys: 2, clock });
    const gate = defer<number>();
    const running = ['a', 'b', 'c'].map((key) => family.execute(() => gate.promise, { key }));
    const members = ['a', 'b', 'c'].map((key) => family.for(key));
    expect(family.size).toBe(3);
    await family.execute(() => 1, { key: 'd' });
    expect([...family.keys()]).toEqual(['a', 'b', 'c']);
    expect(members.map((member, index) => member === family.for('abc'[index] as string))).toEqual([true, true, true]);
    gate.resolve(1);
    await Promise.all(running);
    expect(family.size).toBe(2);
    expect([...family.keys()]).toEqual(['b', 'c']);
  });

  it('nor one that a listener calls while it is being asked whether it may go', async () => {
    const { clock, family, fail, use } = setUp({ maxKeys: 2 });
    const gate = defer<string>();
    await fail('a');
    await use('b');
    await use('c'); // sends b away: a is open
    const member = family.for('a');
    let probe: Promise<string> | undefined;
    member.on('halfOpen', () => {
      probe = family.execute(() => gate.promise, { key: 'a' });
    });
    const running = family.execute(() => gate.promise, { key: 'c' });
    await clock.advance(60_000); // a may be probed, and nobody has looked yet
    await use('d');
    expect(family.for('a')).toBe(member);
    gate.resolve('done');
    expect(await Promise.all([probe, running])).toEqual(['done', 'done']);
  });

  it('a deleted key in flight goes on with its old member, the next call has a new one', async () => {
    const { family, made, use } = setUp();
    const gate = defer<string>();
    const running = watch(family.execute(() => gate.promise, { key: 'a' }));
    expect(family.delete('a')).toBe(true);
    await use('a');
    gate.reject(new Error('down'));
    await running.done;
    expect(family.for('a').state).toBe('closed');
    expect(made).toEqual(['a', 'a']);
    expect(family.size).toBe(1);
  });

  it('forgets idle keys when it is used, without a timer', async () => {
    const { clock, family, fail, use } = setUp({ idleFor: 1000 });
    await use('a');
    await fail('open');
    await clock.advance(600);
    await use('b');
    await clock.advance(399);
    expect(family.size).toBe(3);
    await clock.advance(1);
    expect([...family.keys()]).toEqual(['b']);
    expect(clock.pendingTimers).toBe(0);
    family.for('b');
    await clock.advance(999);
    expect(family.size).toBe(1);
  });

  it('a million keys stay within the bound', async () => {
    const family = keyed(() => timeout(Infinity), { maxKeys: 100 });
    for (let i = 0; i < 1_000_000; i++) family.for(`key ${i}`);
    expect(family.size).toBe(100);
    expect([...family.keys()].at(-1)).toBe('key 999999');
  });

  it('may be used by its own factory, by the operation, and by listeners', async () => {
    const clock = new TestClock();
    const family = keyed<CircuitBreaker>(
      (key) => {
        if (key === 'outer') family.for('inner');
        return circuitBreaker({ clock });
      },
      { maxKeys: 1, clock },
    );
    expect(await family.execute(() => family.execute(() => 'both', { key: 'third' }), { key: 'outer' })).toBe('both');
    expect(family.size).toBe(1);
  });

  it('survives listeners that use the very key while it is being put away', async () => {
    const clock = new TestClock();
    const family: Keyed<CircuitBreaker> = keyed(
      (key) => {
        const breaker = circuitBreaker({ name: key, consecutiveFailures: 1, openFor: 100, clock });
        breaker.on('halfOpen', () => void family.execute(() => 'ping', { key }).catch(() => {}));
        return breaker;
      },
      { maxKeys: 2, clock },
    );
    const gate = defer<string>();
    const slow = family.execute(() => gate.promise, { key: 'a' });
    await family.execute(down, { key: 'a' }).catch(() => {});
    await clock.advance(200);
    gate.resolve('slow');
    expect(await slow).toBe('slow');
    await clock.advance(10);
    for (const key of ['b', 'c', 'd']) await family.execute(() => key, { key });
    expect([...family.keys()]).toHaveLength(2);
  });

  it('survives a factory that asks for the key it is making', async () => {
    let depth = 0;
    const family: Keyed<Bulkhead> = keyed(
      (key) => {
        if (depth++ === 0) family.for(key);
        return bulkhead({ maxConcurrent: 1 });
      },
      { maxKeys: 1 },
    );
    expect(await family.execute(() => 1, { key: 'a' })).toBe(1);
    expect(await family.execute(() => 2, { key: 'b' })).toBe(2);
    expect([...family.keys()]).toEqual(['b']);
  });

  it('never forgets what was isolated by hand, neither for room nor for idleness', async () => {
    const { clock, family, use } = setUp({ maxKeys: 2, idleFor: 1000 });
    const isolated = family.for('isolated').isolate();
    await use('a');
    await use('b');
    await use('c');
    await clock.advance(5000);
    expect([...family.keys()]).toEqual(['isolated']);
    await expect(use('isolated')).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    isolated[Symbol.dispose]();
    expect(await use('isolated')).toBe('isolated');
    await clock.advance(1000);
    expect(family.size).toBe(0);
  });

  it('stands beside policies that look at no clock', async () => {
    const policy = pipeline(
      fallback('instead'),
      keyed(() => circuitBreaker()),
    );
    expect(await policy.execute(() => 'fine', { key: 'a' })).toBe('fine');
    expect(await pipeline(keyed(() => retry())).execute(() => 'fine', { key: 'a' })).toBe('fine');
  });

  it('goes by the clock of its members when it has none of its own', async () => {
    const clock = new TestClock();
    const family = keyed(() => timeout({ duration: 50, clock }));
    const result = watch(family.execute(() => new Promise(() => {}), { key: 'a' }));
    await clock.advance(50);
    expect(result.error).toMatchObject({ code: 'ERR_TIMEOUT' });
    const inPipeline = watch(
      pipeline(retry({ clock, maxAttempts: 1 }), family).execute(() => new Promise(() => {}), { key: 'a' }),
    );
    await clock.advance(50);
    expect(inPipeline.error).toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('refuses members on another clock, and what is no policy', async () => {
    const [clock, other] = [new TestClock(), new TestClock()];
    const mixed = keyed(() => timeout({ duration: 50, clock: other }), { clock });
    await expect(mixed.execute(() => 1, { key: 'a' })).rejects.toThrow(
      'keyed: "make" must return policies that use the clock of the call',
    );
    const none = keyed(() => undefined as never);
    await expect(none.execute(() => 1, { key: 'a' })).rejects.toThrow('keyed: "make" must return a policy');
    expect(none.size).toBe(0);
  });

  it('an error of the factory is the error of the call', async () => {
    const family = keyed(() => {
      throw new Error('the factory is ill');
    });
    await expect(family.execute(() => 1, { key: 'a' })).rejects.toThrow('the factory is ill');
    await expect(pipeline(family).execute(() => 1, { key: 'a' })).rejects.toThrow('the factory is ill');
  });
});

describe('keyed breakers that share rules', () => {
  /** How many failures in a row open the breaker of this key. */
  const failuresToOpen = async (family: Keyed<CircuitBreaker>, key: string) => {
    let failures = 0;
    while (family.for(key).state === 'closed') {
      await family.execute(down, { key }).catch(() => {});
      failures++;
    }
    return failures;
  };

  it('Each breaker keeps the rules it was made with, when the factory changes its options between two keys', async () => {
    const options = { clock: new TestClock(), consecutiveFailures: 1 };
    const family = keyed(() => circuitBreaker(options));
    family.for('a');
    family.for('b');
    options.consecutiveFailures = 3;
    family.for('c');
    options.consecutiveFailures = 2;
    const opened = await Promise.all(['a', 'b', 'c', 'd'].map((key) => failuresToOpen(family, key)));
    expect(opened).toEqual([1, 1, 3, 2]);
  });

  it('The breakers of two keys have their own state, backoff included, whatever they share', async () => {
    const clock = new TestClock();
    const previous: unknown[] = [];
    const openFor = ({ previousDelayMs = 0 }: { previousDelayMs?: number | undefined }) => {
      previous.push(previousDelayMs);
      return previousDelayMs + 100;
    };
    const family = keyed(() => pipeline(circuitBreaker({ clock, consecutiveFailures: 1, openFor })));
    const fail = (key: string) => family.execute(down, { key }).catch(() => {});
    await fail('a');
    await clock.advance(100);
    await fail('a');
    await fail('b');
    await clock.advance(200);
    await fail('a');
    expect(previous).toEqual([0, 100, 0, 200]);
  });
});

it('A keyed policy reads the clock when a key is taken up and when a call ends, not for more calls of a key in use', async () => {
  let readings = 0;
  const time = new TestClock();
  const clock = {
    now: () => {
      readings++;
      return time.now();
    },
    setTimeout: time.setTimeout.bind(time),
    clearTimeout: time.clearTimeout.bind(time),
  };
  const family = keyed(() => fallback(0), { clock });
  const first = defer<number>();
  const call = family.execute(() => first.promise, { key: 'a' });
  expect(readings).toBe(1);
  await family.execute(() => 1, { key: 'a' });
  expect(readings).toBe(2);
  first.resolve(1);
  await call;
  expect(readings).toBe(3);
});

it('A key that is never out of use does not keep idle keys alive', async () => {
  const { clock, family } = setUp({ idleFor: 1000 });
  family.for('idle');
  void family.execute(() => new Promise(() => {}), { key: 'busy' });
  await clock.advance(1000);
  await family.execute(() => 1, { key: 'busy' });
  expect(family.describe().size).toBe(1);
});
