import type { Clock } from '../core/clock.js';
import { definePolicy, type Policy } from '../core/policy.js';
import { parseRateLimit, type RateLimitFields } from '../http-fields/rate-limit-fields.js';
import { GatedLimiter } from './base-limiter.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { LimitState } from './limit-state.js';
import { LimiterCore } from './limiter-core.js';
import { LARGEST } from './settings.js';
import { toMicros } from './timeline.js';
import { queueOf } from './wait-queue.js';

/** What one response says of the limit that binds first. */
interface ServerLimitUpdate {
  /** What the server will still let through until the reset, if it said so. */
  readonly window: { readonly left: number; readonly resetAfterMs: number } | undefined;
  /** What passes in one window, as far as that was said. */
  readonly limit: number | undefined;
  readonly windowMs: number | undefined;
  /** Nothing is to be sent for this long. */
  readonly pauseMs: number | undefined;
  /** Whether the pause before this one is over. */
  readonly endsPause: boolean;
  /** Whether all that was said before is void. */
  readonly endsAll: boolean;
}

const NO_UPDATE: ServerLimitUpdate = {
  window: undefined,
  limit: undefined,
  windowMs: undefined,
  pauseMs: undefined,
  endsPause: false,
  endsAll: false,
};

/** How a response answered a request, beside its fields. */
export interface ResponseFacts {
  /** Its status is 429 or 503. */
  readonly isRefusal: boolean;
  /** It is neither a refusal nor a failure of the server. */
  readonly isGood: boolean;
  /** The request went out as a probe. */
  readonly isProbe: boolean;
  /** How many requests are under way that the server did not know of when it answered. */
  sentSince(): number;
}

/**
 * The limit of a server, as it announces it in its responses: a rate limiter whose numbers come from outside. Free
 * until something is announced; then it lets through what is left, and after that nothing until the reset. What follows
 * that is one more window, if it was announced how much passes in one; a limiter that knew nothing of it would send all
 * who wait at once.
 *
 * A response may be mistaken, or hostile. So while nothing is to be sent, one request passes after each `maxPause` all
 * the same, as a probe, and its response counts instead of what was announced before.
 */
export class ServerLimit extends GatedLimiter {
  readonly #maxPause: number;
  /** When something was announced last. */
  #updatedAt = 0;

  constructor(owner: string, clock: Clock, maxPauseMs: number) {
    const line = queueOf(clock);
    const maxPause = toMicros(maxPauseMs);
    super(new LimiterCore(owner, line, [new LimitState(new AnnouncedAlgorithm(owner, {}, NO_UPDATE, maxPause), line)]));
    this.#maxPause = maxPause;
  }

  /** Whether a request that goes out now can only be a probe. */
  get isProbing(): boolean {
    const gate = this['~gate'];
    const now = gate.queue.now();
    const [ledger] = gate.limits as readonly [LimitState<AnnouncedState>];
    ledger.settle(now);
    const state = { ...ledger.state };
    if (ledger.first !== undefined) ledger.algorithm.load(state, ledger.first.before, 0); // without those that wait
    return isClosed(state, 1, now) && now >= this.#updatedAt + this.#maxPause;
  }

  update({ limits, retryAfterMs }: RateLimitFields, { isRefusal, isGood, isProbe, sentSince }: ResponseFacts): void {
    const pauseMs = isRefusal ? retryAfterMs : undefined;
    const known = limits.filter(({ remaining, resetAfterMs }) => remaining !== undefined && resetAfterMs !== undefined);
    const [first] = known.sort((a, b) => a.remaining! - b.remaining! || b.resetAfterMs! - a.resetAfterMs!);
    const endsPause = isProbe && (isGood || pauseMs !== undefined);
    if (first === undefined) {
      if (isProbe && isGood) this.reset();
      else if (pauseMs !== undefined) this.#apply({ ...NO_UPDATE, pauseMs, endsPause });
      return;
    }
    const { remaining, resetAfterMs, limit, windowMs } = first;
    const left = Math.max(0, remaining! - sentSince());
    this.#apply({ window: { left, resetAfterMs: resetAfterMs! }, limit, windowMs, pauseMs, endsPause, endsAll: false });
  }

  /** Forgets all that was announced. */
  reset(): void {
    this.#apply({ ...NO_UPDATE, endsAll: true });
  }

  #apply(update: ServerLimitUpdate): void {
    this.#updatedAt = this['~gate'].queue.now();
    super.reconfigure(update);
  }
}

