import type { CircuitState } from 'breakwater/circuit-breaker';

/** The options of a breaker of the model in plain numbers. */
export interface NaiveRules {
  readonly window: { readonly calls: number } | { readonly duration: number };
  readonly minimumCalls: number;
  readonly failureRateThreshold: number;
  readonly slowCallRateThreshold: number;
  readonly slowCallDuration: number | undefined;
  readonly consecutiveFailures: number | undefined;
  /** The open time by the number of consecutive openings. */
  readonly openForMs: (openings: number) => number;
  readonly probes: number;
  readonly maxFailures: number;
  readonly probeTimeout: number;
  readonly observe: boolean;
  /** The default classify function judges every value as a success. */
  readonly judge: 'own' | 'default';
}

/** The end of a call with its verdict. `error` is set if the operation threw it. */
export interface NaiveEnd {
  readonly verdict: 'success' | 'failure' | 'ignore';
  readonly error?: string | undefined;
}

type Base = 'closed' | 'open' | 'half-open';

interface Admitted {
  readonly generation: number;
  readonly startedAt: number;
}

/**
 * A simple model of a circuit breaker: it keeps every counted call and recounts them each time, has
 * one number for all generations, and plain lists. It shares only the options with the real breaker.
 */
export class NaiveBreaker {
  /** Can call the breaker again. */
  onEvent: (event: string) => void = () => {};
  readonly #rules: NaiveRules;
  readonly #now: () => number;
  #base: Base = 'closed';
  #generation = 0;
  #openings = 0;
  #lastFailure: string | undefined = undefined;
  #counted: { at: number; failed: boolean; slow: boolean }[] = [];
  /** The last reading of the clock for the window, and the number of successes that may still be counted as of then. */
  #readAt = -Infinity;
  #unreadLeft = 0;
  #failuresInARow = 0;
  #openUntil = 0;
  #probes: { id: number; expiresAt: number }[] = [];
  #probeSuccesses = 0;
  #probeFailures = 0;
  #ignoredInARow = 0;
  #isolations = 0;
  #disablings = 0;
  #coveredSince = 0;
  /** The cover that `start` created, which only `reset` ends. */
  #startedAs: 'isolated' | 'disabled' | undefined = undefined;
  readonly #pendingEvents: string[] = [];
  readonly #admitted = new Map<number, Admitted>();

  constructor(rules: NaiveRules, now: () => number) {
    this.#rules = rules;
    this.#now = now;
  }

