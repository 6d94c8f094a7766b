import type { Clock } from '../core/clock.js';
import { definePolicy, type Policy } from '../core/policy.js';
import { GatedLimiter } from '../rate-limit/base-limiter.js';
import { Gate } from '../rate-limit/gate.js';
import { Ledger } from '../rate-limit/ledger.js';
import { lineOf } from '../rate-limit/line.js';
import { parseRateLimit, type RateLimitFields } from '../rate-limit/rate-limit-fields.js';
import { type Numbers, Rules } from '../rate-limit/rules.js';
import { toMicros } from '../rate-limit/timeline.js';

/** What one response tells of the limit that binds first. */
interface News {
  /** What the server will still let through until the reset. */
  readonly left?: number;
  readonly resetAfterMs?: number;
  /** What passes in one window, as far as that was told. */
  readonly limit?: number | undefined;
  readonly windowMs?: number | undefined;
  /** Nothing is to be sent for so long. */
  readonly pauseMs?: number | undefined;
}

/**
 * The limit of a server, as it tells of it in its responses: a rate limiter whose numbers come from outside. Free until
 * something is told; then it lets through what is left, and after that nothing until the reset. What follows that is
 * one more window, if it was told how much passes in one; a limiter that knew nothing of it would send all who wait at
 * once.
 */
export class ServerLimit extends GatedLimiter {
  constructor(owner: string, clock: Clock) {
    const line = lineOf(clock);
    super(new Gate(owner, line, [new Ledger(new AnnouncedRules(owner, {}, {}), line)]));
  }

  /** @param sentSince - how many requests are under way that the server did not know of when it answered. */
  hear({ limits, retryAfterMs }: RateLimitFields, isRefusal: boolean, sentSince: () => number): void {
    const pauseMs = isRefusal ? retryAfterMs : undefined;
    const known = limits.filter(({ remaining, resetAfterMs }) => remaining !== undefined && resetAfterMs !== undefined);
    const [first] = known.sort((a, b) => a.remaining! - b.remaining! || b.resetAfterMs! - a.resetAfterMs!);
    if (first === undefined) {
      if (pauseMs !== undefined) this.reconfigure({ pauseMs });
      return;
    }
    const { remaining, resetAfterMs, limit, windowMs } = first;
    const left = Math.max(0, remaining! - sentSince());
    this.reconfigure({ left, resetAfterMs: resetAfterMs!, limit, windowMs, pauseMs });
  }

  override reconfigure(news: News): void {
    super.reconfigure(news);
  }
}

/** Tells the limit what the responses to the requests inside say. */
export function listenFor(limit: ServerLimit, name: string, clock: Clock): Policy {
  let sent = 0;
  const underWay = new Set<number>();
  return definePolicy({
    name,
    clock,
    async run(next, context) {
      const number = ++sent;
      underWay.add(number);
      try {
        const response = (await next(context)) as Response;
        const sentSince = () => [...underWay].filter((other) => other > number).length;
        limit.hear(parseRateLimit(response.headers), response.status === 429 || response.status === 503, sentSince);
        return response;
      } finally {
        underWay.delete(number);
      }
    },
    describe: () => ({ kind: 'listen', name }),
  });
}

interface Announced {
  left: number;
  /** When `left` is over. */
  until: number;
  pausedUntil: number;
}

/** More than anybody sends. */
const UNKNOWN = 1_000_000_000_000_000;

/** What passes in how long, once the reset is over. */
interface Window {
  readonly limit?: number | undefined;
  readonly ms?: number | undefined;
}

class AnnouncedRules extends Rules<Announced> {
  readonly width = 3;
  readonly #window: Window;
  /** For whoever adopts a state. */
  readonly #news: News;

  constructor(owner: string, window: Window, news: News) {
    super(owner, Math.max(1, window.limit ?? UNKNOWN));
    this.#window = window;
    this.#news = news;
  }

  fresh(): Announced {
    return { left: UNKNOWN, until: 0, pausedUntil: 0 };
  }

  save(state: Announced, into: Numbers, at: number): void {
    into[at] = state.left;
    into[at + 1] = state.until;
    into[at + 2] = state.pausedUntil;
  }

  load(state: Announced, from: Numbers, at: number): void {
    state.left = from[at] as number;
    state.until = from[at + 1] as number;
    state.pausedUntil = from[at + 2] as number;
  }

  availableAt(state: Announced, cost: number, from: number): number {
    const at = Math.max(from, state.pausedUntil);
    return at >= state.until || state.left >= cost ? at : state.until;
  }

  take(state: Announced, cost: number, at: number): void {
    if (at >= state.until) {
      const { limit, ms = 0 } = this.#window;
      state.left = this.limit;
      state.until = limit === undefined ? 0 : at + toMicros(ms);
    }
    state.left -= cost;
  }

  giveBack(state: Announced, cost: number): void {
    state.left = Math.min(this.limit, state.left + cost);
  }

  remaining(state: Announced, now: number): number {
    if (now < state.pausedUntil) return 0;
    return now >= state.until ? this.limit : Math.max(0, Math.min(this.limit, state.left));
  }

  idleAt(state: Announced): number {
    return Math.max(state.until, state.pausedUntil);
  }

  /** What was said of the window before holds until something else is said. */
  changed(news: News): AnnouncedRules {
    const { limit = this.#window.limit, resetAfterMs = this.#window.ms, windowMs = resetAfterMs } = news;
    return new AnnouncedRules(this.owner, { limit, ms: windowMs }, news);
  }

  adopt(state: Announced, _before: AnnouncedRules, now: number): void {
    const { left, resetAfterMs, pauseMs } = this.#news;
    if (left !== undefined && resetAfterMs !== undefined) {
      state.left = left;
      state.until = now + toMicros(resetAfterMs);
    }
    if (pauseMs !== undefined) state.pausedUntil = Math.max(state.pausedUntil, now + toMicros(pauseMs));
  }
}
