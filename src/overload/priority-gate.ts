import { type Clock, checkClock } from '../core/clock.js';
import { asContext, type Context, type Next, type PolicyContext, rejectNextMicrotask } from '../core/context.js';
import { type Duration, toMs } from '../core/duration.js';
import { isResilienceError, ShedError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkName, checkNumber, readOptions } from '../core/options.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';
import { checkRandom, type Random } from '../core/random.js';
import { PriorityCounts } from './priority-counts.js';

const OWNER = 'priorityGate';
const EVENTS = ['reject'] as const;

/** The codes of the rejections that the gate counts: those of policies inside it that had no place for a call. */
const OVERLOAD_CODES: readonly string[] = ['ERR_BULKHEAD_FULL', 'ERR_QUEUE_TIMEOUT', 'ERR_RATE_LIMITED', 'ERR_SHED'];

/** Options of `priorityGate`. */
export interface PriorityGateOptions {
  /**
   * The time of which the traffic is remembered: a duration above 0. A longer time makes the threshold steadier and
   * slower.
   * @defaultValue '5s'
   */
  readonly window?: Duration | undefined;
  /**
   * The share of the calls of each priority that passes even while the priority is rejected: a number from 0 to 1.
   * These calls keep every priority from starving.
   * @defaultValue 0.02
   */
  readonly minShare?: number | undefined;
  /** The name of the policy in errors, events and descriptions. @defaultValue 'priorityGate' */
  readonly name?: string | undefined;
  /** The clock of the window. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** The random source that chooses the calls that pass. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** Events of a priority gate. */
export interface PriorityGateEvents {
  /** A call was rejected. Calls with a priority above `threshold` are rejected now. */
  reject: { readonly priority: number; readonly threshold: number };
}

/** A priority gate, as `priorityGate` creates it. */
export interface PriorityGate extends Policy, Observable<PriorityGateEvents> {
  /** The share of calls that the gate rejects: a number from 0 to 1. */
  readonly rejectionRate: number;
  /**
   * The priority from which calls are rejected: calls with a higher number are rejected, and some of the calls with
   * exactly this one. `Infinity` while none is rejected.
   */
  readonly threshold: number;
}

/**
 * Creates a policy that rejects the least important calls first. Put it outside a bulkhead, an adaptive limit or a rate
 * limit, best one with a queue and `onFull: 'evict-lowest'`: those know how much is too much. The gate learns the share of
 * calls that they can admit, and rejects the others at the lowest priorities, with `ShedError`.
 *
 * ```
 * each tenth of the window: admitted = admitted × (1 - the share that the limits inside have rejected)
 *                           or, if they have rejected none, admitted × 1.005, × 1.0075, × 1.011, …
 * threshold = the priority at the quantile `admitted` of recent calls, the most important first
 * ```
 *
 * Priorities need no configuration: any numbers are compared, 0 is the most important (`execute(…, { priority })`).
 * If all calls have the same priority, the gate rejects a share of them at random. `minShare` of each priority always
 * passes.
 *
 * The idea is that of WeChat's DAGOR (Zhou et al., SoCC 2018) and of failsafe-go's prioritizer. One gate may be used for
 * several limits, in several pipelines. O(1) per call, and O(n log n) per tenth of the window for n distinct priorities, of
 * which 1,000 are distinguished; no timer.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const policy = pipeline(priorityGate(), adaptiveLimit(), timeout('500ms'));
 * const response = await policy.execute(() => fetch('https://example.com/checkout'), { priority: 0 });
 * ```
 */
export function priorityGate(options?: PriorityGateOptions): PriorityGate {
  return new PriorityGatePolicy(options);
}

class PriorityGatePolicy extends BasePolicy implements PriorityGate {
  readonly #minShare: number;
  readonly #windowMs: number;
  readonly #random: Random;
  readonly #counts: PriorityCounts;
  readonly #events = new Emitter<PriorityGateEvents>(EVENTS);

  constructor(options?: PriorityGateOptions) {
    const own = readOptions(OWNER, options, {
      window: '5s' as Duration,
      minShare: 0.02,
      name: OWNER,
      clock: undefined,
      random: undefined,
    });
    super(checkName(OWNER, own.name), checkClock(OWNER, own.clock));
    this.#windowMs = toMs(OWNER, 'window', own.window);
    this.#minShare = checkNumber(OWNER, 'minShare', own.minShare, { min: 0, max: 1 });
    this.#random = checkRandom(OWNER, own.random);
    this.#counts = new PriorityCounts(this.#windowMs, this.clock.now());
  }

  on<K extends keyof PriorityGateEvents>(type: K, listener: (event: PriorityGateEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  describe(): PolicyDescription {
    return { kind: OWNER, name: this.name, windowMs: this.#windowMs, minShare: this.#minShare };
  }

  get rejectionRate(): number {
    this.#counts.advance(this.clock.now());
    return 1 - this.#counts.admitted;
  }

  get threshold(): number {
    this.#counts.advance(this.clock.now());
    return this.#counts.threshold;
  }

  run(next: Next, context: PolicyContext): Promise<unknown> {
    const call = asContext(context);
    if (call.aborted) return next(context); // rejects with the abort reason; the operation does not start
    const { priority } = call;
    const counts = this.#counts;
    counts.advance(this.clock.now());
    counts.countCall(priority);
    const share = Math.max(this.#minShare, counts.shareOf(priority));
    if (share < 1 && this.#random() >= share) return this.#reject(priority);
    counts.countPassed();
    return next(context).catch((error: unknown) => this.#onError(call, error));
  }

  #reject(priority: number): Promise<never> {
    const { threshold } = this.#counts;
    if (this.#events.has('reject')) this.#events.emit('reject', { priority, threshold });
    // The share that is rejected changes as the calls in the window do.
    return rejectNextMicrotask(new ShedError({ policy: this.name, reason: 'priority', retryAfterMs: this.#windowMs }));
  }

  #onError(call: Context, error: unknown): never {
    if (!call.aborted && isResilienceError(error) && OVERLOAD_CODES.includes(error.code)) this.#counts.countRejected();
    throw error;
  }
}
