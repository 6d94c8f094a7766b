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

/** A keyed breaker whose members open at the first failure, and the keys of its created members. */
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
  it('each key has its own policy', async () => {
    const { family, made, fail, use } = setUp();
    await fail('a');
    await expect(use('a')).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN', policy: 'a' });
    expect(await use('b')).toBe('b');
    expect(made).toEqual(['a', 'b']);
    expect(family.for('a').state).toBe('open');
    expect([family.size, [...family.keys()]]).toEqual([2, ['b', 'a']]); // the next key to be evicted is at the front
  });

  it.each(['', '__proto__', 'constructor', 'hasOwnProperty', 'toString', 'a\0b', '\ud800'])(
    'the key %j works like any other key',
    async (key) => {
      const { family, use } = setUp();
      expect(family.delete(key)).toBe(false);
      expect(await use(key)).toBe(key);
      expect([...family.keys()]).toEqual([key]);
      expect(family.delete(key)).toBe(true);
      expect(family.size).toBe(0);
    },
  );

  it('a call without a key is rejected, alone and in a pipeline', async () => {
    const { clock, family } = setUp();
    await expect(family.execute(() => 1)).rejects.toThrow('keyed: "key" must be a string');
    await expect(pipeline(retry({ clock }), family).execute(() => 1)).rejects.toThrow('keyed: "key" must be a string');
    expect(() => family.for(5 as never)).toThrow('keyed: "key" must be a string');
  });

  it('the least recently used key is evicted, and keys with a closed breaker before keys with an open one', async () => {
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
    expect([...family.keys()]).toEqual(['f', 'also open', 'third']); // only open breakers were left to evict
  });

  it('a manually opened breaker is evicted after closed breakers', async () => {
    const { family, use } = setUp({ maxKeys: 2 });
    await use('a');
    await use('b');
    family.for('a').trip();
    await use('b');
    await use('c');
    expect([...family.keys()].sort()).toEqual(['a', 'c']);
  });

  it('an open breaker inside a pipeline protects its key from eviction', async () => {
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

  it('a key with a call in flight is not evicted, even if the size exceeds maxKeys', async () => {
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

  it('a key that a listener calls during the eviction check is not evicted', async () => {
    const { clock, family, fail, use } = setUp({ maxKeys: 2 });
    const gate = defer<string>();
    await fail('a');
    await use('b');
    await use('c'); // evicts b, because a is open
    const member = family.for('a');
    let probe: Promise<string> | undefined;
    member.on('halfOpen', () => {
      probe = family.execute(() => gate.promise, { key: 'a' });
    });
    const running = family.execute(() => gate.promise, { key: 'c' });
    await clock.advance(60_000); // a can be probed, but its state has not been read yet
    await use('d');
    expect(family.for('a')).toBe(member);
    gate.resolve('done');
    expect(await Promise.all([probe, running])).toEqual(['done', 'done']);
  });

  it('a call in flight of a deleted key keeps its old policy, and the next call has a new one', async () => {
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

  it('idle keys are removed without a timer when the keyed policy is used', async () => {
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

  it('a million keys stay within maxKeys', async () => {
    const family = keyed(() => timeout(Infinity), { maxKeys: 100 });
    for (let i = 0; i < 1_000_000; i++) family.for(`key ${i}`);
    expect(family.size).toBe(100);
    expect([...family.keys()].at(-1)).toBe('key 999999');
  });

  it('the factory, the operation and the listeners can use the keyed policy', async () => {
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

  it('a listener can use the key that is being evicted', async () => {
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

  it('a factory can request the key that it is creating', async () => {
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

  it('an isolated breaker is never evicted, neither by maxKeys nor by idleFor', async () => {
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

  it('a keyed policy can be combined with policies that have no clock', async () => {
    const policy = pipeline(
      fallback('instead'),
      keyed(() => circuitBreaker()),
    );
    expect(await policy.execute(() => 'fine', { key: 'a' })).toBe('fine');
    expect(await pipeline(keyed(() => retry())).execute(() => 'fine', { key: 'a' })).toBe('fine');
  });

  it('a keyed policy without a clock uses the clock of its members', async () => {
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

  it('a member on another clock and a member that is not a policy are rejected', async () => {
    const [clock, other] = [new TestClock(), new TestClock()];
    const mixed = keyed(() => timeout({ duration: 50, clock: other }), { clock });
    await expect(mixed.execute(() => 1, { key: 'a' })).rejects.toThrow(
      'keyed: "make" must return policies that use the clock of the call',
    );
    const none = keyed(() => undefined as never);
    await expect(none.execute(() => 1, { key: 'a' })).rejects.toThrow('keyed: "make" must return a policy');
    expect(none.size).toBe(0);
  });

  it('an error of the factory rejects the call', async () => {
    const family = keyed(() => {
      throw new Error('the factory failed');
    });
    await expect(family.execute(() => 1, { key: 'a' })).rejects.toThrow('the factory failed');
    await expect(pipeline(family).execute(() => 1, { key: 'a' })).rejects.toThrow('the factory failed');
  });
});

describe('Keyed breakers that share options', () => {
  /** The number of consecutive failures that opens the breaker of this key. */
  const failuresToOpen = async (family: Keyed<CircuitBreaker>, key: string) => {
    let failures = 0;
    while (family.for(key).state === 'closed') {
      await family.execute(down, { key }).catch(() => {});
      failures++;
    }
    return failures;
  };

  it('Each breaker keeps the options that it was created with, even if the factory changes them between two keys', async () => {
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

  it('The breakers of two keys have separate state, including their backoff', async () => {
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

it('A keyed policy reads the clock when an idle key is used and when a call ends, and not for concurrent calls of a key in use', async () => {
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

it('A key that is always in use does not keep idle keys alive', async () => {
  const { clock, family } = setUp({ idleFor: 1000 });
  family.for('idle');
  void family.execute(() => new Promise(() => {}), { key: 'busy' });
  await clock.advance(1000);
  await family.execute(() => 1, { key: 'busy' });
  expect(family.describe().size).toBe(1);
});
