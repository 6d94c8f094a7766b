/** The limiters and their queues against naive models, for any commands in any order. */
import { allOf, type RateLimiter, type Reservation } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITERS, optionsOf } from '../rate-limit/limiters.js';
import { settle } from '../support/promises.js';
import { runs } from '../support/runs.js';
import {
  NaiveFixedWindow,
  NaiveLeakyBucket,
  type NaiveLimit,
  NaiveSlidingWindowCounter,
  NaiveSlidingWindowLog,
  NaiveTokenBucket,
  type Rate,
} from './models/naive-limits.js';
import { NaiveWaitQueue } from './models/naive-wait-queue.js';

const NAIVE: Record<string, (rate: Rate) => NaiveLimit> = {
  TokenBucket: (rate) => new NaiveTokenBucket(rate),
  LeakyBucket: (rate) => new NaiveLeakyBucket(rate),
  FixedWindow: (rate) => new NaiveFixedWindow(rate),
  SlidingWindowCounter: (rate) => new NaiveSlidingWindowCounter(rate),
  SlidingWindowLog: (rate) => new NaiveSlidingWindowLog(rate),
};

/** Periods and waits of a few milliseconds, so that many events happen at the same time and at edges. */
const rate: fc.Arbitrary<Rate> = fc.record({
  size: fc.constantFrom(1, 2, 3, 4, 5, 6),
  hundredths: fc.oneof(
    fc.integer({ min: 1, max: 6 }).map((n) => 100 * n),
    fc.integer({ min: 1, max: 1000 }),
  ),
  perMicros: fc.oneof(
    fc.integer({ min: 1, max: 12 }).map((n) => 1000 * n),
    fc.integer({ min: 1, max: 20_000 }),
  ),
});
const limitsOf = ({ size, hundredths, perMicros }: Rate) => ({ size, flow: hundredths / 100, per: perMicros / 1000 });

/** The limiters of a command: each of two, or both together in either order. */
const via = fc.constantFrom('a', 'a', 'b', 'ab', 'ba');
const cost = fc.constantFrom(1, 1, 2, 2, 3, 4, 6, 0);
const maxWait = fc.oneof(
  { weight: 4, arbitrary: fc.constant(Infinity) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 20 }) },
);
const pick = fc.nat(30);

type Step =
  | { readonly do: 'tryAcquire' | 'peek' | 'refund'; readonly via: string; readonly cost: number }
  | { readonly do: 'acquire' | 'reserve'; readonly via: string; readonly cost: number; readonly maxWait: number }
  | { readonly do: 'abort' | 'cancel'; readonly picks: readonly number[] }
  | { readonly do: 'reconfigure'; readonly index: number; readonly rate: Rate }
  | { readonly do: 'wait'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('tryAcquire' as const, 'peek' as const), via, cost }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refund' as const), via, cost }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constantFrom('acquire' as const, 'reserve' as const), via, cost, maxWait }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('abort' as const, 'cancel' as const),
      picks: fc.array(pick, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reconfigure' as const), index: fc.nat(1), rate }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(
        fc.integer({ min: 1, max: 15 }),
        fc.integer({ min: 1, max: 3000 }).map((n) => n / 1000),
      ),
    }),
  },
);

/** Both sides, and the result of each waiter. */
class Sides {
  readonly clock = new TestClock();
  readonly real: Record<string, RateLimiter>;
  readonly naive: NaiveWaitQueue;
  readonly granted: number[] = [];
  readonly rejected: number[] = [];
  readonly aborts = new Map<number, AbortController>();
  readonly reservations = new Map<number, { reservation: Reservation; from: number[]; cost: number; due: number }>();
  readonly happened = new Map<string, number>();
  #ids = 0;

  constructor(
    readonly names: readonly [string, string],
    rates: readonly [Rate, Rate],
  ) {
    const [a, b] = names.map((name, n) => new Map(LIMITERS).get(name)!(limitsOf(rates[n]!), this.clock));
    this.real = { a: a!, b: b!, ab: allOf(a!, b!), ba: allOf(allOf(b!, a!), a!) };
    this.naive = new NaiveWaitQueue(names.map((name, n) => NAIVE[name]!(rates[n]!)));
  }

  get now(): number {
    return Math.floor(this.clock.now() * 1000 + 0.001);
  }

  count(what: string): void {
    this.happened.set(what, (this.happened.get(what) ?? 0) + 1);
  }

  /** The indexes in the order of the limiters in the combination. */
  from(via: string): number[] {
    return [...via].map((name) => (name === 'a' ? 0 : 1));
  }

  perform(step: Step): void {
    const { naive, now } = this;
    if (step.do === 'reconfigure') {
      this.real['ab'[step.index]!]!.reconfigure(optionsOf(this.names[step.index]!, limitsOf(step.rate)));
      naive.reconfigure(step.index, step.rate, now);
    } else if ('picks' in step) this.#leave(step);
    else if ('via' in step) {
      const from = this.from(step.via);
      const limiter = this.real[step.via]!;
      if (step.cost > Math.min(...from.map((index) => naive.limits[index]!.limit))) {
        expect(() => limiter.peek(step.cost)).toThrow(RangeError);
      } else if (step.do === 'refund') {
        limiter.refund(step.cost);
        naive.refund(from, step.cost, now);
      } else if ('maxWait' in step) this.#enqueue(step, limiter, from);
      else {
        const decision = limiter[step.do](step.cost);
        this.compare(decision, naive.ask(from, step.cost, now, step.do === 'tryAcquire'), step);
      }
    }
  }

