/** The documented limits of the algorithms, for configurations of every size. */
import { FixedWindow, LeakyBucket, SlidingWindowCounter, SlidingWindowLog, TokenBucket } from 'breakwater/rate-limit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITERS, type Limits } from '../rate-limit/limiters.js';
import { ManualClock } from '../support/manual-clock.js';
import { runs } from '../support/runs.js';

/** From half a microsecond to 30 days, in milliseconds, and amounts from a thousandth to millions. */
const period = fc.oneof(
  fc.constantFrom(0.001, 0.5, 1, 1.5, 60_000, 86_400_000, 30 * 86_400_000),
  fc.integer({ min: 1, max: 3_000_000_000 }),
  fc.integer({ min: 1, max: 1_000_000 }).map((n) => n / 1000),
);
const amount = fc.oneof(
  fc.constantFrom(0.1, 0.001, 1 / 3, 7, 1000, 123_456.789, 1e6),
  fc.integer({ min: 1, max: 100_000 }),
  fc.integer({ min: 1, max: 100_000 }).map((n) => n / 100),
);
interface Config extends Limits {
  readonly flow: number;
  readonly per: number;
}

const limits: fc.Arbitrary<Config> = fc
  .record({ size: fc.integer({ min: 1, max: 60 }), flow: amount, per: period })
  .filter(({ size, flow, per }) => (size / flow) * per < 60 * 365 * 86_400_000); // slower rates are rejected
/** Clocks can have any origin. */
const origin = fc.constantFrom(0, 12_345.678_9, 1e9 + 0.1, 1_790_000_000_123.4, -1e7);

function clockAt(time: number): ManualClock {
  const clock = new ManualClock();
  clock.time = time;
  return clock;
}

/** The decimal form of a number as a fraction. */
function fraction(value: number): [bigint, bigint] {
  const [whole = '', decimals = ''] = String(value).split('.');
  return [BigInt(whole + decimals), 10n ** BigInt(decimals.length)];
}

/**
 * A time in eighths of a millisecond, which are whole microseconds and exact in binary. Any other fraction can be so close
 * to the limit of rounding that the sum of two times is rounded to another microsecond than its parts.
 */
const inEighths = (ms: number): number => Math.round(ms * 8) / 8;

describe.each(LIMITERS)('%s', (_name, make) => {
  it('exactly the burst passes while the clock does not move, for any size and rate', () => {
    fc.assert(
      fc.property(limits, origin, (config, start) => {
        const limiter = make(config, clockAt(start));
        let passed = 0;
        for (let call = 0; call <= config.size; call++) if (limiter.tryAcquire().allowed) passed++;
        if (passed !== config.size) expect(passed).toBe(config.size);
        const whole = make(config, clockAt(start));
        if (!whole.tryAcquire(config.size).allowed || whole.tryAcquire().allowed) expect(config).toBe('exact');
      }),
      { numRuns: runs(10_000) },
    );
  });

  it('a wait of exactly retryAfterMs is enough, and one millisecond less is not', () => {
    fc.assert(
      fc.property(
        limits,
        fc.array(fc.record({ gap: fc.integer({ min: 0, max: 5000 }), cost: fc.integer({ min: 1, max: 60 }) }), {
          minLength: 1,
          maxLength: 30,
        }),
        (config, calls) => {
          const clock = clockAt(0);
          const limiter = make(config, clock);
          for (const { gap, cost } of calls) {
            clock.time = inEighths(clock.time + (gap * config.per) / 2000);
            const asked = ((cost - 1) % config.size) + 1;
            const { allowed, retryAfterMs, remaining, limit } = limiter.tryAcquire(asked);
            if (!Number.isInteger(remaining) || remaining < 0 || remaining > limit)
              expect(remaining).toBe('an integer');
            const now = clock.time;
            if (remaining > 0 && !limiter.peek(remaining).allowed) expect(remaining).toBe('what would pass');
            if (remaining < limit && limiter.peek(remaining + 1).allowed) expect(remaining).toBe('all that would pass');
            if (allowed) continue;
            if (!Number.isInteger(retryAfterMs) || retryAfterMs < 1) expect(retryAfterMs).toBe('whole milliseconds');
            clock.time = now + retryAfterMs - 1;
            if (retryAfterMs > 1 && limiter.peek(asked).allowed) expect(retryAfterMs).toBe('less');
            clock.time = now + retryAfterMs;
            if (!limiter.peek(asked).allowed) expect(retryAfterMs).toBe('more');
          }
        },
      ),
      { numRuns: runs(2000) },
    );
  });

  it('the limiter is in its initial state after resetAfterMs', () => {
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 60 }), fc.nat(1000), (config, cost, gap) => {
        const clock = clockAt(0);
        const limiter = make(config, clock);
        limiter.tryAcquire(((cost - 1) % config.size) + 1);
        clock.time = inEighths(clock.time + (gap * config.per) / 1000);
        clock.time += limiter.tryAcquire(1).resetAfterMs;
        expect(limiter.peek(config.size)).toMatchObject({ allowed: true, remaining: config.size, resetAfterMs: 0 });
      }),
      { numRuns: runs(1000) },
    );
  });
});

