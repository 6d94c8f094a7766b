/** Waiters after a stall of the event loop: a waiter that is released at some time must be within the limit at that time. */
import type { Clock } from 'breakwater';
import { allOf, KeyedRateLimiter, type RateLimiter } from 'breakwater/rate-limit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITERS, type Limits } from '../rate-limit/limiters.js';
import { ManualClock } from '../support/manual-clock.js';
import { settle } from '../support/promises.js';
import { runs } from '../support/runs.js';
import { StallingClock } from '../support/stalling-clock.js';

/** Rates and turns of whole milliseconds, for which no timer has to be rounded. */
const limits: fc.Arbitrary<Limits> = fc.record({
  size: fc.integer({ min: 1, max: 4 }),
  flow: fc.constantFrom(1, 2, 4),
  per: fc.integer({ min: 1, max: 30 }).map((n) => 4 * n),
});

const turn = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 10 }) },
  { weight: 2, arbitrary: fc.integer({ min: 10, max: 150 }) },
  { weight: 1, arbitrary: fc.integer({ min: 150, max: 1000 }) },
);

type Step =
  | { readonly do: 'acquire' | 'tryAcquire'; readonly cost: number }
  | { readonly do: 'abort'; readonly pick: number }
  | { readonly do: 'turn'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('acquire' as const), cost: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tryAcquire' as const), cost: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), pick: fc.nat(20) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('turn' as const), ms: turn }) },
);

/** Acquires, and checks each release against a second limiter without waiters. */
class Run {
  readonly clock = new StallingClock();
  readonly limiter: RateLimiter;
  readonly twin: RateLimiter;
  readonly twinClock = new ManualClock();
  readonly waiting: { readonly cost: number; readonly abort: AbortController }[] = [];
  late = 0;

  constructor(
    make: (clock: Clock) => RateLimiter,
    readonly size: number,
    readonly spaced: boolean,
  ) {
    this.limiter = make(this.clock);
    this.twin = make(this.twinClock);
  }

  cost(wish: number): number {
    return ((wish - 1) % this.size) + 1;
  }

  /** Whether the twin, which has taken every released cost at its release time, admits the cost now. */
  #twinWouldPass(cost: number): boolean {
    this.twinClock.time = this.clock.now();
    if (!this.spaced) return this.twin.peek(cost).allowed;
    const { decision, cancel } = this.twin.reserve({ cost, maxWait: 0 });
    cancel();
    return decision.allowed;
  }

  #release(cost: number): void {
    expect(this.#twinWouldPass(cost), `${cost} at ${this.clock.now()}`).toBe(true);
    this.twin.reserve({ cost, maxWait: 0 });
  }

  perform(step: Step): void {
    if (step.do === 'tryAcquire') {
      if (!this.spaced && this.limiter.tryAcquire(this.cost(step.cost)).allowed) this.#release(this.cost(step.cost));
    } else if (step.do === 'abort') {
      if (this.waiting.length > 0) this.waiting[step.pick % this.waiting.length]!.abort.abort();
    } else if (step.do === 'acquire') {
      const waiter = { cost: this.cost(step.cost), abort: new AbortController() };
      this.waiting.push(waiter);
      const leave = () => void this.waiting.splice(this.waiting.indexOf(waiter), 1);
      this.limiter.acquire({ cost: waiter.cost, signal: waiter.abort.signal }).then(() => {
        leave();
        this.#release(waiter.cost);
      }, leave);
    }
  }

  /** Asserts that no waiter waits longer than necessary. */
  check(): void {
    const [first] = this.waiting;
    if (first !== undefined) expect(this.#twinWouldPass(first.cost), `waiting at ${this.clock.now()}`).toBe(false);
  }
}

async function replay(run: Run, steps: readonly Step[]): Promise<void> {
  const failures: unknown[] = [];
  const onRejection = (reason: unknown) => failures.push(reason);
  process.on('unhandledRejection', onRejection);
  try {
    for (const each of steps) {
      if (each.do === 'turn') await run.clock.turn(each.ms);
      run.perform(each);
      await settle();
      expect(failures).toEqual([]);
      if (each.do === 'turn') run.check();
    }
    for (let n = 0; n < 500 && run.waiting.length > 0; n++) await run.clock.turn(37);
    expect(failures).toEqual([]);
    expect([run.waiting.length, run.clock.pendingTimers]).toEqual([0, 0]);
  } finally {
    process.off('unhandledRejection', onRejection);
  }
}

const steps = fc.array(step, { maxLength: 60, size: 'max' });