  #enqueue(
    { do: verb, cost, maxWait }: Extract<Step, { maxWait: unknown }>,
    limiter: RateLimiter,
    from: number[],
  ): void {
    const id = this.#ids++;
    const { decision, due } = this.naive.enqueue(id, from, cost, maxWait * 1000, verb === 'acquire', this.now);
    this.count(due === undefined ? 'rejected' : due > this.now ? `${verb} later` : `${verb} now`);
    if (verb === 'reserve') {
      const reservation = limiter.reserve({ cost, maxWait });
      this.compare(reservation.decision, decision, verb);
      expect(reservation.delayMs).toBe(due === undefined ? 0 : Math.ceil((due - this.now) / 1000));
      if (due !== undefined) this.reservations.set(id, { reservation, from, cost, due });
      return;
    }
    const controller = new AbortController();
    this.aborts.set(id, controller);
    limiter.acquire({ cost, maxWait, signal: controller.signal }).then(
      (answer) => {
        if (answer.allowed) this.granted.push(id);
        if (answer.allowed !== (due !== undefined)) this.rejected.push(-1 - id); // detected by the comparison
        if (!answer.allowed) this.compare(answer, decision, verb);
      },
      (reason) => {
        if (reason instanceof RangeError) this.rejected.push(id);
      },
    );
  }

  #leave({ do: verb, picks }: Extract<Step, { picks: unknown }>): void {
    const all = [...(verb === 'abort' ? this.aborts : this.reservations).keys()];
    const inLine = this.naive.pending.map(({ id }) => id).filter((id) => all.includes(id));
    const candidates = picks.length > 1 && inLine.length > 0 ? inLine : all;
    if (candidates.length === 0) return;
    const ids = [...new Set(picks.map((pick) => candidates[pick % candidates.length]!))];
    if (verb === 'abort') {
      // A waiter that leaves together with a waiter ahead of it does not advance first.
      const left = this.naive.leave(ids, this.now);
      for (const id of ids) this.aborts.get(id)!.abort();
      this.count(left.length > 0 ? 'abort in line' : 'abort late');
      return;
    }
    for (const id of ids) {
      const { reservation, from, cost, due } = this.reservations.get(id)!;
      const wasInLine = this.naive.leave([id], this.now).length > 0;
      reservation.cancel();
      reservation.cancel();
      if (!wasInLine) this.naive.refund(from, cost, this.now, due);
      this.reservations.delete(id);
      this.count(wasInLine ? 'cancel in line' : 'cancel late');
    }
  }

  compare(seen: object, expected: object, what: unknown): void {
    const mismatch = Object.entries(expected).some(
      ([name, value]) => (seen as Record<string, unknown>)[name] !== value,
    );
    if (mismatch) expect(seen, JSON.stringify(what)).toMatchObject(expected);
  }

  /** After each step, compares the granted waiters and the next decisions. */
  async check(what: unknown): Promise<void> {
    const { naive, now } = this;
    for (const name of ['a', 'b', 'ab']) {
      this.compare(this.real[name]!.peek(), naive.ask(this.from(name), 1, now, false), [name, what]);
      const { remaining } = this.real[name]!.peek(0);
      expect(Number.isInteger(remaining) && remaining >= 0).toBe(true);
    }
    await settle();
    this.#same(this.granted, naive.granted, what);
    this.#same(this.rejected, naive.rejected, what);
  }

  #same(seen: number[], expected: number[], what: unknown): void {
    if (`${[...seen].sort()}` !== `${[...expected].sort()}`) expect(seen, JSON.stringify(what)).toEqual(expected);
  }
}

const names = LIMITERS.map(([name]) => name);

describe.each(names)('%s, alone and combined with another limiter', (name) => {
  it('the limiter behaves like a naive model', async () => {
    const happened = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.tuple(rate, rate),
        fc.array(step, { maxLength: 60, size: 'max' }),
        async (other, rates, steps) => {
          const sides = new Sides([name, other], rates);
          for (const [at, each] of steps.entries()) {
            if (each.do === 'wait') await sides.clock.advance(each.ms);
            sides.perform(each);
            await sides.check([at, each]);
          }
          // At the end all waiters have been served.
          await sides.clock.advance(1e7);
          await sides.check('the end');
          expect(sides.clock.pendingTimers).toBe(0);
          for (const [what, count] of sides.happened) happened.set(what, (happened.get(what) ?? 0) + count);
        },
      ),
      { numRuns: runs(400) },
    );
    const rare = ['acquire later', 'acquire now', 'reserve later', 'reserve now', 'rejected'];
    const rarer = ['abort in line', 'cancel in line', 'cancel late'];
    for (const what of [...rare, ...rarer]) expect(happened.get(what), what).toBeGreaterThan(runs(30));
  });
});
