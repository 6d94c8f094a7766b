import { BulkheadPolicy } from '../bulkhead/bulkhead.js';
import type { AcquireOptions, BulkheadEvents, QueueDiscipline } from '../bulkhead/index.js';
import type { Clock } from '../core/clock.js';
import {
  asContext,
  type Context,
  detachedContext,
  type Frame,
  type Next,
  type PolicyContext,
} from '../core/context.js';
import type { Duration } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import {
  checkInteger,
  checkMethods,
  checkOneOf,
  checkOptionalFunction,
  checkString,
  readOptions,
} from '../core/options.js';
import { type Classify, defaultClassify, type Outcome } from '../core/outcome.js';
import { type Permit, permit } from '../core/permit.js';
import type { Policy, PolicyDescription } from '../core/policy.js';
import { type CallLoad, loadOf } from './call-load.js';
import type { LimitAlgorithm, LimitReason, LimitState } from './limit-algorithm.js';
import { LoopWatch } from './loop-watch.js';
import { probingLimit } from './probing-limit.js';

const OWNER = 'adaptiveLimit';
const EVENTS = ['limit', 'queued', 'reject', 'idle'] as const;

/** Options of `adaptiveLimit`. */
export interface AdaptiveLimitOptions {
  /** The limit before the first samples: an integer from `minLimit` to `maxLimit`. @defaultValue 20 */
  readonly initialLimit?: number | undefined;
  /**
   * The lowest limit: an integer ≥ 1. Raise it for a dependency that must always get some calls.
   * @defaultValue 1
   */
  readonly minLimit?: number | undefined;
  /** The highest limit: an integer ≥ `minLimit`, such as the number of connections of a pool. @defaultValue 1000 */
  readonly maxLimit?: number | undefined;
  /**
   * The algorithm that decides the limit: `aimdLimit()`, or one of the caller's. The default compares the latency with
   * that of an idle dependency, which it measures again and again.
   * @defaultValue the probing gradient
   */
  readonly algorithm?: LimitAlgorithm | undefined;
  /** The maximum number of calls that wait for a slot: an integer ≥ 0, or `Infinity`. @defaultValue 0 */
  readonly maxQueue?: number | undefined;
  /** The longest time that a call waits for a slot: a duration above 0, or `Infinity`. @defaultValue Infinity */
  readonly queueTimeout?: Duration | undefined;
  /** The order of waiters: 'fifo', or a discipline such as `codelQueue()`. @defaultValue 'fifo' */
  readonly queue?: 'fifo' | QueueDiscipline | undefined;
  /**
   * What happens to a call that finds the queue full: 'reject', or 'evict-lowest' to take the place of the least
   * important waiter.
   * @defaultValue 'reject'
   */
  readonly onFull?: 'reject' | 'evict-lowest' | undefined;
  /**
   * How long a request of `resilientFetch({ limit })` holds its slot: until the headers of the response have arrived,
   * or until its body has ended. 'body' needs the option `bodyTimeout` of `resilientFetch`. Has no effect elsewhere.
   * @defaultValue 'headers'
   */
  readonly holdUntil?: 'headers' | 'body' | undefined;
  /**
   * Whether calls are rejected. 'observe' counts and emits events as 'enforce' does, but admits every call at once.
   * @defaultValue 'enforce'
   */
  readonly mode?: 'enforce' | 'observe' | undefined;
  /**
   * Judges outcomes. A `success` is a sample of the latency; `throttled`, timeouts and status 503 show an overload;
   * other outcomes are not counted.
   * @defaultValue the `classify` of the call
   */
  readonly classify?: Classify | undefined;
  /** The name of the policy in errors, events and descriptions. @defaultValue 'adaptiveLimit' */
  readonly name?: string | undefined;
  /** The clock that measures the latency and `queueTimeout`. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** Events of an adaptive limit. */
export interface AdaptiveLimitEvents extends BulkheadEvents {
  /** The limit has changed. */
  limit: { readonly from: number; readonly to: number; readonly reason: LimitReason };
}

/** Statistics of an adaptive limit. */
export interface AdaptiveLimitStats {
  /** The current limit. */
  readonly limit: number;
  /** The number of running calls and acquired permits. */
  readonly active: number;
  /** The number of waiting calls. */
  readonly queued: number;
  /** The latency without a queue in milliseconds, as the algorithm has measured it; undefined if it is unknown. */
  readonly baselineMs: number | undefined;
  /** The number of samples so far. */
  readonly samples: number;
  /** The number of samples that showed an overload. */
  readonly overloads: number;
  /** The number of calls that were not counted, since the event loop of this process was blocked meanwhile. */
  readonly stalled: number;
}

/** An adaptive limit, as `adaptiveLimit` creates it. */
export interface AdaptiveLimit extends Policy, Observable<AdaptiveLimitEvents> {
  /** The maximum number of concurrent calls now: an integer from `minLimit` to `maxLimit`. */
  readonly limit: number;
  /** The number of running calls and acquired permits. After the limit has shrunk it may exceed the limit. */
  readonly active: number;
  /** The number of waiting calls. */
  readonly queued: number;
  /** The current state as numbers. */
  readonly stats: AdaptiveLimitStats;
  /** How long a request of `resilientFetch` holds its slot. */
  readonly holdUntil: 'headers' | 'body';
  /** Acquires a slot without waiting. Returns undefined if no slot is free. Release it with the outcome. */
  tryAcquire(): Permit | undefined;
  /**
   * Acquires a slot, after waiting in the queue if no slot is free. Release it with the outcome: without one, the call
   * is not counted.
   * @throws BulkheadFullError, QueueTimeoutError or ClosedError, as a rejection.
   */
  acquire(options?: AcquireOptions): Promise<Permit>;
  /** Resolves when no call is running and the queue is empty. */
  onIdle(): Promise<void>;
  /** Rejects new calls, lets all accepted calls finish, and resolves when they have finished. */
  close(): Promise<void>;
  /** Rejects new calls and all waiting calls. Running calls continue. */
  [Symbol.dispose](): void;
}

/**
 * Creates a policy that limits the number of concurrent calls, as a bulkhead does, at a limit that it finds itself: as
 * high as the dependency can use, and so low that no long queue forms inside it. Use one for each dependency, inside the
 * retry and outside the timeout of the attempt.
 *
 * The limit follows the latency of successful calls and the share of calls that show an overload: timeouts, `throttled`
 * outcomes and status 503. Other failures are not counted, and neither are calls during which the event loop of this
 * process was blocked for more than 50 ms. Without calls the limit does not change.
 *
 * Two clock readings per call, O(1), about 1.7 kB. A timer of 20 ms runs only while calls are in flight; all limits
 * with the same clock share it.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const users = pipeline(retry(), adaptiveLimit({ name: 'users' }), timeout('500ms'));
 * const response = await users.execute(({ signal }) => fetch('https://example.com/users', { signal }));
 * ```
 */
export function adaptiveLimit(options?: AdaptiveLimitOptions): AdaptiveLimit {
  return new AdaptiveLimitPolicy(readAdaptiveLimitOptions(options));
}

interface CheckedOptions extends AdaptiveLimitOptions {
  readonly initialLimit: number;
  readonly minLimit: number;
  readonly maxLimit: number;
  readonly algorithm: LimitAlgorithm;
  readonly holdUntil: 'headers' | 'body';
  readonly mode: 'enforce' | 'observe';
}

function readAdaptiveLimitOptions(options: AdaptiveLimitOptions | undefined): CheckedOptions {
  const own = readOptions(OWNER, options, {
    initialLimit: undefined,
    minLimit: 1,
    maxLimit: 1000,
    algorithm: undefined,
    maxQueue: 0,
    queueTimeout: Infinity,
    queue: 'fifo',
    onFull: 'reject',
    holdUntil: 'headers',
    mode: 'enforce',
    classify: undefined,
    name: OWNER,
    clock: undefined,
  });
  const minLimit = checkInteger(OWNER, 'minLimit', own.minLimit, { min: 1 });
  const maxLimit = checkInteger(OWNER, 'maxLimit', own.maxLimit, { min: 1 });
  if (maxLimit < minLimit) {
    throw new InvalidOptionError(OWNER, 'maxLimit', `must be ≥ "minLimit" (${minLimit})`, maxLimit);
  }
  const fallback = Math.min(maxLimit, Math.max(minLimit, 20));
  const initialLimit = checkInteger(OWNER, 'initialLimit', own.initialLimit ?? fallback, { min: 1 });
  if (initialLimit < minLimit || initialLimit > maxLimit) {
    const rule = `must be from "minLimit" (${minLimit}) to "maxLimit" (${maxLimit})`;
    throw new InvalidOptionError(OWNER, 'initialLimit', rule, initialLimit);
  }
  checkOptionalFunction(OWNER, 'classify', own.classify);
  return {
    ...own,
    minLimit,
    maxLimit,
    initialLimit,
    algorithm: checkAlgorithm(own.algorithm),
    holdUntil: checkOneOf(OWNER, 'holdUntil', own.holdUntil, ['headers', 'body']),
    mode: checkOneOf(OWNER, 'mode', own.mode, ['enforce', 'observe']),
  };
}

function checkAlgorithm(algorithm: LimitAlgorithm | undefined): LimitAlgorithm {
  if (algorithm === undefined) return probingLimit();
  checkMethods(OWNER, 'algorithm', algorithm, ['start']);
  checkString(OWNER, 'algorithm.name', algorithm.name);
  return algorithm;
}

class AdaptiveLimitPolicy extends BulkheadPolicy implements AdaptiveLimit {
  limit: number;
  readonly holdUntil: 'headers' | 'body';
  readonly #events: Emitter<AdaptiveLimitEvents>;
  readonly #options: Pick<CheckedOptions, 'minLimit' | 'maxLimit' | 'algorithm' | 'classify'>;
  readonly #state: LimitState;
  readonly #watch: LoopWatch | undefined;
  #isWatching = false;
  #samples = 0;
  #overloads = 0;
  #stalled = 0;

