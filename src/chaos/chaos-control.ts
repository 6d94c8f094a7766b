/// <reference lib="esnext.disposable" preserve="true" />
import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import type { Observable } from '../core/events.js';
import type { FaultPlan } from '../core/fault-plan.js';
import { checkName, readOptions } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import { checkRandom, type Random } from '../core/random.js';
import { type ChaosEvents, ChaosRun, type ChaosState, type ChaosStats } from './chaos-run.js';
import {
  type BehaviorOptions,
  BehaviorPolicy,
  type FaultOptions,
  FaultPolicy,
  type LatencyOptions,
  LatencyPolicy,
  type OutcomeOptions,
  OutcomePolicy,
} from './injection-policies.js';
import { type PlanOptions, PlanPolicy } from './plan-policy.js';

const OWNER = 'chaosControl';

/** Options of `chaosControl`. */
export interface ChaosControlOptions {
  /**
   * Whether faults may be injected: true, false, or a function that is called for each call. Only the value true enables
   * chaos. A function that throws counts as false for that call, and the event `error` reports it. Do not derive it from
   * input of a client.
   * @defaultValue false
   */
  readonly enabled?: boolean | (() => boolean) | undefined;
  /**
   * The time after which nothing is injected any more: a finite duration above 0. It starts when the control is created
   * with `enabled: true`, or with the first call for which the function `enabled` returns true.
   * @defaultValue '10m'
   */
  readonly maxDuration?: Duration | undefined;
  /** The random source that selects calls. With a seeded source, the same calls are selected. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
  /** The name of the control, which its policies have by default. @defaultValue 'chaos' */
  readonly name?: string | undefined;
  /** The clock of the times of this control and its policies. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** The description of a control. */
export interface ChaosDescription {
  /** Always `'chaosControl'`. */
  readonly kind: 'chaosControl';
  /** The name of the control. */
  readonly name: string;
  /** The present state. */
  readonly state: ChaosState;
  /** The longest duration of the run in milliseconds. */
  readonly maxDurationMs: number;
  /** Milliseconds until the run ends; 0 if it has ended or is off. */
  readonly remainingMs: number;
}

/** Creates policies that inject faults, and ends all of them, as `chaosControl` creates it. */
export interface ChaosControl extends Observable<ChaosEvents>, Disposable {
  /** The present state: `off`, `waiting`, `active` or `ended`. */
  readonly state: ChaosState;
  /** Statistics since the creation. */
  readonly stats: ChaosStats;
  /**
   * Creates a policy that rejects a share of the calls with a `ChaosError`; their operations do not run. All policies of
   * this package judge the error like the one that it imitates.
   * @throws InvalidOptionError for invalid options.
   */
  fault(options: FaultOptions): Policy;
  /**
   * Creates a policy that delays a share of the calls before their operations start. An abort ends the delay at once.
   * @throws InvalidOptionError for invalid options.
   */
  latency(options: LatencyOptions): Policy;
  /**
   * Creates a policy that returns a value to a share of the calls instead of running their operations.
   * @throws InvalidOptionError for invalid options.
   */
  outcome<Value>(options: OutcomeOptions<Value>): Policy<Awaited<Value>>;
  /**
   * Creates a policy that runs a function before the operations of a share of the calls. What the function throws, the
   * call rejects with, unchanged: use it to test code that recognises an error by its class or its code.
   * @throws InvalidOptionError for invalid options.
   */
  behavior(options: BehaviorOptions): Policy;
  /**
   * Creates a policy that injects the faults of a plan for one target. The plan has the format of `simulate`. Its times
   * count from the begin of the run: the creation of the control with `enabled: true`, otherwise the first call for which
   * the function `enabled` returns true. A call gets the faults of the moment at which it starts.
   * @throws InvalidOptionError for invalid options, or for a fault that does not end within `maxDuration`.
   */
  plan(plan: FaultPlan, options: PlanOptions): Policy;
  /**
   * Ends the chaos for good: nothing is injected any more, and each call that is held continues with its operation. The
   * control cannot be started again; create another one.
   */
  stop(): void;
  /** Returns the name, the state and the remaining time of the control. */
  describe(): ChaosDescription;
  /** Ends the chaos for good, as `stop` does. */
  [Symbol.dispose](): void;
}

/**
 * Creates a control of fault injection (chaos engineering): policies that make a dependency look broken, to test what
 * the other policies do about it. Put them innermost in a pipeline, where a real failure would come from.
 *
 * Nothing is injected unless `enabled` is true, and nothing after `stop()` or `maxDuration`. While the control is active,
 * the process has one warning, of `process.emitWarning` where there is one.
 *
 * ```text
 * fault      rejects with a ChaosError      outcome   returns a value
 * latency    waits before the operation     behavior  runs a function before the operation
 * plan       slow, down, error, hang, drop and partition at fixed times, as in the simulator
 * ```
 *
 * O(1) per call, O(faults) for a plan; one comparison while it is off or has ended. One timer per delayed call, none at
 * rest.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * import { chaosControl } from 'breakwater/chaos';
 *
 * const chaos = chaosControl({ enabled: process.env.CHAOS === '1', maxDuration: '10m' });
 * const policy = pipeline(
 *   retry(),
 *   timeout('1s'),
 *   chaos.fault({ rate: 0.01, error: () => Object.assign(new Error('reset'), { code: 'ECONNRESET' }) }),
 *   chaos.latency({ rate: 0.05, latency: '2s' }),
 * );
 * const answer = await policy.execute(async () => 'answer');
 * chaos.stop();
 * console.log(answer);
 * ```
 */
export function chaosControl(options?: ChaosControlOptions): ChaosControl {
  const own = readOptions<ChaosControlOptions>(OWNER, options, {
    enabled: false,
    maxDuration: '10m',
    random: undefined,
    name: 'chaos',
    clock: undefined,
  });
  const { enabled } = own;
  if (typeof enabled !== 'boolean' && typeof enabled !== 'function') {
    throw new InvalidOptionError(OWNER, 'enabled', 'must be a boolean or a function', enabled);
  }
  const name = checkName(OWNER, own.name);
  const maxDurationMs = toMs(OWNER, 'maxDuration', own.maxDuration);
  const [random, clock] = [checkRandom(OWNER, own.random), checkClock(OWNER, own.clock)];
  return new Control(new ChaosRun({ name, enabled, maxDurationMs, random, clock }));
}

class Control implements ChaosControl {
  readonly '~run': ChaosRun;

