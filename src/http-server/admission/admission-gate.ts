import { ambientContext } from '../../core/ambient.js';
import { DeadlineExceededError, ShedError } from '../../core/errors.js';
import type { Permit } from '../../core/permit.js';
import type { RequestHeaders } from '../../overload/deadline-header.js';
import { OpenContext, type SignalOwner } from '../../request-context/open-context.js';
import { endContext, isTooLate } from '../deadline.js';
import { type ProblemResponse, toProblem } from '../problem.js';
import { reportListener } from '../report-listener.js';
import { EventLoopWatch, type Gauge, heapGauge, utilizationGauge } from './event-loop-watch.js';
import { type AdmissionReason, type AdmissionSettings, type AdmissionStats, outcomeOf } from './options.js';
import { PriorityShares } from './priority-shares.js';

/** The share of requests that is shed when the heap is nearly full. */
const MEMORY_SHARE = 0.9;

/** What the peer has sent. */
export interface Arrival {
  readonly headers: RequestHeaders;
  readonly address: string | null | undefined;
  /** The owner of the signal that aborts when the client leaves; undefined if the caller ends the visit. */
  readonly source: SignalOwner | undefined;
}

/** A request that has been rejected: the response to it. */
export interface Rejected {
  readonly rejection: ProblemResponse;
}

/**
 * Decides which requests are admitted: by the deadline, by the load of this process, by the limit of concurrent
 * requests, in this order. The first two cost no permit.
 */
export class AdmissionGate<Args extends readonly unknown[]> {
  readonly #settings: AdmissionSettings<Args>;
  readonly #watch: EventLoopWatch | undefined;
  readonly #shares = new PriorityShares();
  #admitted = 0;
  #rejected = 0;

  constructor(settings: AdmissionSettings<Args>) {
    this.#settings = settings;
    const { maxDelayMs, maxUtilization, maxHeapShare, terms } = settings;
    const watchesUtilization = maxUtilization < 1;
    const watchesHeap = maxHeapShare < Infinity;
    const gauges: readonly Gauge[] = [
      watchesUtilization ? utilizationGauge() : () => 0,
      watchesHeap ? heapGauge() : () => 0,
    ];
    const isWatching = maxDelayMs < Infinity || watchesUtilization || watchesHeap;
    this.#watch = isWatching ? new EventLoopWatch(terms.clock, gauges) : undefined;
  }

  get needsAddress(): boolean {
    return this.#settings.terms.needsAddress;
  }

  get stats(): AdmissionStats {
    const now = this.#settings.terms.clock.now();
    return {
      admitted: this.#admitted,
      rejected: this.#rejected,
      eventLoopDelayMs: this.#watch?.delayAt(now) ?? 0,
      shedShare: this.#load(now).share,
    };
  }

  dispose(): void {
    this.#watch?.dispose();
  }

  /** Whether a request is never rejected. @throws what the option's function throws. */
  isExempt(args: Args): boolean {
    return this.#settings.never?.(...args) === true;
  }

  /**
   * Decides a request that is not exempt. Returns a visit, which must be ended, or the response to a rejected request.
   *
   * @param onVisit - called when a visit begins, before it may have to wait for a permit.
   * @throws what a function of the caller throws.
   */
  enter(
    { headers, address, source }: Arrival,
    args: Args,
    onVisit: (visit: Visit) => void,
  ): Visit | Rejected | Promise<Visit | Rejected> {
    const { terms, limit, readsDeadline, isEnforced } = this.#settings;
    const isTrusted = terms.trusts(address);
    const own = terms.priorityOf(headers, isTrusted, args);
    const priority = own ?? ambientContext()?.priority ?? 5;
    const deadlineMs = readsDeadline ? terms.deadlineOf(headers, isTrusted) : Infinity;
    if (isTooLate(deadlineMs, terms.marginMs)) {
      const rejected = this.#reject('deadline', priority, args, deadlineMs);
      if (isEnforced) return rejected;
    }
    const reason = this.#reasonToShed(priority);
    if (reason !== undefined) {
      const rejected = this.#reject(reason, priority, args);
      if (isEnforced) return rejected;
    }
    const limited = isEnforced ? deadlineMs : Infinity;
    const context = new OpenContext({ deadlineMs: limited, priority: own, source, clock: terms.clock });
    const visit = new Visit(context, priority);
    if (limit !== undefined) visit.hold(limit.tryAcquire());
    const isFull = limit !== undefined && !visit.hasPermit;
    const mayWait = isEnforced && limit?.acquire !== undefined;
    if (isFull && !mayWait) {
      const rejected = this.#reject('limit', priority, args);
      if (isEnforced) return rejected;
    }
    context.begin();
    onVisit(visit);
    return isFull && mayWait ? this.#wait(visit, source, args) : this.#admit(visit);
  }