  constructor(options: CheckedOptions) {
    const { initialLimit, maxQueue, queueTimeout, queue, onFull, mode, name, clock } = options;
    const events = new Emitter<AdaptiveLimitEvents>(EVENTS);
    super({ maxConcurrent: initialLimit, maxQueue, queueTimeout, queue, onFull, mode, name, clock }, OWNER, events);
    this.#events = events;
    this.limit = initialLimit;
    this.holdUntil = options.holdUntil;
    const { minLimit, maxLimit, algorithm, classify } = options;
    // Not the options themselves: a copy of many options takes more memory than the rest of a limit.
    this.#options = { minLimit, maxLimit, algorithm, classify };
    this.#state = algorithm.start({ initialLimit, minLimit, maxLimit });
    this.#watch = LoopWatch.of(this.clock);
  }

  override on<K extends keyof AdaptiveLimitEvents>(
    type: K,
    listener: (event: AdaptiveLimitEvents[K]) => void,
  ): () => void {
    return this.#events.on(type, listener);
  }

  override get isObserved(): boolean {
    return this.#events.has('idle') || this.#events.has('limit');
  }

  override describe(): PolicyDescription {
    const { maxConcurrent: _, ...description } = super.describe();
    const { minLimit, maxLimit, algorithm } = this.#options;
    return {
      ...description,
      kind: OWNER,
      name: this.name,
      limit: this.limit,
      minLimit,
      maxLimit,
      algorithm: algorithm.name,
    };
  }