/** Reports what the responses to the requests inside say to the limit. */
export function observeRateLimitHeaders(limit: ServerLimit, name: string, clock: Clock): Policy {
  let sent = 0;
  const underWay = new Set<number>();
  return definePolicy({
    name,
    clock,
    async run(next, context) {
      const number = ++sent;
      underWay.add(number);
      const isProbe = limit.isProbing;
      try {
        const response = (await next(context)) as Response;
        const { status, headers } = response;
        limit.update(parseRateLimit(headers), {
          isRefusal: status === 429 || status === 503,
          isGood: status < 500 && status !== 429,
          isProbe,
          sentSince: () => [...underWay].filter((other) => other > number).length,
        });
        return response;
      } finally {
        underWay.delete(number);
      }
    },
    describe: () => ({ kind: 'followServerLimits', name }),
  });
}

interface AnnouncedState {
  left: number;
  /** When `left` is over. */
  until: number;
  pausedUntil: number;
  /** From when on one request passes although nothing is to be sent. */
  probeAt: number;
}

/** Whether the server has announced that it will refuse this. */
function isClosed({ left, until, pausedUntil }: AnnouncedState, cost: number, time: number): boolean {
  return time < pausedUntil || (time < until && left < cost);
}

/** More than anybody sends. */
const UNKNOWN = 1_000_000_000_000_000;

/** What passes in how long, once the reset is over. */
interface Window {
  readonly limit?: number | undefined;
  readonly ms?: number | undefined;
}

class AnnouncedAlgorithm extends LimitAlgorithm<AnnouncedState> {
  readonly width = 4;
  readonly #window: Window;
  /** For the state that is adopted next. */
  readonly #news: ServerLimitUpdate;
  readonly #maxPause: number;

  constructor(owner: string, window: Window, update: ServerLimitUpdate, maxPause: number) {
    super(owner, Math.max(1, window.limit ?? UNKNOWN));
    this.#window = window;
    this.#news = update;
    this.#maxPause = maxPause;
  }

  fresh(): AnnouncedState {
    return { left: UNKNOWN, until: 0, pausedUntil: 0, probeAt: 0 };
  }

  save(state: AnnouncedState, into: Numbers, at: number): void {
    into[at] = state.left;
    into[at + 1] = state.until;
    into[at + 2] = state.pausedUntil;
    into[at + 3] = state.probeAt;
  }

  load(state: AnnouncedState, from: Numbers, at: number): void {
    state.left = from[at] as number;
    state.until = from[at + 1] as number;
    state.pausedUntil = from[at + 2] as number;
    state.probeAt = from[at + 3] as number;
  }

  availableAt(state: AnnouncedState, cost: number, from: number): number {
    if (!isClosed(state, cost, from)) return from;
    const resumed = Math.max(from, state.pausedUntil);
    const opens = isClosed(state, cost, resumed) ? state.until : resumed;
    return Math.min(opens, Math.max(from, state.probeAt));
  }

  take(state: AnnouncedState, cost: number, at: number): void {
    if (isClosed(state, cost, at)) {
      state.probeAt = at + this.#maxPause;
      return;
    }
    if (at >= state.until) {
      const { limit, ms = 0 } = this.#window;
      state.left = this.limit;
      state.until = limit === undefined ? 0 : after(at, ms);
      state.probeAt = at + this.#maxPause;
    }
    state.left -= cost;
  }

  refund(state: AnnouncedState, cost: number): void {
    state.left = Math.min(this.limit, state.left + cost);
  }

  remaining(state: AnnouncedState, now: number): number {
    if (isClosed(state, 1, now)) return now >= state.probeAt ? 1 : 0;
    return now >= state.until ? this.limit : Math.min(this.limit, state.left);
  }

  resetAt(state: AnnouncedState): number {
    return Math.max(state.until, state.pausedUntil);
  }

  /** What was said of the window before holds until something else is said. */
  withOptions(update: ServerLimitUpdate): AnnouncedAlgorithm {
    if (update.endsAll) return new AnnouncedAlgorithm(this.owner, {}, update, this.#maxPause);
    const { limit = this.#window.limit, window } = update;
    const ms = update.windowMs ?? window?.resetAfterMs ?? this.#window.ms;
    return new AnnouncedAlgorithm(this.owner, { limit, ms }, update, this.#maxPause);
  }

  migrateState(state: AnnouncedState, _before: AnnouncedAlgorithm, now: number): void {
    const { window, pauseMs, endsPause, endsAll } = this.#news;
    if (endsAll) Object.assign(state, this.fresh());
    if (window !== undefined) {
      state.left = window.left;
      state.until = after(now, window.resetAfterMs);
    }
    if (endsPause) state.pausedUntil = 0;
    if (pauseMs !== undefined) state.pausedUntil = Math.max(state.pausedUntil, after(now, pauseMs));
    state.probeAt = now + this.#maxPause;
  }
}

/** As far ahead as integers are exact: a header may say anything. */
function after(time: number, ms: number): number {
  return time + Math.min(LARGEST, toMicros(ms));
}