describe.each(LIMITERS)('%s on a stalled event loop', (name, make) => {
  const spaced = name === 'LeakyBucket';

  it('a waiter is released as soon as the limit has room for it, and not before', async () => {
    await fc.assert(
      fc.asyncProperty(limits, steps, async (config, each) => {
        await replay(new Run((clock) => make(config, clock), config.size, spaced), each);
      }),
      { numRuns: runs(300) },
    );
  });

  it('waiters of each key and of combinations are released as soon as the limits have room', async () => {
    await fc.assert(
      fc.asyncProperty(limits, limits, fc.boolean(), steps, async (config, other, isKeyed, each) => {
        const combined = (clock: Clock) => {
          const one = make(config, clock);
          if (isKeyed) return keyOf(new KeyedRateLimiter(() => make(config, clock), { clock }));
          return allOf(one, make(other, clock), one);
        };
        const size = isKeyed ? config.size : Math.min(config.size, other.size);
        await replay(new Run(combined, size, spaced), each);
      }),
      { numRuns: runs(300) },
    );
  });
});

type SharedStep =
  | { readonly do: 'acquire'; readonly at: number; readonly cost: number; readonly maxWait: number }
  | { readonly do: 'abort'; readonly pick: number }
  | { readonly do: 'turn'; readonly ms: number };

const sharedStep: fc.Arbitrary<SharedStep> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('acquire' as const),
      at: fc.nat(4),
      cost: fc.integer({ min: 1, max: 3 }),
      maxWait: fc.constantFrom(Infinity, Infinity, 500),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), pick: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const), ms: turn }) },
);

/** Waiters at three limiters, separately and in two combinations, in queues that depend on each other. */
describe.each(LIMITERS)('%s, shared by combinations, on a stalled event loop', (name, make) => {
  it('waiters are released in arrival order, each when all of its limits have room, and all of them at the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(limits, limits, limits),
        fc.array(sharedStep, { maxLength: 60, size: 'max' }),
        async (configs, steps) => {
          const [clock, twinClock] = [new StallingClock(), new ManualClock()];
          const [a, b, c] = configs.map((config) => make(config, clock)) as [RateLimiter, RateLimiter, RateLimiter];
          const twins = configs.map((config) => make(config, twinClock));
          const lines = [[0], [1], [2], [0, 1], [1, 2]];
          const limiters = [a, b, c, allOf(a, b), allOf(b, c)];
          const waiting: { readonly line: readonly number[]; readonly abort: AbortController }[] = [];
          const failures: unknown[] = [];
          const release = (waiter: (typeof waiting)[number], cost: number): void => {
            const ahead = waiting.slice(0, waiting.indexOf(waiter));
            const isOvertaking = ahead.some(({ line }) => line.some((index) => waiter.line.includes(index)));
            twinClock.time = clock.now();
            const passes = waiter.line.map((index) => twins[index]!.reserve({ cost, maxWait: 0 }).decision.allowed);
            if (isOvertaking || passes.includes(false)) failures.push({ at: clock.now(), line: waiter.line, ahead });
          };
          for (const each of steps) {
            if (each.do === 'turn') await clock.turn(each.ms);
            else if (each.do === 'abort') waiting[each.pick % Math.max(1, waiting.length)]?.abort.abort();
            else {
              const line = lines[each.at]!;
              const cost = Math.min(each.cost, ...line.map((index) => configs[index]!.size));
              const waiter = { line, abort: new AbortController() };
              waiting.push(waiter);
              const leave = () => void waiting.splice(waiting.indexOf(waiter), 1);
              const { signal } = waiter.abort;
              limiters[each.at]!.acquire({ cost, maxWait: each.maxWait, signal }).then(({ allowed }) => {
                if (allowed) release(waiter, cost);
                leave();
              }, leave);
            }
            await settle();
          }
          for (let n = 0; n < 1_000 && waiting.length > 0; n++) await clock.turn(37);
          expect(failures).toEqual([]);
          expect([waiting.length, clock.pendingTimers]).toEqual([0, 0]);
        },
      ),
      { numRuns: runs(name === 'LeakyBucket' ? 100 : 200) },
    );
  });
});

/** The limiter of one key. */
function keyOf(limiter: KeyedRateLimiter): RateLimiter {
  const key = 'the key';
  return {
    tryAcquire: (cost) => limiter.tryAcquire(key, cost),
    peek: (cost) => limiter.peek(key, cost),
    acquire: (options) => limiter.acquire(key, options),
    reserve: (options) => limiter.reserve(key, options),
    refund: (cost) => limiter.refund(key, cost),
    reconfigure: (options) => limiter.reconfigure(key, options),
  };
}