  get stats(): AdaptiveLimitStats {
    const { limit, active, queued } = this;
    const { baselineMs = Infinity } = this.#state;
    return {
      limit,
      active,
      queued,
      baselineMs: baselineMs === Infinity ? undefined : baselineMs,
      samples: this.#samples,
      overloads: this.#overloads,
      stalled: this.#stalled,
    };
  }

  override run(next: Next, context: PolicyContext): Promise<unknown> {
    return this.runInside(undefined, next, asContext(context));
  }

  override enter(context: Context, outer: Frame | undefined): Frame | undefined {
    if (context.aborted) return undefined;
    const now = this.clock.now();
    return this.tryTakeSlot() ? new MeasuredCall(context, outer, this, now, false) : undefined;
  }

  protected override runWithSlot(next: Next, context: PolicyContext): Promise<unknown> {
    return this.proceed(this.#begin(asContext(context), true), next);
  }

  protected override permitOfSlot(): Permit {
    const call = this.#begin(detachedContext(this.clock), false);
    return permit((outcome) => this.onEnd(call, outcome));
  }

  /** Begins a call that has a slot. The slot is released if the clock throws. */
  #begin(context: Context, hasWaited: boolean): MeasuredCall {
    try {
      return new MeasuredCall(context, undefined, this, this.clock.now(), hasWaited);
    } catch (error) {
      this.releaseOfHolder()();
      throw error;
    }
  }

