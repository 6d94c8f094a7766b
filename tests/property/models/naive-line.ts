import type { NaiveLimit, Rate } from './naive-limits.js';

export interface NaiveClaim {
  readonly id: number;
  readonly cost: number;
  /** Indexes of the limits it takes from. */
  readonly from: readonly number[];
  readonly isWaiter: boolean;
  earliest: number;
  due: number;
}

export interface NaiveDecision {
  readonly allowed: boolean;
  readonly remaining: number;
  readonly retryAfterMs: number;
  readonly resetAfterMs: number;
}

const wholeMs = (micros: number) => Math.max(0, Math.ceil(micros / 1000));

/**
 * Limits, and those who stand in line at one or several of them. Whatever happens, the whole line is placed anew, from
 * what was taken before it.
 */
export class NaiveLine {
  pending: NaiveClaim[] = [];
  readonly granted: number[] = [];
  readonly refused: number[] = [];
  /** What is left when all in line have taken. */
  #behind: { limit: NaiveLimit; last: number }[] = [];

  constructor(readonly limits: NaiveLimit[]) {
    this.#place(0);
  }

  #place(now: number): void {
    this.#behind = this.limits.map((limit) => ({ limit: limit.copy(), last: 0 }));
    for (const claim of this.pending) {
      const counters = claim.from.map((index) => this.#behind[index]!);
      const start = Math.max(now, claim.earliest, ...counters.map(({ last }) => last));
      const costs = counters.map(({ limit }) => Math.min(claim.cost, limit.limit));
      claim.due = Math.max(...counters.map(({ limit }, n) => limit.turnAt(costs[n]!, start)));
      for (const [n, counter] of counters.entries()) {
        counter.limit.takeTurn(costs[n]!, claim.due);
        counter.last = claim.due;
      }
    }
  }

  settle(now: number): void {
    const isDue = ({ due }: NaiveClaim) => due <= now;
    for (const claim of this.pending.filter(isDue)) {
      for (const index of claim.from)
        this.limits[index]!.takeTurn(Math.min(claim.cost, this.limits[index]!.limit), claim.due);
      if (claim.isWaiter) this.granted.push(claim.id);
    }
    this.pending = this.pending.filter((claim) => !isDue(claim));
    this.#place(now);
  }

  #start(from: readonly number[], now: number): number {
    return Math.max(now, ...from.map((index) => this.#behind[index]!.last));
  }

  #answer(from: readonly number[], now: number, at: number): NaiveDecision {
    const remaining = from.map((index) => {
      const { limit, last } = this.#behind[index]!;
      return last > now ? 0 : limit.remaining(now);
    });
    return {
      allowed: at <= now,
      remaining: Math.min(...remaining),
      retryAfterMs: wholeMs(at - now),
      resetAfterMs: wholeMs(Math.max(...from.map((index) => this.#behind[index]!.limit.idleAt())) - now),
    };
  }

  ask(from: readonly number[], cost: number, now: number, takes: boolean): NaiveDecision {
    this.settle(now);
    const times = from.map((index) => this.#behind[index]!.limit.availableAt(cost, this.#start([index], now)));
    const at = cost === 0 ? now : Math.max(...times);
    if (takes && cost > 0 && at <= now) {
      for (const index of from) this.limits[index]!.take(cost, now);
      this.#place(now);
    }
    return this.#answer(from, now, at);
  }

  /** `due` is undefined when it was refused. */
  claim(
    id: number,
    from: readonly number[],
    cost: number,
    maxWait: number,
    isWaiter: boolean,
    now: number,
  ): { decision: NaiveDecision; due: number | undefined } {
    this.settle(now);
    const times = from.map((index) => this.#behind[index]!.limit.turnAt(cost, this.#start([index], now)));
    const due = cost === 0 ? now : Math.max(...times);
    if (due - now > maxWait) return { decision: this.#answer(from, now, due), due: undefined };
    if (due > now) this.pending.push({ id, cost, from, isWaiter, earliest: isWaiter ? 0 : due, due });
    else if (cost > 0) for (const index of from) this.limits[index]!.takeTurn(cost, now);
    if (due <= now && isWaiter) this.granted.push(id);
    this.#place(now);
    return { decision: this.#answer(from, now, now), due };
  }

  /** Those of them who were still in line. */
  giveUp(ids: readonly number[], now: number): number[] {
    this.settle(now);
    const leaving = this.pending.filter(({ id }) => ids.includes(id));
    this.pending = this.pending.filter((claim) => !leaving.includes(claim));
    this.#place(now);
    this.settle(now);
    return leaving.map(({ id }) => id);
  }

  giveBack(from: readonly number[], cost: number, now: number, takenAt?: number): void {
    this.settle(now);
    for (const index of from) this.limits[index]!.giveBack(cost, now, takenAt);
    this.#place(now);
    this.settle(now);
  }

  reconfigure(index: number, rate: Rate, now: number): void {
    this.settle(now);
    this.limits[index] = this.limits[index]!.changed(rate, now);
    const isTooMuch = (claim: NaiveClaim) => claim.isWaiter && claim.from.includes(index) && claim.cost > rate.size;
    this.refused.push(...this.pending.filter(isTooMuch).map(({ id }) => id));
    this.pending = this.pending.filter((claim) => !isTooMuch(claim));
    this.#place(now);
    this.settle(now);
  }
}
