import type { CallContext } from '../core/call-context.js';
import { asContext, type Context, type Next, type PolicyContext, rejectNextMicrotask } from '../core/context.js';
import { type Duration, toMs } from '../core/duration.js';
import { ChaosError, InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkName, checkNumber, readOptions } from '../core/options.js';
import { BasePolicy, type PolicyDescription } from '../core/policy.js';
import type { Random } from '../core/random.js';
import type { ChaosRun, InjectionKind } from './chaos-run.js';

/** Options that all injections have. */
export interface InjectionOptions {
  /** The share of the calls that are affected: a number from 0 to 1. */
  readonly rate: number;
  /** The name of the policy in errors, events and descriptions. @defaultValue the name of the control */
  readonly name?: string | undefined;
}

/** Options of `control.fault`. */
export interface FaultOptions extends InjectionOptions {
  /**
   * The error to imitate, or a function that returns it. It becomes the `cause` of a `ChaosError`, and all policies judge
   * the `ChaosError` like it.
   * @defaultValue a failure of the dependency without details
   */
  readonly error?: unknown;
}

/**
 * An injected latency: a duration ≥ 0, or a function that draws one from a random source, such as a distribution of
 * `breakwater/simulator`.
 */
export type InjectedLatency = Duration | ((random: Random) => Duration);

/** Options of `control.latency`. */
export interface LatencyOptions extends InjectionOptions {
  /** The time that a call waits before its operation starts. */
  readonly latency: InjectedLatency;
}

/** Options of `control.outcome`. */
export interface OutcomeOptions<Value> extends InjectionOptions {
  /** The value that the call returns instead of running its operation, or a function that returns the value. */
  readonly value: Value | ((context: CallContext) => Value | PromiseLike<Value>);
}

/** Options of `control.behavior`. */
export interface BehaviorOptions extends InjectionOptions {
  /**
   * A function that runs before the operation. The operation starts when it has returned or its promise has resolved. If
   * it throws, the call rejects with that very error, and the operation does not start.
   */
  readonly run: (context: CallContext) => unknown;
}

/** A policy that injects something into calls while chaos is active. */
export abstract class InjectionPolicy<out Adds = never> extends BasePolicy<Adds> {
  protected readonly chaos: ChaosRun;
  readonly #injects: string;

  constructor(chaos: ChaosRun, injects: string, name: string) {
    super(name, chaos.clock);
    this.chaos = chaos;
    this.#injects = injects;
  }

  run(next: Next, outside: PolicyContext): Promise<unknown> {
    if (this.chaos.isOff) return next(outside);
    const context = asContext(outside);
    try {
      if (context.aborted || !this.chaos.admitsCall()) return next(context);
      return this.inject(next, context);
    } catch (error) {
      return Promise.reject(error); // an error of a clock, a random source or a function of the user
    }
  }

  /** Decides about one call, and runs it. An error that it throws is a rejection of the call. */
  protected abstract inject(next: Next, context: Context): Promise<unknown>;

  /** Returns the settings of this kind of injection. */
  protected abstract settings(): { readonly [setting: string]: unknown };

  describe(): PolicyDescription {
    const { state, rules } = this.chaos;
    const { maxDurationMs } = rules;
    const kind = { kind: 'chaos', name: this.name, injects: this.#injects, injectsFaults: true };
    return { ...kind, ...this.settings(), state, maxDurationMs };
  }
}

/** An injection that affects a share of the calls. */
abstract class RatedPolicy<out Adds = never> extends InjectionPolicy<Adds> {
  readonly #rate: number;
  readonly #kind: InjectionKind;

  constructor(chaos: ChaosRun, kind: InjectionKind, own: InjectionOptions) {
    super(chaos, kind, checkName(kind, own.name));
    this.#rate = checkNumber(kind, 'rate', own.rate, RATE);
    this.#kind = kind;
  }

