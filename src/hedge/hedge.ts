import type { CallContext } from '../core/call-context.js';
import { type Clock, checkClock } from '../core/clock.js';
import { asContext, type Context, type Next, type PolicyContext } from '../core/context.js';
import { DeadlineList } from '../core/deadline-list.js';
import { discardResponse } from '../core/discard-body.js';
import { Emitter, type Observable } from '../core/events.js';
import type { HedgingOfKey, RequestHedging } from '../core/hedging.js';
import { checkName } from '../core/options.js';
import { judge, type Outcome, type Verdict } from '../core/outcome.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';
import { delaysOf } from './delays.js';
import type { HedgeEvents, SkipReason } from './events.js';
import { CAP_FLOOR, HedgeCap } from './hedge-cap.js';
import { HedgedCall, type Hedging } from './hedged-call.js';
import { checkHedgeRules, type HedgeOptions, type HedgeRules, OWNER, readHedgeOptions } from './options.js';

/** The types of events. */
const EVENTS = ['hedge', 'win', 'skip'] as const;

/** The most delays whose timers are kept for reuse. */
const MAX_TIMERS = 16;

/** Statistics of a hedge policy since its creation. */
export interface HedgeStats {
  /** The number of calls; attempts of a retry around this policy are one call each. */
  readonly calls: number;
  /** The number of hedges that were started; with `mode: 'observe'`, of those that would have been. */
  readonly hedges: number;
  /** The number of calls whose result came from a hedge. */
  readonly wins: number;
  /** The number of hedges that were due and were not started. */
  readonly skipped: number;
  /** The current delay in milliseconds; undefined if a function determines it. */
  readonly delayMs: number | undefined;
}

/** A hedge policy, as `hedge` creates it. */
export interface Hedge extends Policy, Observable<HedgeEvents>, RequestHedging {
  /** Statistics since the creation. */
  readonly stats: HedgeStats;
}

/**
 * Creates a policy that sends a call a second time if the first one takes unusually long, and uses whichever succeeds
 * first (Dean and Barroso, "The Tail at Scale", 2013). Use it for reads that several replicas can answer, and whose slow
 * calls are slow by chance. Only for operations that may run twice at the same time: a call with `repeatable: false` is
 * never hedged.
 *
 * ```text
 * hedges in ten seconds ≤ maxRatio × calls in ten seconds + 10
 * ```
 *
 * - The delay is a quantile of the latencies of first attempts. Where a hedge has won, the latency until then counts: the
 *   first attempt would have taken longer.
 * - The first outcome that is judged a `success` wins. The other runs are aborted, and their values are discarded.
 * - A `failure` starts the next hedge immediately. Any other outcome starts none. An outcome that is no success never
 *   ends the runs beside it. If none succeeds, the first outcome is the result.
 * - If the cap or the budget is reached, no hedge starts, and everything that runs continues.
 * - No hedge starts with less time to the deadline than half of the calls take.
 *
 * Put it inside the retry and outside the circuit breaker, the bulkhead and the attempt timeout: each hedge then passes
 * them separately. The aborted runs count neither as failures nor as successes there.
 *
 * O(1) per call: one timer for all calls with the same delay, two readings of the clock; with more than a thousand
 * latencies in the window, three of four calls need only one. About 1 kB for the latencies.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const replicas = ['https://a.example.com', 'https://b.example.com'];
 * const reads = pipeline(hedge({ delay: 'p95' }), timeout('2s'));
 * const response = await reads.execute(({ hedge, signal }) => fetch(`${replicas[hedge % 2]}/users/1`, { signal }));
 * ```
 */
export function hedge(options?: HedgeOptions): Hedge {
  const own = readHedgeOptions(options);
  return new HedgePolicy(
    checkName(OWNER, own.name),
    checkClock(OWNER, own.clock),
    checkHedgeRules(own),
    new SharedParts(),
    undefined,
  );
}

/** What the policies of all keys share. */
class SharedParts {
  readonly events = new Emitter<HedgeEvents>(EVENTS);
  calls = 0;
  hedges = 0;
  wins = 0;
  skipped = 0;
}

class HedgePolicy extends BasePolicy implements Hedge, Hedging {
  readonly maxHedges: number;
  readonly isObserving: boolean;
  readonly #rules: HedgeRules;
  readonly #shared: SharedParts;
  readonly #ofKey: HedgingOfKey | undefined;
  readonly #delays: ReturnType<typeof delaysOf>;
  readonly #cap: HedgeCap;
  /** The timers of the delays that were used last. */
  readonly #timers = new Map<number, DeadlineList>();

  constructor(name: string, clock: Clock, rules: HedgeRules, shared: SharedParts, ofKey: HedgingOfKey | undefined) {
    super(name, clock);
    this.maxHedges = rules.maxHedges;
    this.isObserving = rules.isObserving;
    this.#rules = ofKey === undefined ? rules : { ...rules, classify: ofKey.classify(rules.classify) };
    this.#shared = shared;
    this.#ofKey = ofKey;
    this.#delays = delaysOf(rules);
    this.#cap = new HedgeCap(rules.maxRatio);
  }

