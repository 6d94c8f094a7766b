import { AbortScope } from '../core/abort-scope.js';
import { type Context, invoke, type Next } from '../core/context.js';
import { Deadline } from '../core/deadline-list.js';
import type { Outcome, Verdict } from '../core/outcome.js';
import type { SkipReason } from './events.js';

/** What a call needs of its hedge policy. */
export interface Hedging {
  readonly maxHedges: number;
  readonly isObserving: boolean;
  now(): number;
  /** Judges an outcome of a call that is not aborted. */
  judge(outcome: Outcome, context: Context): Verdict;
  /** Starts the delay before the next hedge. @throws the error of a delay function of the user. */
  arm(call: HedgedCall, latest: Context, now: number): void;
  /** Returns the reason why no hedge may start, and takes the hedge from the cap and the budget if there is none. */
  refuse(outcome: Outcome | undefined, context: Context, now: number): SkipReason | undefined;
  onHedge(context: Context, hedge: number, reason: 'delay' | 'failure', delayMs: number): void;
  onSkip(context: Context, reason: SkipReason): void;
  /** Records a success. @param winner - the number of the hedge that has succeeded; 0 for the first run. */
  onSuccess(call: HedgedCall, winner: number): void;
  discard(value: unknown): void;
}

/**
 * The number of microtasks that the result waits for the losers. An abort unwinds through the policies of this package
 * in a few microtasks each; then their permits are released before the caller continues.
 */
const MAX_MICROTASKS_TO_UNWIND = 32;

/** The first run of an attempt, or a hedge: everything that is aborted when another one has won. */
class Run extends AbortScope {
  readonly hedge: number;
  isRunning: boolean;

  constructor(outer: AbortScope | undefined, hedge: number) {
    super(outer);
    this.hedge = hedge;
    this.isRunning = true;
  }
}

/**
 * One attempt and its hedges. It is its own deadline in the list of all calls with the same delay.
 *
 * ```text
 *            delay is over, or a run has failed: the next hedge starts
 *            ┌────────┐
 *            │        ▼
 *  start ──▶ running ── the first success ──▶ the others are aborted ──▶ result
 *               │
 *               └── the last run has ended without success ──▶ the first outcome
 * ```
 *
 * The call sleeps until a timer or an outcome wakes it. The continuation runs in the async context of the caller, and so
 * do the hedges.
 */
export class HedgedCall extends Deadline {
  readonly context: Context;
  readonly startedAt: number;
  readonly #hedging: Hedging;
  readonly #next: Next;
  readonly #first: Run;
  /** The hedges that were started; unset in most calls. */
  #others: Run[] | undefined = undefined;
  /** The number of hedges, including those that were only observed. */
  #hedges = 0;
  #running = 0;
  #mayHedge = true;
  #isDue = false;
  /** Whether the outcome is final. */
  #isOver = false;
  /** The final outcome; before that, the first outcome that was no success. */
  #outcome: Outcome | undefined = undefined;
  #wake!: () => void;

  constructor(hedging: Hedging, next: Next, context: Context, startedAt: number) {
    super();
    this.#hedging = hedging;
    this.#next = next;
    this.context = context;
    this.startedAt = startedAt;
    this.#first = new Run(context.scope, context.hedge);
  }

  /** Whether the first run of the attempt has not ended. */
  get isFirstRunning(): boolean {
    return this.#first.isRunning;
  }

  run(): Promise<unknown> {
    this.#launch(this.#first);
    return this.#sleep();
  }

  override onDue(): void {
    this.#isDue = true;
    this.#wake();
  }

  /** Waits for the next event. `then` is called in the async context of the caller. */
  #sleep(): Promise<unknown> {
    return new Promise<void>((resolve) => {
      this.#wake = resolve;
    }).then(() => this.#continue());
  }

