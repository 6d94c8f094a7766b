import type { NaiveLimit, Rate } from './naive-limits.js';

export interface NaiveTicket {
  readonly id: number;
  readonly cost: number;
  /** Indexes of the limits that the ticket takes from. */
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
 * Limits with waiters at one or several of them. Each change recomputes the whole queue from the costs that were taken
 * before it.
 */
export class NaiveWaitQueue {
  pending: NaiveTicket[] = [];
  readonly granted: number[] = [];
  readonly rejected: number[] = [];
  /** The state of the limits when all waiters have taken their cost. */
  #behind: { limit: NaiveLimit; last: number }[] = [];

  constructor(readonly limits: NaiveLimit[]) {
    this.#place(0);
  }

  #place(now: number): void {
    this.#behind = this.limits.map((limit) => ({ limit: limit.copy(), last: 0 }));
    for (const ticket of this.pending) {
      const counters = ticket.from.map((index) => this.#behind[index]!);
      const start = Math.max(now, ticket.earliest, ...counters.map(({ last }) => last));
      const costs = counters.map(({ limit }) => Math.min(ticket.cost, limit.limit));
      ticket.due = Math.max(...counters.map(({ limit }, n) => limit.availableInQueueAt(costs[n]!, start)));
      for (const [n, counter] of counters.entries()) {
        counter.limit.takeQueued(costs[n]!, ticket.due);
        counter.last = ticket.due;
      }
    }
  }

  settle(now: number): void {
    const isDue = ({ due }: NaiveTicket) => due <= now;
    for (const ticket of this.pending.filter(isDue)) {
      for (const index of ticket.from)
        this.limits[index]!.takeQueued(Math.min(ticket.cost, this.limits[index]!.limit), ticket.due);
      if (ticket.isWaiter) this.granted.push(ticket.id);
    }
    this.pending = this.pending.filter((ticket) => !isDue(ticket));
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
      resetAfterMs: wholeMs(Math.max(...from.map((index) => this.#behind[index]!.limit.resetAt())) - now),
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

  /** `due` is undefined if the request was rejected. */
  enqueue(
    id: number,
    from: readonly number[],
    cost: number,
    maxWait: number,
    isWaiter: boolean,
    now: number,
  ): { decision: NaiveDecision; due: number | undefined } {
    this.settle(now);
    const times = from.map((index) => this.#behind[index]!.limit.availableInQueueAt(cost, this.#start([index], now)));
    const due = cost === 0 ? now : Math.max(...times);
    if (due - now > maxWait) return { decision: this.#answer(from, now, due), due: undefined };
    if (due > now) this.pending.push({ id, cost, from, isWaiter, earliest: isWaiter ? 0 : due, due });
    else if (cost > 0) for (const index of from) this.limits[index]!.takeQueued(cost, now);
    if (due <= now && isWaiter) this.granted.push(id);
    this.#place(now);
    return { decision: this.#answer(from, now, now), due };
  }

  /** Removes waiters. @returns the ids of those that were still in the queue. */
  leave(ids: readonly number[], now: number): number[] {
    this.settle(now);
    const leaving = this.pending.filter(({ id }) => ids.includes(id));
    this.pending = this.pending.filter((ticket) => !leaving.includes(ticket));
    this.#place(now);
    this.settle(now);
    return leaving.map(({ id }) => id);
  }

  refund(from: readonly number[], cost: number, now: number, takenAt?: number): void {
    this.settle(now);
    for (const index of from) this.limits[index]!.refund(cost, now, takenAt);
    this.#place(now);
    this.settle(now);
  }

  reconfigure(index: number, rate: Rate, now: number): void {
    this.settle(now);
    this.limits[index] = this.limits[index]!.withOptions(rate, now);
    const isTooMuch = (ticket: NaiveTicket) =>
      ticket.isWaiter && ticket.from.includes(index) && ticket.cost > rate.size;
    this.rejected.push(...this.pending.filter(isTooMuch).map(({ id }) => id));
    this.pending = this.pending.filter((ticket) => !isTooMuch(ticket));
    this.#place(now);
    this.settle(now);
  }
}
