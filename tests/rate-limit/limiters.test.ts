/** Rules of every limiter. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Decision, InvalidOptionError } from 'breakwater';
import type { RateLimiter } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { microtasks, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { StallingClock } from '../support/stalling-clock.js';
import { LIMITERS, optionsOf } from './limiters.js';

describe.each(LIMITERS)('%s', (name, make) => {
  /** A limiter of 4 per second. A bucket refills or leaks one each 250 ms. */
  const setUp = (size = 4) => {
    const clock = new TestClock();
    return { clock, limiter: make({ size, per: '1s' }, clock) };
  };
  /** Takes all tokens, so that the next call must wait. Returns the duration of this wait. */
  const drain = (limiter: RateLimiter, size = 4): number => {
    limiter.tryAcquire(size);
    return limiter.reserve({ maxWait: 0 }).decision.retryAfterMs;
  };

  it('A decision has exactly the documented fields', () => {
    const { limiter } = setUp();
    const allowed = limiter.tryAcquire(3);
    expect(allowed).toStrictEqual({
      allowed: true,
      limit: 4,
      remaining: 1,
      retryAfterMs: 0,
      resetAfterMs: { TokenBucket: 750, LeakyBucket: 750, SlidingWindowCounter: 2000 }[name] ?? 1000,
    });
    const rejected = limiter.tryAcquire(2);
    expect(rejected).toStrictEqual({
      allowed: false,
      limit: 4,
      remaining: 1,
      retryAfterMs: { TokenBucket: 250, LeakyBucket: 250, SlidingWindowCounter: 1334 }[name] ?? 1000,
      resetAfterMs: allowed.resetAfterMs,
    });
    expect(limiter.peek(2)).toStrictEqual(rejected);
  });

  it('A cost of 0 is always allowed and takes no tokens', async () => {
    const { limiter, clock } = setUp();
    expect(limiter.tryAcquire(0)).toMatchObject({ allowed: true, remaining: 4, resetAfterMs: 0 });
    drain(limiter);
    const waiting = watch(limiter.acquire());
    expect(limiter.tryAcquire(-0)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await limiter.acquire({ cost: 0, maxWait: 0 })).toMatchObject({ allowed: true });
    expect(limiter.reserve({ cost: 0 })).toMatchObject({ delayMs: 0, decision: { allowed: true } });
    limiter.refund(0);
    await clock.advance(5000);
    expect(waiting.value).toMatchObject({ allowed: true });
    expect(clock.pendingTimers).toBe(0);
  });

  it('Each method rejects a cost above the limit', async () => {
    const { limiter, clock } = setUp();
    for (const act of [() => limiter.tryAcquire(5), () => limiter.peek(5), () => limiter.reserve({ cost: 5 })]) {
      expect(act).toThrow(RangeError);
    }
    await expect(limiter.acquire({ cost: 5 })).rejects.toThrow(`${name}: a cost of 5 is above the limit of 4`);
    expect([limiter.peek().remaining, clock.pendingTimers]).toEqual([4, 0]);
  });

  it('An invalid cost or option is rejected by an error that names it', async () => {
    const { limiter } = setUp();
    expect(() => limiter.tryAcquire(1.5)).toThrow(`${name}: "cost" must be an integer ≥ 0, got 1.5`);
    expect(() => limiter.reserve({ costs: 1 } as never)).toThrow(`${name}.reserve: "costs" is unknown`);
    await expect(limiter.acquire({ maxWait: -1 })).rejects.toThrow(InvalidOptionError);
    await expect(limiter.acquire({ signal: {} as never })).rejects.toThrow('"signal"');
    expect(() => limiter.reconfigure({ size: 1 } as never)).toThrow(InvalidOptionError);
    expect(() => limiter.reconfigure({ per: 0 })).toThrow(`${name}: "per"`);
    expect(() => limiter.reconfigure({ clock: new TestClock() })).toThrow('"clock" is unknown');
    expect(limiter.peek()).toMatchObject({ remaining: 4, resetAfterMs: 0 });
  });

  it('Waiters are released in arrival order, at their time and not before', async () => {
    const { limiter, clock } = setUp();
    const wait = drain(limiter);
    const order: number[] = [];
    for (const id of [1, 2, 3]) limiter.acquire({ cost: 4 - id }).then(() => order.push(id));
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(wait - 1);
    expect(order).toEqual([]);
    await clock.advance(10_000);
    expect(order).toEqual([1, 2, 3]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('A waiter with a large cost is not overtaken by small costs', async () => {
    const { limiter, clock } = setUp();
    limiter.tryAcquire(1);
    const large = watch(limiter.acquire({ cost: 4 }));
    for (let ms = 0; ms < 3000 && large.state === 'pending'; ms += 50) {
      expect(limiter.tryAcquire().allowed).toBe(false);
      await clock.advance(50);
    }
    expect(large.state).toBe('fulfilled');
  });

  it('A wait longer than maxWait is rejected at once and takes no tokens', async () => {
    const { limiter, clock } = setUp();
    const wait = drain(limiter);
    const before = limiter.peek();
    const rejected = await limiter.acquire({ maxWait: wait - 1 });
    expect(rejected).toMatchObject({ allowed: false, retryAfterMs: wait });
    const reservation = limiter.reserve({ maxWait: `${wait - 1}ms` });
    expect(reservation).toMatchObject({ delayMs: 0, decision: { allowed: false, retryAfterMs: wait } });
    reservation.cancel();
    expect([limiter.peek(), clock.pendingTimers]).toEqual([before, 0]);
    const accepted = watch(limiter.acquire({ maxWait: wait }));
    await clock.advance(wait);
    expect(accepted.value).toMatchObject({ allowed: true, retryAfterMs: 0 });
  });

  it('An aborted signal takes no tokens and rejects with its reason', async () => {
    const { limiter, clock } = setUp();
    const reason = new Error('enough');
    await expect(limiter.acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(limiter.peek().remaining).toBe(4);
    drain(limiter);
    const { controller, listeners } = countingController();
    const waiting = [1, 2, 3].map(() => watch(limiter.acquire({ cost: 4, signal: controller.signal })));
    expect(listeners()).toBe(1);
    const before = limiter.reserve({ maxWait: 0 }).decision.retryAfterMs;
    controller.abort(reason);
    expect(limiter.reserve({ maxWait: 0 }).decision.retryAfterMs).toBeLessThan(before);
    await microtasks(5);
    expect(waiting.map(({ error }) => error)).toEqual([reason, reason, reason]);
    expect([clock.pendingTimers, listeners()]).toEqual([0, 0]);
  });

  it('After a waiter in the middle of the queue aborts, later waiters move up', async () => {
    const { limiter, clock } = setUp();
    drain(limiter);
    const twin = make({ size: 4, per: '1s' }, clock);
    drain(twin);
    const controller = new AbortController();
    const releases: string[] = [];
    const recordAs = (waiter: string) => () => releases.push(`${waiter} at ${clock.now()}`);
    limiter.acquire({ cost: 2 }).then(recordAs('first'));
    limiter.acquire({ cost: 4, signal: controller.signal }).catch(() => {});
    limiter.acquire({ cost: 3 }).then(recordAs('last'));
    twin.acquire({ cost: 2 }).then(recordAs('first'));
    twin.acquire({ cost: 3 }).then(recordAs('last'));
    await clock.advance(10);
    controller.abort();
    await clock.advance(10_000);
    expect(releases.length).toBe(4);
    expect(releases.filter((_, n) => n % 2 === 0)).toEqual(releases.filter((_, n) => n % 2 === 1));
    expect(clock.pendingTimers).toBe(0);
  });

  it('A waiter that is aborted in the turn of its release is released', async () => {
    const { limiter, clock } = setUp();
    const wait = drain(limiter);
    const controller = new AbortController();
    const waiting = watch(limiter.acquire({ signal: controller.signal }));
    await clock.advance(wait - 1);
    clock.setTimeout(() => controller.abort(), 1); // fires right after the timer of the limiter
    await clock.advance(1);
    expect(waiting.state).toBe('fulfilled');
  });

  it('The abort of half of 50,000 waiters takes no quadratic time', async () => {
    const { limiter, clock } = setUp();
    drain(limiter);
    const controller = new AbortController();
    const all: unknown[] = [];
    const before = process.cpuUsage();
    for (let n = 0; n < 50_000; n++) {
      all.push(limiter.acquire({ signal: n % 2 === 0 ? controller.signal : null }).catch(() => 'aborted'));
    }
    await settle();
    controller.abort();
    await settle();
    const { user } = process.cpuUsage(before);
    expect(user).toBeLessThan(10_000_000); // quadratic time would take minutes
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1e9);
    expect(await Promise.all(all)).toHaveLength(50_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('A late release recomputes only the front of the queue', async () => {
    const clock = new StallingClock();
    const limiter = make({ size: 4, per: '1s' }, clock);
    drain(limiter);
    const all: Promise<unknown>[] = [];
    for (let n = 0; n < 20_000; n++) all.push(limiter.acquire());
    const before = process.cpuUsage();
    let released = 0;
    for (const each of all) each.then(() => released++);
    while (released < 10_000) {
      await clock.turn(333);
      all.push(limiter.acquire());
    }
    const { user } = process.cpuUsage(before);
    expect(user).toBeLessThan(10_000_000); // to recompute all waiters each time would take minutes
  });

  it('A waiter that is released late receives a decision that counts later waiters', async () => {
    const clock = new StallingClock();
    const limiter = make({ size: 4, per: '1s' }, clock);
    drain(limiter);
    const decisions: Decision[] = [];
    for (let n = 0; n < 12; n++) limiter.acquire().then((decision) => decisions.push(decision));
    await settle();
    const { resetAfterMs } = limiter.peek(0);
    await clock.turn(2_101);
    expect(decisions[0]).toMatchObject({ allowed: true, remaining: 0 });
    expect(decisions[0]!.resetAfterMs).toBeGreaterThanOrEqual(resetAfterMs - 2_101);
    expect(limiter.peek()).toMatchObject({ allowed: false, remaining: 0 });
  });

  it('A reservation keeps its time, and a cancellation before this time restores the previous state', async () => {
    const { limiter, clock } = setUp();
    const wait = drain(limiter);
    const fresh = limiter.peek();
    const reservation = limiter.reserve();
    expect(reservation).toMatchObject({ delayMs: wait, decision: { allowed: true, remaining: 0 } });
    expect(clock.pendingTimers).toBe(0); // the holder of the reservation waits
    const behind = limiter.reserve({ cost: 4 });
    expect(behind.delayMs).toBeGreaterThan(wait);
    behind.cancel();
    {
      using _ = reservation;
    }
    reservation.cancel();
    expect(limiter.peek()).toEqual(fresh);
  });

  it('A cancellation after the time of a reservation refunds its cost once', async () => {
    const { limiter } = setUp();
    const reservation = limiter.reserve({ cost: 3 });
    expect(reservation.delayMs).toBe(0);
    expect(limiter.peek().remaining).toBe(1);
    reservation.cancel();
    reservation.cancel();
    expect(limiter.peek()).toMatchObject({ remaining: 4, resetAfterMs: 0 });
  });

  it('A refund never exceeds the limit, and waiters move up', async () => {
    const { limiter, clock } = setUp();
    limiter.refund(4);
    expect(limiter.peek().remaining).toBe(4);
    drain(limiter);
    const waiting = watch(limiter.acquire({ cost: 2 }));
    limiter.refund(4);
    await settle();
    expect(waiting.state).toBe('fulfilled');
    expect(limiter.peek().remaining).toBe(2);
    expect(clock.pendingTimers).toBe(0);
  });

  it('A refund never credits a later window', async () => {
    const { limiter, clock } = setUp();
    const reservation = limiter.reserve({ cost: 4 });
    await clock.advance(2500);
    limiter.tryAcquire(4);
    const before = limiter.peek();
    reservation.cancel();
    if (!name.includes('Bucket')) expect(limiter.peek()).toEqual(before);
    expect(limiter.peek().remaining).toBeLessThanOrEqual(4);
  });

  it('reconfigure keeps the taken tokens and gives waiters new times', async () => {
    const { limiter, clock } = setUp();
    limiter.tryAcquire(3);
    limiter.reconfigure(optionsOf(name, { size: 10, per: '1s' }));
    expect(limiter.peek()).toMatchObject({ limit: 10, remaining: name === 'TokenBucket' ? 1 : 7 });
    limiter.reconfigure(optionsOf(name, { size: 2, per: '1s' }));
    expect(limiter.peek()).toMatchObject({ limit: 2, remaining: name === 'TokenBucket' ? 1 : 0 });
    limiter.reconfigure(optionsOf(name, { size: 4, per: '1h' }));
    const waiting = [3, 4, 1].map((cost) => watch(limiter.acquire({ cost })));
    await clock.advance(1000);
    expect(waiting.map(({ state }) => state)).toContain('pending');
    limiter.reconfigure(optionsOf(name, { size: 3, per: '1s' }));
    await settle();
    expect(waiting[1]!.error).toBeInstanceOf(RangeError);
    await clock.advance(5000);
    expect(waiting.map(({ state }) => state)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('reconfigure leaves undefined options unchanged', () => {
    const { limiter } = setUp();
    limiter.tryAcquire(1);
    const before = limiter.peek();
    limiter.reconfigure({ per: undefined });
    expect(limiter.peek()).toEqual(before);
  });

  it('A released waiter continues in the async context of its caller', async () => {
    const { limiter, clock } = setUp();
    drain(limiter);
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    for (const caller of ['a', 'b']) {
      storage.run(caller, async () => {
        await limiter.acquire();
        seen.push([caller, storage.getStore()]);
      });
    }
    await clock.advance(10_000);
    expect(seen).toEqual([
      ['a', 'a'],
      ['b', 'b'],
    ]);
  });

  it('A released waiter may call the limiter acquireRepeatedly', async () => {
    const { limiter, clock } = setUp();
    drain(limiter);
    let calls = 0;
    const acquireRepeatedly = async (): Promise<void> => {
      await limiter.acquire();
      if (++calls < 10) await acquireRepeatedly();
    };
    const done = watch(acquireRepeatedly());
    await clock.advance(60_000);
    expect([done.state, calls]).toEqual(['fulfilled', 10]);
  });

  it('Error messages start with the given name', () => {
    const clock = new TestClock();
    const options = { ...optionsOf(name, { size: 1, per: 1 }), name: 'logins', clock };
    const Limiter = make({ size: 1, per: 1 }).constructor as new (options: object) => RateLimiter;
    const limiter = new Limiter(options);
    expect(() => limiter.tryAcquire(2)).toThrow('logins: ');
  });
});
