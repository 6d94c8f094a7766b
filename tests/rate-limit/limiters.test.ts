/** What holds for every limiter. */
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
  /** 4 per second; a bucket refills or leaks one each 250 ms. */
  const setUp = (size = 4) => {
    const clock = new TestClock();
    return { clock, limiter: make({ size, per: '1s' }, clock) };
  };
  /** Takes all there is, so that the next one has to wait; gives how long. */
  const drain = (limiter: RateLimiter, size = 4): number => {
    limiter.tryAcquire(size);
    return limiter.reserve({ maxWait: 0 }).decision.retryAfterMs;
  };

  it('decides with plain values, and nothing else in them', () => {
    const { limiter } = setUp();
    const allowed = limiter.tryAcquire(3);
    expect(allowed).toStrictEqual({
      allowed: true,
      limit: 4,
      remaining: 1,
      retryAfterMs: 0,
      resetAfterMs: { TokenBucket: 750, LeakyBucket: 750, SlidingWindowCounter: 2000 }[name] ?? 1000,
    });
    const refused = limiter.tryAcquire(2);
    expect(refused).toStrictEqual({
      allowed: false,
      limit: 4,
      remaining: 1,
      retryAfterMs: { TokenBucket: 250, LeakyBucket: 250, SlidingWindowCounter: 1334 }[name] ?? 1000,
      resetAfterMs: allowed.resetAfterMs,
    });
    expect(limiter.peek(2)).toStrictEqual(refused);
  });

  it('a cost of 0 is allowed always, and takes nothing', async () => {
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

  it('refuses a cost above what may ever pass, from every verb', async () => {
    const { limiter, clock } = setUp();
    for (const act of [() => limiter.tryAcquire(5), () => limiter.peek(5), () => limiter.reserve({ cost: 5 })]) {
      expect(act).toThrow(RangeError);
    }
    await expect(limiter.acquire({ cost: 5 })).rejects.toThrow(`${name}: a cost of 5 is above the limit of 4`);
    expect([limiter.peek().remaining, clock.pendingTimers]).toEqual([4, 0]);
  });

  it('refuses what is no cost or no option, naming it', async () => {
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

  it('lets waiters go in the order they came, at their time and not before', async () => {
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

  it('nobody overtakes: a large cost is not starved by small ones', async () => {
    const { limiter, clock } = setUp();
    limiter.tryAcquire(1);
    const large = watch(limiter.acquire({ cost: 4 }));
    for (let ms = 0; ms < 3000 && large.state === 'pending'; ms += 50) {
      expect(limiter.tryAcquire().allowed).toBe(false);
      await clock.advance(50);
    }
    expect(large.state).toBe('fulfilled');
  });

  it('refuses up front a wait that would be too long, and takes nothing for it', async () => {
    const { limiter, clock } = setUp();
    const wait = drain(limiter);
    const before = limiter.peek();
    const refused = await limiter.acquire({ maxWait: wait - 1 });
    expect(refused).toMatchObject({ allowed: false, retryAfterMs: wait });
    const reservation = limiter.reserve({ maxWait: `${wait - 1}ms` });
    expect(reservation).toMatchObject({ delayMs: 0, decision: { allowed: false, retryAfterMs: wait } });
    reservation.cancel();
    expect([limiter.peek(), clock.pendingTimers]).toEqual([before, 0]);
    const accepted = watch(limiter.acquire({ maxWait: wait }));
    await clock.advance(wait);
    expect(accepted.value).toMatchObject({ allowed: true, retryAfterMs: 0 });
  });

  it('an aborted signal takes nothing; the reason is passed on', async () => {
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

  it('when one in the middle gives up, those behind move up', async () => {
    const { limiter, clock } = setUp();
    drain(limiter);
    const twin = make({ size: 4, per: '1s' }, clock);
    drain(twin);
    const controller = new AbortController();
    const told: string[] = [];
    const tell = (who: string) => () => told.push(`${who} at ${clock.now()}`);
    limiter.acquire({ cost: 2 }).then(tell('first'));
    limiter.acquire({ cost: 4, signal: controller.signal }).catch(() => {});
    limiter.acquire({ cost: 3 }).then(tell('last'));
    twin.acquire({ cost: 2 }).then(tell('first'));
    twin.acquire({ cost: 3 }).then(tell('last'));
    await clock.advance(10);
    controller.abort();
    await clock.advance(10_000);
    expect(told.length).toBe(4);
    expect(told.filter((_, n) => n % 2 === 0)).toEqual(told.filter((_, n) => n % 2 === 1));
    expect(clock.pendingTimers).toBe(0);
  });

  it('one that was let go and aborted in the same turn has been let go', async () => {
    const { limiter, clock } = setUp();
    const wait = drain(limiter);
    const controller = new AbortController();
    const waiting = watch(limiter.acquire({ signal: controller.signal }));
    await clock.advance(wait - 1);
    clock.setTimeout(() => controller.abort(), 1); // rings right after the limiter's
    await clock.advance(1);
    expect(waiting.state).toBe('fulfilled');
  });

  it('fifty thousand, half of whom give up together, cost no more than they', async () => {
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
    expect(user).toBeLessThan(10_000_000); // quadratic would be minutes
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1e9);
    expect(await Promise.all(all)).toHaveLength(50_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('places only the front of the line again when waiters are released late', async () => {
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
    expect(user).toBeLessThan(10_000_000); // to place all of them each time would take minutes
  });

  it('gives a waiter that is released late a decision that counts the waiters behind it', async () => {
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

  it('reserve: the time is kept, a cancel before it is as if it had never been', async () => {
    const { limiter, clock } = setUp();
    const wait = drain(limiter);
    const fresh = limiter.peek();
    const reservation = limiter.reserve();
    expect(reservation).toMatchObject({ delayMs: wait, decision: { allowed: true, remaining: 0 } });
    expect(clock.pendingTimers).toBe(0); // its holder waits
    const behind = limiter.reserve({ cost: 4 });
    expect(behind.delayMs).toBeGreaterThan(wait);
    behind.cancel();
    {
      using _ = reservation;
    }
    reservation.cancel();
    expect(limiter.peek()).toEqual(fresh);
  });

  it('reserve: a cancel after its time gives back, once', async () => {
    const { limiter } = setUp();
    const reservation = limiter.reserve({ cost: 3 });
    expect(reservation.delayMs).toBe(0);
    expect(limiter.peek().remaining).toBe(1);
    reservation.cancel();
    reservation.cancel();
    expect(limiter.peek()).toMatchObject({ remaining: 4, resetAfterMs: 0 });
  });

  it('a refund never makes more than there is, and lets those who wait move up', async () => {
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

  it('a refund never credits a later window', async () => {
    const { limiter, clock } = setUp();
    const reservation = limiter.reserve({ cost: 4 });
    await clock.advance(2500);
    limiter.tryAcquire(4);
    const before = limiter.peek();
    reservation.cancel();
    if (!name.includes('Bucket')) expect(limiter.peek()).toEqual(before);
    expect(limiter.peek().remaining).toBeLessThanOrEqual(4);
  });

  it('reconfigure keeps what has been taken, and gives waiters new times', async () => {
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

  it('reconfigure takes undefined for what it was', () => {
    const { limiter } = setUp();
    limiter.tryAcquire(1);
    const before = limiter.peek();
    limiter.reconfigure({ per: undefined });
    expect(limiter.peek()).toEqual(before);
  });

  it('goes on in the async context of its caller', async () => {
    const { limiter, clock } = setUp();
    drain(limiter);
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    for (const who of ['a', 'b']) {
      storage.run(who, async () => {
        await limiter.acquire();
        seen.push([who, storage.getStore()]);
      });
    }
    await clock.advance(10_000);
    expect(seen).toEqual([
      ['a', 'a'],
      ['b', 'b'],
    ]);
  });

  it('whoever is let go may call back into the limiter', async () => {
    const { limiter, clock } = setUp();
    drain(limiter);
    let calls = 0;
    const again = async (): Promise<void> => {
      await limiter.acquire();
      if (++calls < 10) await again();
    };
    const done = watch(again());
    await clock.advance(60_000);
    expect([done.state, calls]).toEqual(['fulfilled', 10]);
  });

  it('goes by its name in errors', () => {
    const clock = new TestClock();
    const options = { ...optionsOf(name, { size: 1, per: 1 }), name: 'logins', clock };
    const Limiter = make({ size: 1, per: 1 }).constructor as new (options: object) => RateLimiter;
    const limiter = new Limiter(options);
    expect(() => limiter.tryAcquire(2)).toThrow('logins: ');
  });
});