interface Arrival {
  readonly gap: number;
  readonly cost: number;
}

const arrivals = fc.array(
  fc.record({ gap: fc.oneof(fc.constant(0), fc.nat(100), fc.nat(100_000)), cost: fc.integer({ min: 1, max: 20 }) }),
  { maxLength: 60 },
);

/** The costs that passed, with their times in microseconds. */
function run(
  limiter: { tryAcquire(cost: number): { allowed: boolean } },
  clock: ManualClock,
  size: number,
  calls: Arrival[],
) {
  let micros = 0;
  const passed: { at: number; cost: number }[] = [];
  for (const { gap, cost: wish } of calls) {
    micros += gap;
    clock.time = micros / 1000;
    const cost = ((wish - 1) % size) + 1;
    if (limiter.tryAcquire(cost).allowed) passed.push({ at: micros, cost });
  }
  return passed;
}

it('a token bucket grants at most capacity + rate × time in any interval, and a full bucket never grants less', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      amount,
      fc.integer({ min: 1, max: 100_000 }),
      arrivals,
      (size, refill, per, calls) => {
        const clock = clockAt(0);
        const passed = run(new TokenBucket({ capacity: size, refill, per: per / 1000, clock }), clock, size, calls);
        const [numerator, denominator] = fraction(refill);
        for (let first = 0; first < passed.length; first++) {
          let granted = 0n;
          for (let last = first; last < passed.length; last++) {
            granted += BigInt(passed[last]!.cost);
            const time = BigInt(passed[last]!.at - passed[first]!.at);
            const most = BigInt(size) * denominator * BigInt(per) + numerator * time;
            if (granted * denominator * BigInt(per) > most) expect(passed).toBe('within the rate');
          }
        }
      },
    ),
    { numRuns: runs(10_000) },
  );
});

it('a sliding window log never admits more than its limit in any window, and rejects no request that fits', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 100_000 }),
      arrivals,
      (limit, per, calls) => {
        const clock = clockAt(0);
        const limiter = new SlidingWindowLog({ limit, per: per / 1000, clock });
        let micros = 0;
        const passed: { at: number; cost: number }[] = [];
        for (const { gap, cost: wish } of calls) {
          micros += gap;
          clock.time = micros / 1000;
          const cost = ((wish - 1) % limit) + 1;
          const inWindow = passed.filter(({ at }) => at > micros - per).reduce((total, one) => total + one.cost, 0);
          const { allowed } = limiter.tryAcquire(cost);
          if (allowed !== inWindow + cost <= limit) expect({ allowed, inWindow, cost }).toBe('exact');
          if (allowed) passed.push({ at: micros, cost });
        }
      },
    ),
    { numRuns: runs(5000) },
  );
});

