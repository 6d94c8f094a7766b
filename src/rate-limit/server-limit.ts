import type { Clock } from '../core/clock.js';
import { definePolicy } from '../core/define-policy.js';
import { headersOf } from '../core/header-fields.js';
import type { Policy } from '../core/policy.js';
import { type AnnouncedLimit, countsRequests } from '../http-fields/classic-limits.js';
import { parseRateLimit, type RateLimitFields } from '../http-fields/rate-limit-fields.js';
import { CoreLimiter } from './base-limiter.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { LimitState } from './limit-state.js';
import { LimiterCore } from './limiter-core.js';
import { LARGEST } from './settings.js';
import { toMicros } from './timeline.js';
import { queueOf } from './wait-queue.js';

/** The part of one response that concerns the limit with the least remaining. */
interface ServerLimitUpdate {
  /** The cost that the server still admits until the reset, if the response has both values. */
  readonly window: { readonly left: number; readonly resetAfterMs: number } | undefined;
  /** The limit of one window, if the response has it. */
  readonly limit: number | undefined;
  readonly windowMs: number | undefined;
  /** The time in which no request may be sent (`Retry-After`). */
  readonly pauseMs: number | undefined;
  /** Whether the previous pause has ended. */
  readonly endsPause: boolean;
  /** Whether everything announced before is void. */
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

/** The facts about a response other than its header fields. */
export interface ResponseFacts {
  /** Whether the status is 429 or 503. */
  readonly isRefusal: boolean;
  /** Whether the response is neither a rejection nor a server error. */
  readonly isGood: boolean;
  /** Whether the request was sent as a probe. */
  readonly isProbe: boolean;
  /**
   * Returns the number of requests in flight that were sent after this one, so that its response does not count them.
   */
  sentSince(): number;
}

/**
 * A rate limiter whose limit is the one that a server announces in its responses. Before the first announcement, it
 * admits every request. After it, the limiter admits what is left in the window, and nothing more until the reset. If
 * the server has also announced the limit per window, the limiter admits one more window after the reset; without that
 * limit, all waiters would be released at once.
 *
 * A response may be wrong or hostile. Therefore, while no request may be sent, the limiter admits one request as a
 * probe after each `maxPause`. The response to the probe replaces what was announced before.
 */
export class ServerLimit extends CoreLimiter {
  readonly #maxPause: number;
  /** The time of the last announcement, in microseconds. */
  #updatedAt = 0;

  constructor(owner: string, clock: Clock, maxPauseMs: number) {
    const queue = queueOf(clock);
    const maxPause = toMicros(maxPauseMs);
    const limit = new LimitState(new AnnouncedAlgorithm(owner, {}, NO_UPDATE, maxPause), queue);
    super(new LimiterCore(owner, queue, [limit]));
    this.#maxPause = maxPause;
  }

  /** Whether a request that is sent now can only be a probe. */
  get isProbing(): boolean {
    const core = this['~core'];
    const now = core.queue.now();
    const [limit] = core.limits as readonly [LimitState<AnnouncedState>];
    limit.settle(now);
    const state = { ...limit.state };
    if (limit.first !== undefined) limit.algorithm.load(state, limit.first.before, 0); // the state without the waiters
    return isClosed(state, 1, now) && now >= this.#updatedAt + this.#maxPause;
  }

  /** Applies what a response announces. */
  update({ limits, retryAfterMs }: RateLimitFields, { isRefusal, isGood, isProbe, sentSince }: ResponseFacts): void {
    const pauseMs = isRefusal ? retryAfterMs : undefined;
    const known = limits.filter(
      (limit) => limit.remaining !== undefined && limit.resetAfterMs !== undefined && countsRequests(limit),
    );
    const [first] = known.sort((a, b) => a.remaining! - b.remaining! || b.resetAfterMs! - a.resetAfterMs!);
    const endsPause = isProbe && (isGood || pauseMs !== undefined);
    if (first === undefined) {
      if (isProbe && isGood) this.reset();
      else if (pauseMs !== undefined) this.#apply({ ...NO_UPDATE, pauseMs, endsPause });
      return;
    }
    const { resetAfterMs, limit, windowMs } = asWindow(first);
    const left = Math.max(0, first.remaining! - sentSince());
    this.#apply({ window: { left, resetAfterMs: resetAfterMs! }, limit, windowMs, pauseMs, endsPause, endsAll: false });
  }