  constructor(run: ChaosRun) {
    this['~run'] = run;
  }

  get state(): ChaosState {
    return this['~run'].state;
  }

  get stats(): ChaosStats {
    return this['~run'].stats;
  }

  on<K extends keyof ChaosEvents>(type: K, listener: (event: ChaosEvents[K]) => void): () => void {
    return this['~run'].events.on(type, listener);
  }

  fault(options: FaultOptions): Policy {
    return new FaultPolicy(this['~run'], options);
  }

  latency(options: LatencyOptions): Policy {
    return new LatencyPolicy(this['~run'], options);
  }

  outcome<Value>(options: OutcomeOptions<Value>): Policy<Awaited<Value>> {
    return new OutcomePolicy<Awaited<Value>>(this['~run'], options as OutcomeOptions<unknown>);
  }

  behavior(options: BehaviorOptions): Policy {
    return new BehaviorPolicy(this['~run'], options);
  }

  plan(plan: FaultPlan, options: PlanOptions): Policy {
    return new PlanPolicy(this['~run'], plan, options);
  }

  stop(): void {
    this['~run'].stop();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  describe(): ChaosDescription {
    const { rules, state, remainingMs } = this['~run'];
    return { kind: 'chaosControl', name: rules.name, state, maxDurationMs: rules.maxDurationMs, remainingMs };
  }
}

/** Returns the run of a control. @throws InvalidOptionError if it was not made by `chaosControl`. */
export function runOf(owner: string, control: ChaosControl): ChaosRun {
  const run = (control as Partial<Control> | null | undefined)?.['~run'];
  if (run !== undefined) return run;
  throw new InvalidOptionError(owner, 'control', 'must be a control made by chaosControl', control);
}