  protected override inject(next: Next, context: Context): Promise<unknown> {
    if (!this.chaos.draws(this.#rate)) return next(context);
    this.chaos.record(this.name, this.#kind);
    return this.apply(next, context);
  }

  protected abstract apply(next: Next, context: Context): Promise<unknown>;

  protected override settings(): { readonly [setting: string]: unknown } {
    return { rate: this.#rate };
  }
}

/** The range of a rate. */
export const RATE = { min: 0, max: 1 };

/** Rejects calls with a `ChaosError`. */
export class FaultPolicy extends RatedPolicy {
  readonly #error: unknown;

  constructor(chaos: ChaosRun, options: FaultOptions) {
    const { name } = chaos.rules;
    const own = readOptions<FaultOptions>('fault', options, { rate: undefined, error: undefined, name });
    super(chaos, 'fault', own);
    this.#error = own.error;
  }

  protected override apply(_next: Next, context: Context): Promise<unknown> {
    const error = typeof this.#error === 'function' ? this.#error(context) : this.#error;
    return rejectNextMicrotask(chaosError(this.name, error));
  }
}

/** Returns an injected error. */
export function chaosError(policy: string, imitated: unknown): ChaosError {
  return new ChaosError(imitated === undefined ? { policy } : { policy, cause: imitated });
}

/** Delays calls. */
export class LatencyPolicy extends RatedPolicy {
  readonly #latency: InjectedLatency;

  constructor(chaos: ChaosRun, options: LatencyOptions) {
    const { name } = chaos.rules;
    const own = readOptions<LatencyOptions>('latency', options, { rate: undefined, latency: undefined, name });
    super(chaos, 'latency', own);
    this.#latency = checkLatency('latency', 'latency', own.latency);
  }

  protected override async apply(next: Next, context: Context): Promise<unknown> {
    const ms = drawLatency('latency', 'latency', this.#latency, this.chaos.rules.random);
    await this.chaos.hold(context.scope, ms)?.done;
    return next(context);
  }

  protected override settings(): { readonly [setting: string]: unknown } {
    const latencyMs = typeof this.#latency === 'function' ? undefined : toMs('latency', 'latency', this.#latency, ZERO);
    return { ...super.settings(), latencyMs };
  }
}

const ZERO = { orZero: true };

/** Returns a latency of the user. @throws InvalidOptionError unless it is a duration ≥ 0 or a function. */
export function checkLatency(owner: string, option: string, latency: InjectedLatency): InjectedLatency {
  return typeof latency === 'function' ? latency : toMs(owner, option, latency, ZERO);
}

/** Returns a latency in milliseconds. @throws InvalidOptionError if a function of the user has returned no duration. */
export function drawLatency(owner: string, option: string, latency: InjectedLatency, random: Random): number {
  return toMs(owner, option, typeof latency === 'function' ? latency(random) : latency, ZERO);
}

/** Returns values instead of running operations. */
export class OutcomePolicy<Value> extends RatedPolicy<Value> {
  readonly #value: unknown;

  constructor(chaos: ChaosRun, options: OutcomeOptions<unknown>) {
    const { name } = chaos.rules;
    const own = readOptions<OutcomeOptions<unknown>>('outcome', options, { rate: undefined, value: undefined, name });
    if (!Object.hasOwn(Object(options), 'value'))
      throw new InvalidOptionError('outcome', 'value', 'is required', undefined);
    super(chaos, 'outcome', own);
    this.#value = own.value;
  }

  protected override apply(_next: Next, context: Context): Promise<unknown> {
    return context.wait(typeof this.#value === 'function' ? this.#value(context) : Promise.resolve(this.#value));
  }
}

/** Runs a function before operations. */
export class BehaviorPolicy extends RatedPolicy {
  readonly #run: BehaviorOptions['run'];

  constructor(chaos: ChaosRun, options: BehaviorOptions) {
    const { name } = chaos.rules;
    const own = readOptions<BehaviorOptions>('behavior', options, { rate: undefined, run: undefined, name });
    super(chaos, 'behavior', own);
    this.#run = checkFunction('behavior', 'run', own.run);
  }

  protected override async apply(next: Next, context: Context): Promise<unknown> {
    await context.wait(Promise.resolve(this.#run(context)));
    return next(context);
  }
}
