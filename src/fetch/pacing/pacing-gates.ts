import type { Clock } from '../../core/clock.js';
import type { Next, PolicyContext } from '../../core/context.js';
import { type Decision, RateLimitedError } from '../../core/errors.js';
import type { Outcome } from '../../core/outcome.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../../core/policy.js';
import { retryAfterMs } from '../../core/retry-after.js';
import type { GiveUpReason } from '../../retry/events.js';
import type { PacedCall, PacedOutcome, Pacing } from '../../retry/pacing.js';
import type { PacingSnapshot } from '../control.js';
import type { GateCall, GateSettings } from './gate-call.js';
import { PacingGate } from './pacing-gate.js';

/** The largest number of keys whose gates are kept. */
const MAX_KEYS = 1000;

/** The error that returns an attempt to the gate before it is sent. No caller sees it. */
const RETURNED = /* @__PURE__ */ new Error('The gate has closed');

/** Whether an outcome is that of an attempt that was returned to the gate. */
export const isReturned = (outcome: Outcome): boolean => !outcome.ok && outcome.error === RETURNED;

/** The settings of `PacingGates`. */
export interface PacingSettings extends GateSettings {
  /** Returns a response whose connection can be used by other requests, and that can be returned later. */
  keep(response: Response): Response;
  /** Called when a call is rejected that was never sent. */
  onReject(key: string, decision: Decision): void;
}

/**
 * The pacing gates of all keys: inside the retry and the total timeout, and outside the circuit breaker, the bulkhead
 * and the attempt timeout. A waiting call therefore holds no slot, and a repetition is no attempt of the retry.
 *
 * Until the first refusal, a call costs two reads of a map. At most 1000 keys are kept: then the oldest one that delays
 * no calls is forgotten.
 */
export class PacingGates implements Pacing {
  readonly #settings: PacingSettings;
  readonly #gates = new Map<string, PacingGate>();
  #arrivals = 0;

  constructor(settings: PacingSettings) {
    this.#settings = settings;
  }

  /** The number of keys that are kept. */
  get size(): number {
    return this.#gates.size;
  }

  arrive(): number {
    return this.#arrivals++;
  }

  isOpen({ key }: PolicyContext): boolean {
    return this.#gates.get(key as string)?.isActive !== true;
  }

  isReturned(outcome: Outcome): boolean {
    return isReturned(outcome);
  }

  succeeded({ key }: PolicyContext): void {
    this.#gateOf(key as string).succeeded();
  }

  /** Returns the state of a gate; undefined if it delays no calls. */
  snapshot(key: string): PacingSnapshot | undefined {
    const gate = this.#gates.get(key);
    return gate?.isActive ? gate.snapshot : undefined;
  }

  /** Forgets the refusals of a key and sends its waiting calls. */
  reset(key: string): void {
    this.#gates.get(key)?.reset();
  }

  async pass({ throttled, context, arrival, latest, run, judge }: PacedCall): Promise<PacedOutcome> {
    const key = context.key as string;
    const gate = this.#gateOf(key);
    const call: GateCall = { arrival, latest, epoch: -1, sentAt: 0, proceed: () => {} };
    let refusal = throttled;
    if (refusal !== undefined) gate.refused(retryAfterMs(refusal));
    for (;;) {
      let stop = (refusal && this.#finality(refusal, context)) ?? gate.stopReason(call);
      if (stop === undefined) {
        refusal &&= this.#keep(refusal);
        try {
          stop = await context.wait(
            new Promise<GiveUpReason | undefined>((resolve) => {
              call.proceed = resolve;
              gate.enter(call);
            }),
          );
        } catch (error) {
          gate.leave(call);
          return { outcome: { ok: false, error }, verdict: 'ignore', stop: 'aborted' };
        }
      }
      if (stop !== undefined) {
        return { outcome: refusal ?? this.#reject(key, gate.waitMs), verdict: 'throttled', stop };
      }
      const outcome = await run();
      if (isReturned(outcome)) {
        gate.ended(call);
        continue;
      }
      const verdict = judge(outcome);
      if (verdict === 'throttled') {
        refusal = outcome;
        gate.refused(retryAfterMs(outcome), call);
        continue;
      }
      if (verdict === 'success') gate.succeeded(call);
      else gate.ended(call);
      return { outcome, verdict, stop: undefined };
    }
  }

  /** The reason why a refused call must not be repeated; undefined if it may. */
  #finality(refusal: Outcome, { repeatable }: PolicyContext): GiveUpReason | undefined {
    if (repeatable === false) return 'not-retryable';
    return (retryAfterMs(refusal) ?? 0) > this.#settings.maxRetryAfterMs ? 'retry-after' : undefined;
  }

  #keep(outcome: Outcome): Outcome {
    return outcome.ok ? { ok: true, value: this.#settings.keep(outcome.value as Response) } : outcome;
  }

  #reject(key: string, waitMs: number): Outcome {
    const decision = { allowed: false, limit: 1, remaining: 0, retryAfterMs: waitMs, resetAfterMs: waitMs };
    this.#settings.onReject(key, decision);
    return { ok: false, error: new RateLimitedError({ policy: key, decision }) };
  }

  #gateOf(key: string): PacingGate {
    let gate = this.#gates.get(key);
    if (gate !== undefined) return gate;
    if (this.#gates.size >= MAX_KEYS) this.#forgetOne();
    gate = new PacingGate(key, this.#settings);
    this.#gates.set(key, gate);
    return gate;
  }

  /** Waiting calls keep the gate of a key that is forgotten. */
  #forgetOne(): void {
    let oldest: string | undefined;
    for (const [key, gate] of this.#gates) {
      oldest ??= key;
      if (gate.isActive) continue;
      oldest = key;
      break;
    }
    this.#gates.delete(oldest as string);
  }

  /** Creates the policy inside the bulkhead: it returns an attempt whose gate has closed while it waited for a slot. */
  recheck(): Policy {
    return new Recheck(this.#settings.clock, (key) => this.#gates.get(key)?.isClosed === true);
  }
}

class Recheck extends BasePolicy {
  readonly #isClosed: (key: string) => boolean;

  constructor(clock: Clock, isClosed: (key: string) => boolean) {
    super('pacing gate', clock);
    this.#isClosed = isClosed;
  }

  describe(): PolicyDescription {
    return { kind: 'pacingGate', name: this.name };
  }

  run(next: Next, context: PolicyContext): Promise<unknown> {
    return this.#isClosed(context.key as string) ? Promise.reject(RETURNED) : next(context);
  }
}
