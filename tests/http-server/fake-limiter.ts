import type { Decision } from 'breakwater/core';
import type { HttpRateLimiter } from 'breakwater/http-server';

/** A limiter that allows `limit` per key and never refills. Records its calls. */
export class FakeLimiter implements HttpRateLimiter {
  readonly calls: string[] = [];
  readonly peeks: string[] = [];
  readonly used = new Map<string, number>();
  readonly #limit: number;

  constructor(limit = 2) {
    this.#limit = limit;
  }

  tryAcquire(key: string, cost = 1): Decision {
    this.calls.push(`tryAcquire ${key} ${cost}`);
    return this.#decide(key, cost, true);
  }

  peek(key: string, cost = 1): Decision {
    this.peeks.push(`${key} ${cost}`);
    return this.#decide(key, cost, false);
  }

  reserve(key: string, { cost = 1, maxWait }: { cost?: number | undefined; maxWait?: unknown } = {}) {
    this.calls.push(`reserve ${key} ${cost} ${maxWait}`);
    const decision = this.#decide(key, cost, true);
    const cancel = () => {
      this.calls.push(`cancel ${key} ${cost}`);
      this.#add(key, -cost);
    };
    return { decision, cancel };
  }

  #decide(key: string, cost: number, take: boolean): Decision {
    const used = this.used.get(key) ?? 0;
    const allowed = used + cost <= this.#limit;
    if (allowed && take) this.#add(key, cost);
    return {
      allowed,
      limit: this.#limit,
      remaining: this.#limit - (this.used.get(key) ?? 0),
      retryAfterMs: allowed ? 0 : 1500,
      resetAfterMs: 60_000,
    };
  }

  #add(key: string, cost: number): void {
    this.used.set(key, (this.used.get(key) ?? 0) + cost);
  }
}