  forKey(settings: HedgingOfKey): Policy {
    return new HedgePolicy(this.name, settings.clock, this.#rules, this.#shared, settings);
  }

  on<K extends keyof HedgeEvents>(type: K, listener: (event: HedgeEvents[K]) => void): () => void {
    return this.#shared.events.on(type, listener);
  }

  get stats(): HedgeStats {
    const { calls, hedges, wins, skipped } = this.#shared;
    return { calls, hedges, wins, skipped, delayMs: this.#delays.currentMs };
  }

  describe(): PolicyDescription {
    const { delay, maxHedges, maxRatio, budget, minSamples, fallbackDelayMs, isObserving } = this.#rules;
    return {
      kind: 'hedge',
      name: this.name,
      delay: delay.kind === 'quantile' ? delay.name : delay.kind,
      delayMs: delay.kind === 'fixed' ? delay.ms : undefined,
      maxHedges,
      maxRatio,
      floor: CAP_FLOOR,
      budget: budget && { ratio: budget.ratio, floor: budget.floor },
      minSamples,
      fallbackDelayMs,
      mode: isObserving ? 'observe' : 'enforce',
    };
  }

  run(next: Next, outside: PolicyContext): Promise<unknown> {
    const context = asContext(outside);
    if (context.aborted) return next(context); // rejects with the abort reason; the operation does not start
    try {
      const now = this.clock.now();
      const delayMs = this.#delays.delayMs(context, now);
      this.#record(context, now);
      const call = new HedgedCall(this, next, context, now);
      if (delayMs !== undefined) this.#timersOf(delayMs).add(call, now);
      return call.run();
    } catch (error) {
      return Promise.reject(error); // an error of a clock, a budget or a delay function of the user
    }
  }

  #record(context: Context, now: number): void {
    this.#shared.calls++;
    if (context.attempt !== 1 || context.hedge !== 0) return; // not the first attempt of its call
    this.#cap.recordCall(now);
    if (!this.isObserving) this.#rules.budget?.recordRequest('hedge');
  }

  now(): number {
    return this.clock.now();
  }

  judge(outcome: Outcome, context: Context): Verdict {
    return judge(OWNER, this.#rules.classify ?? context.classify, outcome, context);
  }

  arm(call: HedgedCall, latest: Context, now: number): void {
    const delayMs = this.#delays.delayMs(latest, now);
    if (delayMs !== undefined) this.#timersOf(delayMs).add(call, now);
  }

  #timersOf(delayMs: number): DeadlineList {
    let timers = this.#timers.get(delayMs);
    if (timers !== undefined) return timers;
    if (this.#timers.size >= MAX_TIMERS) {
      const [oldest] = this.#timers.keys();
      this.#timers.delete(oldest as number); // its calls keep it
    }
    timers = new DeadlineList(this.clock, delayMs);
    this.#timers.set(delayMs, timers);
    return timers;
  }

  refuse(outcome: Outcome | undefined, context: Context, now: number): SkipReason | undefined {
    if (!this.#isSafe(context)) return 'not-safe';
    if (context.deadline < Infinity) {
      const leftMs = context.deadline - now;
      if (leftMs <= 0 || leftMs < this.#delays.medianMs(now)) return 'deadline';
    }
    if (!this.#cap.allows(now)) return 'budget';
    if (!this.isObserving && this.#rules.budget?.tryRetry(outcome) === false) return 'budget';
    this.#cap.recordHedge();
    return undefined;
  }

  onHedge({ attempt }: CallContext, number: number, reason: 'delay' | 'failure', delayMs: number): void {
    this.#shared.hedges++;
    const { events } = this.#shared;
    if (events.has('hedge')) events.emit('hedge', { attempt, hedge: number, reason, delayMs });
  }

  onSkip({ attempt }: CallContext, reason: SkipReason): void {
    this.#shared.skipped++;
    const { events } = this.#shared;
    if (events.has('skip')) events.emit('skip', { reason, attempt });
  }

  onSuccess(call: HedgedCall, winner: number): void {
    if (!this.isObserving) this.#rules.budget?.recordSuccess?.('hedge');
    if (winner > 0) {
      this.#shared.wins++;
      const { events } = this.#shared;
      if (events.has('win')) events.emit('win', { attempt: call.context.attempt, hedge: winner });
    }
    if ((winner > 0 && !call.isFirstRunning) || !this.#delays.wantsSample()) return;
    // A stall of this process is not a latency of the dependency, and a call that is never hedged is of another kind.
    if (call.stalledMs !== undefined || !this.#isSafe(call.context)) return;
    const now = this.clock.now();
    this.#delays.record(now - call.startedAt, now);
  }

  #isSafe(context: Context): boolean {
    return context.repeatable !== false && this.#ofKey?.isSafe(context) !== false;
  }

  discard(value: unknown): void {
    if (this.#ofKey !== undefined) this.#ofKey.discard(value);
    else discardResponse(value);
  }
}