it('a leaky bucket spaces admitted requests by exactly cost × per / leak, rounded up to a microsecond once', () => {
  fc.assert(
    fc.property(
      amount,
      fc.integer({ min: 1, max: 100_000 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 60 }),
      (leak, per, costs) => {
        const limiter = new LeakyBucket({ capacity: 5, leak, per: per / 1000, clock: clockAt(0) });
        const [numerator, denominator] = fraction(leak);
        let before = 0n;
        for (const cost of costs) {
          const due = (before * denominator * BigInt(per) + numerator - 1n) / numerator;
          const expected = Number((due + 999n) / 1000n);
          const { delayMs } = limiter.reserve({ cost });
          if (delayMs !== expected) expect(delayMs).toBe(expected);
          before += BigInt(cost);
        }
      },
    ),
    { numRuns: runs(5000) },
  );
});

it('a bucket with very large numbers grants slightly less than its rate and never more', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000_000_000 }),
      fc.oneof(fc.double({ min: 1e-3, max: 1e12, noNaN: true }), fc.integer({ min: 1, max: 1e9 })),
      period,
      fc.integer({ min: 1, max: 1_000_000_000 }),
      (capacity, refill, per, waitMs) => {
        const clock = clockAt(0);
        let bucket: TokenBucket;
        try {
          bucket = new TokenBucket({ capacity, refill, per, clock });
        } catch (error) {
          expect(error).toMatchObject({ option: 'refill' });
          return;
        }
        expect(bucket.tryAcquire(capacity).allowed).toBe(true);
        expect(bucket.tryAcquire().allowed).toBe(false);
        clock.time += waitMs;
        const { remaining } = bucket.peek();
        const [numerator, denominator] = String(refill).includes('e') ? [0n, 1n] : fraction(refill);
        const micros = BigInt(Math.ceil(per * 1000 - 0.001));
        const exact = (numerator * BigInt(waitMs) * 1000n) / (denominator * micros);
        const expected = exact > BigInt(capacity) ? capacity : Number(exact);
        if (numerator === 0n) return;
        expect(remaining).toBeLessThanOrEqual(expected);
        expect(remaining).toBeGreaterThanOrEqual(Math.floor(expected * (1 - 1e-2) - 1));
      },
    ),
    { numRuns: runs(3000) },
  );
});

it('a counter with very large numbers admits no more than the formula, and a whole burst', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000_000, max: 1_000_000_000_000_000 }),
      fc.integer({ min: 1_000_000, max: 2_592_000_000 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      fc.double({ min: 1, max: 1.999, noNaN: true }),
      (limit, per, share, windows) => {
        const clock = clockAt(0);
        const limiter = new SlidingWindowCounter({ limit, per, clock });
        const before = Math.max(1, Math.floor(share * limit));
        limiter.tryAcquire(before);
        clock.time = Math.floor(windows * per);
        const left = BigInt(2 * per - clock.time);
        const exact = Number((BigInt(limit) * BigInt(per) - BigInt(before) * left) / BigInt(per));
        const { remaining } = limiter.peek();
        expect(remaining).toBeLessThanOrEqual(exact);
        expect(remaining).toBeGreaterThanOrEqual(exact - (2 * before) / Math.floor(2 ** 51 / limit) - 1);
        const fresh = new SlidingWindowCounter({ limit, per, clock });
        expect([fresh.tryAcquire(limit).allowed, fresh.tryAcquire().allowed]).toEqual([true, false]);
      },
    ),
    { numRuns: runs(2000) },
  );
});

it('a burst at the edge of a window passes at most the limit of a sliding window and twice the limit of a fixed one', () => {
  const makers = { FixedWindow, SlidingWindowCounter, SlidingWindowLog };
  const counts = Object.entries(makers).map(([name, Limiter]) => {
    const clock = clockAt(0);
    const limiter = new Limiter({ limit: 5, per: 1000, clock });
    const times = [0, ...Array(8).fill(900), ...Array(8).fill(1050)];
    const passed = times.filter((time) => {
      clock.time = time;
      return limiter.tryAcquire().allowed;
    });
    return [name, passed.filter((time) => time > 50).length];
  });
  expect(counts).toEqual([
    ['FixedWindow', 9],
    ['SlidingWindowCounter', 4],
    ['SlidingWindowLog', 5],
  ]);
});