  /** Watches the event loop while calls are in flight. */
  onStart(now: number): void {
    if (this.#isWatching || this.#watch === undefined) return;
    this.#isWatching = true;
    this.#watch.start(now);
  }

  /** Counts a call that has ended, and releases its slot. The slot is released even if `classify` throws. */
  onEnd(call: MeasuredCall, outcome: Outcome | undefined): void {
    try {
      if (outcome !== undefined) this.#count(call, outcome);
    } finally {
      call.release();
      if (this.active === 0 && this.#isWatching) {
        this.#isWatching = false;
        this.#watch?.stop();
      }
    }
  }

  #count(call: MeasuredCall, outcome: Outcome): void {
    const { inside: context, startedAt } = call;
    const load = this.#loadOf(call, outcome, this.#options.classify ?? context.classify);
    if (load === 'unknown') return;
    const now = this.clock.now();
    if (this.#watch?.wasLateSince(startedAt, now)) {
      this.#stalled++;
      this.#state.discard?.(now);
      return;
    }
    this.#samples++;
    const isOverload = load === 'overload';
    if (isOverload) this.#overloads++;
    this.#setLimit(this.#state.sample(now - startedAt, call.inFlight, isOverload, now));
  }

  #loadOf({ inside: context, hasWaited }: MeasuredCall, outcome: Outcome, classify: Classify): CallLoad {
    // The usual case, without reading a status: by default a value that is no object is a success.
    const isPlain = outcome.ok && typeof outcome.value !== 'object' && classify === defaultClassify;
    return isPlain && !context.aborted ? 'normal' : loadOf(OWNER, classify, outcome, context, hasWaited);
  }

  #setLimit(exact: number): void {
    const { minLimit, maxLimit } = this.#options;
    const to = Math.min(maxLimit, Math.max(minLimit, Math.floor(exact)));
    const from = this.limit;
    if (to === from || Number.isNaN(to)) return;
    this.limit = to;
    this.resize(to);
    if (this.#events.has('limit')) this.#events.emit('limit', { from, to, reason: this.#state.reason });
  }
}

/** The frame of a call that has a slot. */
class MeasuredCall implements Frame {
  readonly inside: Context;
  readonly outer: Frame | undefined;
  /** Whether the call has waited for its slot. */
  readonly hasWaited: boolean;
  readonly startedAt: number;
  /** The number of calls in flight when the call began, including itself. */
  readonly inFlight: number;
  readonly release: () => void;
  readonly #policy: AdaptiveLimitPolicy;

  constructor(
    context: Context,
    outer: Frame | undefined,
    policy: AdaptiveLimitPolicy,
    startedAt: number,
    hasWaited: boolean,
  ) {
    this.inside = context;
    this.outer = outer;
    this.#policy = policy;
    this.hasWaited = hasWaited;
    this.startedAt = startedAt;
    policy.onStart(startedAt);
    this.inFlight = policy.active;
    this.release = policy.releaseOfHolder();
  }

  onValue(value: unknown): void {
    this.#policy.onEnd(this, { ok: true, value });
  }

  onError(error: unknown): unknown {
    this.#policy.onEnd(this, { ok: false, error });
    return error;
  }
}
