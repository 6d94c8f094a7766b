import type { AbortScope } from '../core/abort-scope.js';
import type { Clock } from '../core/clock.js';
import { Emitter } from '../core/events.js';
import type { FaultKind } from '../core/fault-plan.js';
import type { Random } from '../core/random.js';
import { Hold } from './hold.js';
import { warnOnce } from './warn-once.js';

/** What is injected: by a policy of `chaosControl`, by `chaosFetch`, or by a fault of a plan. */
export type InjectionKind =
  | 'fault'
  | 'latency'
  | 'outcome'
  | 'behavior'
  | 'status'
  | 'headers'
  | 'refused'
  | 'reset'
  | 'slow-body'
  | 'truncated-body'
  | Exclude<FaultKind, 'flush' | 'stall'>;

/**
 * The state of a control.
 *
 * - `off`: `enabled` is false. Nothing will ever be injected.
 * - `waiting`: the function `enabled` has not returned true yet.
 * - `active`: faults are injected.
 * - `ended`: `stop` was called, or `maxDuration` has passed. Nothing will be injected any more.
 */
export type ChaosState = 'off' | 'waiting' | 'active' | 'ended';

/** Events of a control. */
export interface ChaosEvents {
  /** The first call has come while chaos is enabled. */
  begin: { readonly maxDurationMs: number };
  /** Something was injected into a call. */
  inject: InjectEvent;
  /** Chaos has ended. The end by `maxDuration` is noticed at the next call. */
  end: { readonly reason: 'stopped' | 'max-duration' };
  /** The function `enabled` has thrown. Nothing is injected into the call. */
  error: { readonly error: unknown };
}

/** One injection. */
export interface InjectEvent {
  /** The name of the policy or of the fetch that injects. */
  readonly policy: string;
  /** What is injected. */
  readonly kind: InjectionKind;
  /** The target of a plan: the name of the dependency. Undefined for an injection without a plan. */
  readonly target: string | undefined;
}

/** Statistics of a control since its creation. */
export interface ChaosStats {
  /** The number of calls of all policies and fetches of the control while it was active. */
  readonly calls: number;
  /** The number of injections. A call can have several. */
  readonly injected: number;
  /** The number of injections of each kind; a kind that was never injected is missing. */
  readonly byKind: { readonly [kind in InjectionKind]?: number };
  /** The number of calls that are held now: delayed, or without an answer. */
  readonly held: number;
}

/** The checked options of a control. */
export interface ChaosRules {
  readonly name: string;
  readonly enabled: boolean | (() => boolean);
  readonly maxDurationMs: number;
  readonly random: Random;
  readonly clock: Clock;
}

/**
 * One run of chaos, from the moment at which it is first enabled until it ends. All policies of a control share it.
 *
 * ```text
 * off                                       enabled: false
 * waiting → active                          the function enabled returns true for the first time
 * active → ended                            stop(), or maxDuration after the begin
 * ```
 */
export class ChaosRun {
  readonly rules: ChaosRules;
  readonly events = new Emitter<ChaosEvents>(['begin', 'inject', 'end', 'error']);
  /** The time at which the run has begun; undefined while it waits. */
  #beganAt: number | undefined;
  #hasAnnounced = false;
  #isOver = false;
  #calls = 0;
  #injected = 0;
  readonly #byKind: { [kind in InjectionKind]?: number } = {};
  readonly #holds = new Set<Hold>();
  /** The place of this process among the clients, in [0, 1): the first ones are cut off by a partition. */
  #clientPlace: number | undefined;

  constructor(rules: ChaosRules) {
    this.rules = rules;
    if (rules.enabled === true) this.#beganAt = rules.clock.now();
  }

  /** Whether nothing can ever be injected any more. The cheapest check, for calls without chaos. */
  get isOff(): boolean {
    return this.#isOver || this.rules.enabled === false;
  }

  get state(): ChaosState {
    if (this.rules.enabled === false) return 'off';
    if (this.#isOver) return 'ended';
    if (this.#beganAt === undefined) return 'waiting';
    return this.remainingMs > 0 ? 'active' : 'ended';
  }

  get stats(): ChaosStats {
    return { calls: this.#calls, injected: this.#injected, byKind: { ...this.#byKind }, held: this.#holds.size };
  }

  /** Milliseconds since the begin of the run; the faults of plans begin at such times. */
  get elapsedMs(): number {
    return this.#beganAt === undefined ? 0 : this.rules.clock.now() - this.#beganAt;
  }

  /** Milliseconds until the run ends. */
  get remainingMs(): number {
    return this.isOff ? 0 : Math.max(0, this.rules.maxDurationMs - this.elapsedMs);
  }

  /** Counts a call that starts now. Returns whether something may be injected into it. */
  admitsCall(): boolean {
    if (this.isOff || !this.#isEnabledNow()) return false;
    this.#beganAt ??= this.rules.clock.now();
    if (this.remainingMs === 0) {
      this.#end('max-duration');
      return false;
    }
    this.#announce();
    if (this.isOff) return false; // a listener has stopped it
    this.#calls++;
    return true;
  }

  #isEnabledNow(): boolean {
    const { enabled } = this.rules;
    if (typeof enabled === 'boolean') return enabled;
    try {
      return enabled() === true;
    } catch (error) {
      this.events.emit('error', { error });
      return false;
    }
  }

  #announce(): void {
    if (this.#hasAnnounced) return;
    this.#hasAnnounced = true;
    const { name, maxDurationMs } = this.rules;
    warnOnce(
      `breakwater: chaos ("${name}") is active in this process. It injects faults on purpose, for at most ${maxDurationMs} ms.`,
    );
    if (this.events.has('begin')) this.events.emit('begin', { maxDurationMs });
  }

  /** Draws whether something with this rate happens. Takes no number from the random source for a rate of 0 or 1. */
  draws(rate: number): boolean {
    return rate > 0 && (rate >= 1 || this.rules.random() < rate);
  }

  /** Whether a partition that cuts off this share of the clients concerns this process: the same in all partitions. */
  isCutOff(share: number): boolean {
    this.#clientPlace ??= this.rules.random();
    return this.#clientPlace < share;
  }

  /** Counts and reports an injection. */
  record(policy: string, kind: InjectionKind, target?: string): void {
    this.#injected++;
    this.#byKind[kind] = (this.#byKind[kind] ?? 0) + 1;
    if (this.events.has('inject')) this.events.emit('inject', { policy, kind, target });
  }

  /**
   * Makes a call wait, but not beyond the end of the run. Undefined if the run has ended or there is nothing to wait for.
   *
   * @param scope - the scope of the call; undefined if nothing can abort the call.
   * @throws the abort reason if the scope is aborted.
   */
  hold(scope: AbortScope | undefined, ms: number): Hold | undefined {
    if (scope?.reason !== undefined) throw scope.reason;
    const heldMs = Math.min(ms, this.remainingMs);
    if (heldMs === 0) return undefined;
    const hold = new Hold(this, scope, heldMs);
    this.#holds.add(hold);
    return hold;
  }

  get clock(): Clock {
    return this.rules.clock;
  }

  onEnd(hold: Hold): void {
    this.#holds.delete(hold);
  }

  stop(): void {
    if (!this.isOff) this.#end('stopped');
  }

  #end(reason: 'stopped' | 'max-duration'): void {
    this.#isOver = true;
    for (const hold of [...this.#holds]) hold.release();
    if (this.events.has('end')) this.events.emit('end', { reason });
  }
}