  /** Waits for a permit, until the client leaves or the deadline passes. */
  async #wait(visit: Visit, source: SignalOwner | undefined, args: Args): Promise<Visit | Rejected> {
    const { limit, terms } = this.#settings;
    const { context, priority } = visit;
    try {
      visit.hold((await limit?.acquire?.({ signal: context.signal, priority })) as Pick<Permit, 'release'>);
    } catch {
      if (visit.isOver || source?.signal?.aborted) {
        visit.end(undefined); // the client has left, so no answer is needed
        return visit;
      }
      const { remainingMs } = context;
      visit.reject();
      return this.#reject(remainingMs <= 0 ? 'deadline' : 'limit', priority, args, remainingMs);
    }
    // The time in the queue may have used up what was left.
    const { remainingMs } = context;
    if (visit.isOver || !isTooLate(remainingMs, terms.marginMs)) return this.#admit(visit);
    visit.reject();
    return this.#reject('deadline', priority, args, remainingMs);
  }

  #admit(visit: Visit): Visit {
    this.#admitted++;
    return visit;
  }

  #reject(reason: AdmissionReason, priority: number, args: Args, remainingMs = 0): Rejected {
    const { name: policy, on, isEnforced } = this.#settings;
    this.#rejected++;
    reportListener(on.reject, { reason, priority, enforced: isEnforced, request: args[0] });
    const error =
      reason === 'deadline'
        ? new DeadlineExceededError({ policy, remainingMs })
        : new ShedError({ policy, reason, retryAfterMs: this.#retryAfterMs() });
    return { rejection: toProblem(error) };
  }

  /** Returns a whole number of seconds between the option and its double, in milliseconds. */
  #retryAfterMs(): number {
    const { retryAfterSeconds: least, random } = this.#settings;
    return 1000 * (least + Math.min(least, Math.floor(random() * (least + 1))));
  }

  #reasonToShed(priority: number): AdmissionReason | undefined {
    if (this.#watch === undefined) return undefined;
    const { terms, random } = this.#settings;
    this.#shares.add(priority);
    const { share, reason } = this.#load(terms.clock.now());
    if (share <= 0) return undefined;
    const probability = this.#shares.probability(priority, share);
    return probability >= 1 || (probability > 0 && random() < probability) ? reason : undefined;
  }

  /** Returns the share of requests to shed, and why. */
  #load(now: number): { readonly share: number; readonly reason: AdmissionReason } {
    const watch = this.#watch;
    if (watch === undefined) return IDLE;
    const { maxDelayMs, maxUtilization, maxHeapShare } = this.#settings;
    const byDelay = maxDelayMs === Infinity ? 0 : rise(watch.delayAt(now), maxDelayMs / 2, maxDelayMs);
    const byUtilization = maxUtilization === 1 ? 0 : rise(watch.gaugeAt(0, now), maxUtilization, 1);
    const byMemory = watch.gaugeAt(1, now) >= maxHeapShare ? MEMORY_SHARE : 0;
    const share = Math.max(byDelay, byUtilization, byMemory);
    if (share === 0) return IDLE;
    return { share, reason: share === byDelay ? 'event-loop' : share === byUtilization ? 'utilization' : 'memory' };
  }
}

const IDLE = { share: 0, reason: 'event-loop' } as const;

/** Returns 0 below `from`, 1 above `to`, and a linear rise between them. */
const rise = (value: number, from: number, to: number): number =>
  Math.min(1, Math.max(0, (value - from) / (to - from)));

/** An admitted request, from its admission until its response has ended or its client has left. */
export class Visit {
  readonly context: OpenContext;
  readonly priority: number;
  isOver = false;
  #permit: Pick<Permit, 'release'> | undefined = undefined;

  constructor(context: OpenContext, priority: number) {
    this.context = context;
    this.priority = priority;
  }

  get hasPermit(): boolean {
    return this.#permit !== undefined;
  }

  /** Takes over a permit, if there is one. If the visit is already over, releases it. */
  hold(permit: Pick<Permit, 'release'> | undefined): void {
    if (this.isOver) permit?.release();
    else this.#permit = permit;
  }

  /** Ends the visit of a request that is rejected: nothing has run for it, so nothing is aborted or counted. */
  reject(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#permit?.release();
    this.#permit = undefined;
    this.context.end();
  }

  /** Ends the visit. @param status - the status of the response; undefined if the client has left before its end. */
  end(status: number | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    if (status === undefined) this.#permit?.release();
    else this.#permit?.release(outcomeOf(status));
    this.#permit = undefined;
    endContext(this.context, status !== undefined);
  }
}