  #continue(): unknown {
    if (this.#isDue && !this.#isOver) this.#startNext(undefined);
    if (!this.#isOver) return this.#sleep();
    const outcome = this.#outcome as Outcome;
    if (outcome.ok) return outcome.value;
    throw outcome.error;
  }

  #launch(run: Run): void {
    this.#running++;
    const { context } = this;
    const inside = context.within(run, context.attempt, Infinity, run.hedge);
    invoke(this.#next, inside).then(
      (value) => this.#settle(run, { ok: true, value }),
      (error: unknown) => this.#settle(run, { ok: false, error }),
    );
  }

  /**
   * Starts the next hedge if it may start. An error of a function of the user ends the call.
   *
   * @param failure - the outcome that the hedge follows; undefined if it follows the delay.
   */
  #startNext(failure: Outcome | undefined): void {
    this.#isDue = false;
    if (!this.#mayHedge || this.#hedges >= this.#hedging.maxHedges) return;
    const { context } = this;
    try {
      const now = this.#hedging.now();
      const refusal = this.#hedging.refuse(failure, context, now);
      if (refusal !== undefined) {
        this.#hedging.onSkip(context, refusal);
        return;
      }
      this.#hedges++;
      const number = context.hedge + this.#hedges;
      this.#hedging.onHedge(context, number, failure === undefined ? 'delay' : 'failure', now - this.startedAt);
      if (!this.#hedging.isObserving) this.#launchHedge(number);
      this.list?.remove(this);
      if (this.#hedges >= this.#hedging.maxHedges) return;
      this.#hedging.arm(this, context.within(context.scope, context.attempt, Infinity, number), now);
    } catch (error) {
      this.#end({ ok: false, error });
    }
  }

  #launchHedge(number: number): void {
    const run = new Run(this.context.scope, number);
    this.#others ??= [];
    this.#others.push(run);
    this.#launch(run);
  }

  #settle(run: Run, outcome: Outcome): void {
    run.leave();
    run.isRunning = false;
    this.#running--;
    if (this.#isOver) {
      this.#discard(outcome);
      return;
    }
    let verdict: Verdict;
    try {
      verdict = this.#judge(outcome);
      if (verdict === 'success') this.#hedging.onSuccess(this, run.hedge - this.#first.hedge);
    } catch (error) {
      this.#end({ ok: false, error });
      this.#discard(outcome);
      return;
    }
    if (verdict === 'success') {
      this.#end(outcome);
      return;
    }
    if (this.#outcome === undefined) this.#outcome = outcome;
    else this.#discard(outcome);
    if (verdict === 'failure') this.#startNext(outcome);
    else this.#mayHedge = false; // another run would be throttled too, or rejected for the same reason
    if (this.#isOver) return;
    if (this.context.aborted) this.#end(outcome);
    else if (this.#running === 0) this.#end(this.#outcome);
  }

  #judge(outcome: Outcome): Verdict {
    if (this.context.aborted) return outcome.ok ? 'success' : 'ignore';
    return this.#hedging.judge(outcome, this.context);
  }

  #end(outcome: Outcome): void {
    const bad = this.#outcome;
    this.#isOver = true;
    this.#outcome = outcome;
    this.list?.remove(this);
    if (bad !== undefined && bad !== outcome) this.#discard(bad);
    if (this.#running === 0) this.#wake();
    else this.#abortLosers();
  }

  async #abortLosers(): Promise<void> {
    const reason = lostReason();
    for (const run of [this.#first, ...(this.#others ?? [])]) if (run.isRunning) run.abort(reason);
    for (let i = 0; i < MAX_MICROTASKS_TO_UNWIND && this.#running > 0; i++) await undefined;
    this.#wake();
  }

  /** Discards a value that the caller does not receive. */
  #discard(outcome: Outcome): void {
    const returned = this.#outcome;
    if (!outcome.ok || (returned?.ok && returned.value === outcome.value)) return;
    this.#hedging.discard(outcome.value);
  }
}

let lost: DOMException | undefined;

/** Returns the reason with which losers are aborted: one for all, since a reason costs more than an abort. */
function lostReason(): DOMException {
  lost ??= new DOMException('Another attempt of this call has won', 'AbortError');
  return lost;
}