  /** Forgets everything that was announced. */
  reset(): void {
    this.#apply({ ...NO_UPDATE, endsAll: true });
  }

  #apply(update: ServerLimitUpdate): void {
    this.#updatedAt = this['~core'].queue.now();
    super.reconfigure(update);
  }
}

/**
 * Returns a limit as a window. The limits of OpenAI and Anthropic that are named `requests` are buckets: their reset is
 * the time until the bucket is full, so one request is admitted in each equal part of that time.
 */
function asWindow(limit: AnnouncedLimit): Pick<AnnouncedLimit, 'resetAfterMs' | 'limit' | 'windowMs'> {
  const used = (limit.limit ?? 0) - limit.remaining!;
  if (limit.name !== 'requests' || used < 1) return limit;
  const refillMs = Math.ceil(limit.resetAfterMs! / used);
  return { resetAfterMs: refillMs, limit: 1, windowMs: refillMs };
}

/** Creates a policy that reports the responses of the operation to the limit. */
export function observeRateLimitHeaders(limit: ServerLimit, name: string, clock: Clock): Policy {
  let sent = 0;
  const inFlight = new Set<number>();
  return definePolicy({
    name,
    clock,
    async run(next, context) {
      const number = ++sent;
      inFlight.add(number);
      const isProbe = limit.isProbing;
      try {
        const response = (await next(context)) as Response;
        const { status, headers } = response;
        const { limits, retryAfterMs } = parseRateLimit(headers);
        // GitHub refuses with a 403 that has a Retry-After. Without it, a 403 is about permissions.
        const isForbidden = status === 403 && retryAfterMs !== undefined;
        // A limit of one resource says nothing about the other resources of the server.
        const isOfResource = (headersOf(response)?.('x-ratelimit-resource') ?? null) !== null;
        limit.update(
          { limits: isOfResource ? [] : limits, retryAfterMs },
          {
            isRefusal: status === 429 || status === 503 || isForbidden,
            isGood: status < 500 && status !== 429 && !isForbidden,
            isProbe,
            sentSince: () => [...inFlight].filter((other) => other > number).length,
          },
        );
        return response;
      } finally {
        inFlight.delete(number);
      }
    },
    describe: () => ({ kind: 'followServerLimits', name }),
  });
}

interface AnnouncedState {
  /** The cost that the server still admits. */
  left: number;
  /** The time at which the window of `left` ends. */
  until: number;
  /** The end of the pause. */
  pausedUntil: number;
  /** The time from which on one request is admitted as a probe. */
  probeAt: number;
}

/** Whether the server has announced that it will reject this cost. */
function isClosed({ left, until, pausedUntil }: AnnouncedState, cost: number, time: number): boolean {
  return time < pausedUntil || (time < until && left < cost);
}

/** The assumed limit if the server has announced none: more than any client sends. */
const UNKNOWN = 1_000_000_000_000_000;

/** The limit and the length of the windows after the reset. */
interface Window {
  readonly limit?: number | undefined;
  readonly ms?: number | undefined;
}

class AnnouncedAlgorithm extends LimitAlgorithm<AnnouncedState> {
  readonly width = 4;
  readonly #window: Window;
  /** The update that `migrateState` applies. */
  readonly #update: ServerLimitUpdate;
  readonly #maxPause: number;

  constructor(owner: string, window: Window, update: ServerLimitUpdate, maxPause: number) {
    super(owner, Math.max(1, window.limit ?? UNKNOWN));
    this.#window = window;
    this.#update = update;
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

  /** Keeps the announced limit and window length until a response announces other values. */
  withOptions(update: ServerLimitUpdate): AnnouncedAlgorithm {
    if (update.endsAll) return new AnnouncedAlgorithm(this.owner, {}, update, this.#maxPause);
    const { limit = this.#window.limit, window } = update;
    const ms = update.windowMs ?? window?.resetAfterMs ?? this.#window.ms;
    return new AnnouncedAlgorithm(this.owner, { limit, ms }, update, this.#maxPause);
  }

  migrateState(state: AnnouncedState, _before: AnnouncedAlgorithm, now: number): void {
    const { window, pauseMs, endsPause, endsAll } = this.#update;
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

/** Adds a duration to a time. The sum stays an exact integer, because a header may contain any number. */
function after(time: number, ms: number): number {
  return time + Math.min(LARGEST, toMicros(ms));
}