  /** Starts in the given state, like `initialState`. */
  start(at: { state: CircuitState; openings?: number; remainingOpenMs?: number }): void {
    const { state, openings = 1, remainingOpenMs = this.#rules.openForMs(1) } = at;
    if (state === 'isolated' || state === 'disabled') {
      this.#startedAs = state;
      this.cover(state, 1);
      return;
    }
    this.#base = state;
    if (state === 'open' || state === 'half-open' || at.openings !== undefined) this.#openings = openings;
    this.#openUntil = this.#now() + remainingOpenMs;
  }

  get state(): CircuitState {
    if (this.#isolations > 0) return 'isolated';
    return this.#disablings > 0 ? 'disabled' : this.#base;
  }

  get #isCovered(): boolean {
    return this.#isolations > 0 || this.#disablings > 0;
  }

  /** Performs the transitions that are due. */
  look(): void {
    const now = this.#now();
    for (;;) {
      if (this.#isCovered) return;
      if (this.#base === 'open' && now >= this.#openUntil) this.#change('half-open', 'open-time-passed');
      else if (this.#base === 'half-open' && (this.#probes[0]?.expiresAt ?? Infinity) <= now) {
        const { expiresAt } = this.#probes.shift() as { expiresAt: number };
        this.#probeFailures++;
        if (this.#probeFailures > this.#rules.maxFailures) this.#open('probe-timeout', expiresAt);
      } else return;
    }
  }

  /** @returns whether the call is admitted and counted. */
  admit(id: number): boolean {
    this.look();
    const now = this.#now();
    const isIn =
      this.state === 'disabled' ||
      this.state === 'closed' ||
      (this.state === 'half-open' && this.#probes.length < this.#probesAtOnce);
    if (!isIn) {
      this.onEvent(`reject in ${this.state}, come back in ${this.retryAfterMs}`);
      return false;
    }
    if (this.state === 'disabled') return true;
    this.#admitted.set(id, { generation: this.#generation, startedAt: now });
    if (this.state === 'half-open') this.#probes.push({ id, expiresAt: now + this.#rules.probeTimeout });
    return true;
  }

  get #probesAtOnce(): number {
    return this.#ignoredInARow >= this.#rules.probes ? 1 : this.#rules.probes;
  }

  settle(id: number, { verdict, error }: NaiveEnd): void {
    const call = this.#admitted.get(id);
    this.#admitted.delete(id);
    if (this.#probes.some((probe) => probe.id === id)) this.look();
    if (call === undefined || call.generation !== this.#generation || this.#isCovered) return;
    const slow = this.#now() - call.startedAt >= (this.#rules.slowCallDuration ?? Infinity);
    if (this.#base === 'closed') this.#settleClosed(verdict, slow, error);
    else this.#settleProbe(id, verdict, slow, error);
  }

  #settleClosed(verdict: NaiveEnd['verdict'], slow: boolean, error: string | undefined): void {
    if (verdict === 'ignore') return;
    const failed = verdict === 'failure';
    if (failed || slow || this.#unreadLeft === 0) this.#read();
    else this.#unreadLeft--;
    this.#counted.push({ at: this.#readAt, failed, slow });
    this.#failuresInARow = failed ? this.#failuresInARow + 1 : 0;
    if (failed) this.#lastFailure = error;
    const { minimumCalls, failureRateThreshold, slowCallRateThreshold, slowCallDuration } = this.#rules;
    const { calls, failures, slow: slowCalls } = this.#countsAt(this.#readAt);
    const isEnough = calls >= minimumCalls;
    if (this.#failuresInARow >= (this.#rules.consecutiveFailures ?? Infinity)) this.#open('consecutive-failures');
    else if (isEnough && failures / calls >= failureRateThreshold) this.#open('failure-rate');
    else if (isEnough && slowCallDuration !== undefined && slowCalls / calls >= slowCallRateThreshold) {
      this.#open('slow-call-rate');
    }
  }

  #settleProbe(id: number, verdict: NaiveEnd['verdict'], slow: boolean, error: string | undefined): void {
    if (!this.#probes.some((probe) => probe.id === id)) return; // its probe timeout has passed
    this.#probes = this.#probes.filter((probe) => probe.id !== id);
    this.#ignoredInARow = verdict === 'ignore' ? this.#ignoredInARow + 1 : 0;
    if (verdict === 'ignore') return;
    if (verdict === 'success' && !slow) {
      this.#probeSuccesses++;
      if (this.#probeSuccesses >= this.#rules.probes) this.#close('probes-succeeded');
    } else {
      this.#probeFailures++;
      this.#lastFailure = error;
      if (this.#probeFailures > this.#rules.maxFailures) this.#open('probe-failed');
    }
  }

  trip(): void {
    this.look();
    if (this.#base !== 'open') this.#open('tripped');
  }

  reset(): void {
    const startedAs = this.#startedAs;
    this.#startedAs = undefined;
    if (startedAs !== undefined) this.cover(startedAs, -1);
    this.look();
    this.#close('reset');
  }

  cover(how: 'isolated' | 'disabled', by: 1 | -1): void {
    this.look();
    const before = this.state;
    const wasCovered = this.#isCovered;
    if (how === 'isolated') this.#isolations += by;
    else this.#disablings += by;
    if (!wasCovered) this.#coveredSince = this.#now();
    if (this.state === before) return;
    if (!this.#isCovered) {
      this.#openUntil += this.#now() - this.#coveredSince;
      if (this.#base === 'half-open') this.#enter('half-open');
    }
    this.#emit(`${before} → ${this.state}: ${this.#isCovered ? this.state : 'released'}`);
  }

  get counts(): { calls: number; failures: number; slow: number } {
    this.#read();
    return this.#countsAt(this.#readAt);
  }

  /** Of 64 calls in a time window, one success may be counted as of this reading, at most 15. */
  #read(): void {
    this.#readAt = this.#now();
    const mayBeUnread = Math.min(15, Math.floor(this.#countsAt(this.#readAt).calls / 64));
    this.#unreadLeft = 'duration' in this.#rules.window ? mayBeUnread : 0;
  }

  #countsAt(now: number): { calls: number; failures: number; slow: number } {
    const { window } = this.#rules;
    const bucket = (at: number) => ('duration' in window ? Math.floor(at / (window.duration / 10)) : 0);
    const counted =
      'calls' in window
        ? this.#counted.slice(-window.calls)
        : this.#counted.filter(({ at }) => bucket(at) > bucket(now) - 10);
    return {
      calls: counted.length,
      failures: counted.filter(({ failed }) => failed).length,
      slow: counted.filter(({ slow }) => slow).length,
    };
  }

  get retryAfterMs(): number {
    const now = this.#now();
    if (this.state === 'isolated') return Infinity;
    if (this.state === 'open') return Math.max(0, this.#openUntil - now);
    const [oldest] = this.#probes;
    const isFull = this.state === 'half-open' && this.#probes.length >= this.#probesAtOnce;
    return isFull && oldest !== undefined ? Math.max(0, oldest.expiresAt - now) : 0;
  }

  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  get snapshot(): { state: Base; openings: number; remainingOpenMs: number } {
    const asOf = this.#isCovered ? this.#coveredSince : this.#now();
    const remainingOpenMs = this.#base === 'open' ? Math.max(0, this.#openUntil - asOf) : 0;
    return { state: this.#base, openings: this.#openings, remainingOpenMs };
  }

  #open(reason: string, at = this.#now()): void {
    this.#openings++;
    this.#openUntil = at + this.#rules.openForMs(this.#openings);
    this.#change('open', reason);
  }

  #close(reason: string): void {
    this.#openings = 0;
    this.#lastFailure = undefined;
    this.#counted = [];
    this.#unreadLeft = 0;
    this.#change('closed', reason);
  }

  #change(base: Base, reason: string): void {
    const before = this.state;
    const isNew = this.#base !== base;
    this.#enter(base);
    if (this.#isCovered && isNew) this.#coveredSince = this.#now();
    if (!this.#isCovered && isNew) this.#emit(`${before} → ${base}: ${reason}`);
  }

  /** Events that listeners cause are emitted after the event that caused them. */
  #emit(transition: string): void {
    this.#pendingEvents.push(transition);
    if (this.#pendingEvents.length > 1) return;
    for (let next = this.#pendingEvents[0]; next !== undefined; next = this.#pendingEvents[0]) {
      this.onEvent(next);
      this.#pendingEvents.shift();
    }
  }

  /** Starts a new generation, in which earlier calls no longer count. */
  #enter(base: Base): void {
    this.#base = base;
    this.#generation++;
    this.#failuresInARow = 0;
    this.#probes = [];
    this.#probeSuccesses = 0;
    this.#probeFailures = 0;
    this.#ignoredInARow = 0;
  }
}
