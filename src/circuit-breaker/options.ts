import { type Backoff, exponentialBackoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkNumber, checkOneOf, checkOptionalFunction, readOptions } from '../core/options.js';
import type { Classify } from '../core/outcome.js';
import { checkRandom, type Random } from '../core/random.js';
import type { CircuitRules } from './circuit-rules.js';
import type { CircuitState } from './transition-notifier.js';

/** Options of `circuitBreaker`. */
export interface CircuitBreakerOptions {
  /** The share of failed calls in the window from which the breaker opens: a number in (0, 1]. @defaultValue 0.5 */
  readonly failureRateThreshold?: number | undefined;
  /**
   * The duration from which a call counts as slow: a duration above 0. If unset, durations are not measured.
   * @defaultValue unset
   */
  readonly slowCallDuration?: Duration | undefined;
  /** The share of slow calls in the window from which the breaker opens: a number in (0, 1]. @defaultValue 1 */
  readonly slowCallRateThreshold?: number | undefined;
  /**
   * The number of failures in a row after which the breaker opens, regardless of the rate: an integer ≥ 1. It reacts
   * faster than a rate when there are few calls.
   * @defaultValue unset
   */
  readonly consecutiveFailures?: number | undefined;
  /**
   * The window of the rates: a time span of at least 1 ms, or a number of last calls (an integer in [1, 1,000,000]).
   * @defaultValue `{ duration: '30s' }`
   */
  readonly window?: { readonly duration: Duration } | { readonly calls: number } | undefined;
  /**
   * The number of calls in the window below which no rate is computed: an integer ≥ 1, and at most `window.calls`.
   * @defaultValue 20, or `window.calls` if fewer
   */
  readonly minimumCalls?: number | undefined;
  /**
   * The time for which the breaker stays open. A duration above 0 is used exactly. A backoff is called with the number
   * of openings in a row; a `Retry-After` of the failure that opened the breaker is a lower bound, up to one minute.
   * @defaultValue from 5 s doubling to 60 s, with equal jitter
   */
  readonly openFor?: Duration | Backoff | undefined;
  /** Options of the half-open state. @defaultValue the defaults of `HalfOpenOptions` */
  readonly halfOpen?: HalfOpenOptions | undefined;
  /**
   * The mode of operation. `enforce` rejects calls; `observe` counts and reports, but never rejects. Use `observe` to
   * test thresholds in production.
   * @defaultValue 'enforce'
   */
  readonly mode?: 'enforce' | 'observe' | undefined;
  /** The initial state: the name of a state, or a snapshot returned by `toJSON()`. @defaultValue 'closed' */
  readonly initialState?: CircuitState | CircuitSnapshot | undefined;
  /**
   * Judges outcomes: `failure` and `permanent` count as failures, `success` and `throttled` as successes, and `ignore`
   * does not count.
   * @defaultValue the call's `classify`
   */
  readonly classify?: Classify | undefined;
  /** The name of the breaker in errors, events and descriptions. @defaultValue 'circuitBreaker' */
  readonly name?: string | undefined;
  /** The clock that measures all times. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** The random source for the backoff's jitter. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/**
 * The options of a breaker that `reconfigure` can change. A `slowCallDuration` or `consecutiveFailures` of `Infinity`
 * turns the rule off.
 */
export type CircuitBreakerChanges = Omit<CircuitBreakerOptions, 'initialState' | 'name' | 'clock' | 'random'>;

/** Options of the half-open state. */
export interface HalfOpenOptions {
  /**
   * The number of successful probes that closes the breaker, and the maximum number of concurrent probes: an integer ≥
   * 1.
   * @defaultValue 3
   */
  readonly probes?: number | undefined;
  /** The number of failed probes that is tolerated; one more reopens the breaker: an integer ≥ 0. @defaultValue 0 */
  readonly maxFailures?: number | undefined;
  /**
   * The time after which a probe without a result counts as failed: a duration above 0, or `Infinity`.
   * @defaultValue '30s'
   */
  readonly probeTimeout?: Duration | undefined;
  /**
   * The time after the breaker has closed in which it limits the number of calls at a time: to `probes` at first, and to
   * one more after each success. Further calls are rejected. A duration ≥ 0; 0 admits all calls at once.
   * @defaultValue 0
   */
  readonly ramp?: Duration | undefined;
}

/**
 * The state of a breaker as plain data. If the breaker is isolated or disabled, it is the state that the override
 * covers.
 */
export interface CircuitSnapshot {
  /** The name of the state. */
  readonly state: 'closed' | 'open' | 'half-open';
  /** The number of openings in a row. */
  readonly openings: number;
  /** The remaining open time in milliseconds; 0 unless open. */
  readonly remainingOpenMs: number;
}

const OWNER = 'circuitBreaker';
const STATES: readonly CircuitState[] = ['closed', 'open', 'half-open', 'isolated', 'disabled'];
const MAX_WINDOW_CALLS = 1_000_000;

const DEFAULTS = {
  failureRateThreshold: 0.5,
  slowCallDuration: undefined,
  slowCallRateThreshold: 1,
  consecutiveFailures: undefined,
  window: { duration: '30s' },
  minimumCalls: undefined,
  openFor: undefined,
  halfOpen: {},
  mode: 'enforce',
  initialState: 'closed',
  classify: undefined,
  name: OWNER,
  clock: undefined,
  random: undefined,
} as const;

const HALF_OPEN_DEFAULTS = { probes: 3, maxFailures: 0, probeTimeout: '30s', ramp: 0 } as const;

/** The options with defaults, before they are checked. */
export type OwnOptions = ReturnType<typeof readCircuitBreakerOptions>;

export function readCircuitBreakerOptions(options: CircuitBreakerOptions | undefined) {
  return readOptions(OWNER, options, DEFAULTS);
}

/** Returns the rules after a change of some options. */
export function changedRules(rules: CircuitRules, changes: CircuitBreakerChanges): CircuitRules {
  const { windowMs, windowCalls, slowCallMs, isObserving, classify, openFor, random } = rules;
  const { probes, maxProbeFailures, probeTimeoutMs, rampMs } = rules;
  const own = readOptions(OWNER, changes, {
    failureRateThreshold: rules.failureRateThreshold,
    slowCallDuration: slowCallMs,
    slowCallRateThreshold: rules.slowCallRateThreshold,
    consecutiveFailures: rules.consecutiveFailures,
    window: windowMs < Infinity ? { duration: windowMs } : { calls: windowCalls },
    minimumCalls: undefined,
    openFor,
    halfOpen: undefined,
    mode: isObserving ? 'observe' : 'enforce',
    classify,
  });
  const present = { probes, maxFailures: maxProbeFailures, probeTimeout: probeTimeoutMs, ramp: rampMs };
  return checkRules({
    ...own,
    slowCallDuration: own.slowCallDuration === Infinity ? undefined : own.slowCallDuration,
    consecutiveFailures: own.consecutiveFailures === Infinity ? undefined : own.consecutiveFailures,
    // Another window has another default of `minimumCalls`.
    minimumCalls: own.minimumCalls ?? (changes.window === undefined ? rules.minimumCalls : undefined),
    halfOpen: readOptions(OWNER, own.halfOpen, present, 'halfOpen'),
    random,
  });
}

/** Checks all options except `name`, `clock` and `initialState`, and converts durations to milliseconds. */
export function checkRules(own: Omit<OwnOptions, 'initialState' | 'name' | 'clock'>): CircuitRules {
  const halfOpen = readOptions(OWNER, own.halfOpen, HALF_OPEN_DEFAULTS, 'halfOpen');
  const rate = { above: 0, max: 1 };
  const { windowMs, windowCalls } = checkWindow(own.window);
  const minimumCalls = own.minimumCalls === undefined ? Math.min(20, windowCalls) : own.minimumCalls;
  return {
    windowMs,
    windowCalls,
    failureRateThreshold: checkNumber(OWNER, 'failureRateThreshold', own.failureRateThreshold, rate),
    slowCallRateThreshold: checkNumber(OWNER, 'slowCallRateThreshold', own.slowCallRateThreshold, rate),
    consecutiveFailures:
      own.consecutiveFailures === undefined
        ? Infinity
        : checkInteger(OWNER, 'consecutiveFailures', own.consecutiveFailures, { min: 1 }),
    minimumCalls: checkInteger(OWNER, 'minimumCalls', minimumCalls, { min: 1, max: windowCalls }),
    probes: checkInteger(OWNER, 'halfOpen.probes', halfOpen.probes, { min: 1 }),
    maxProbeFailures: checkInteger(OWNER, 'halfOpen.maxFailures', halfOpen.maxFailures, { min: 0 }),
    probeTimeoutMs: toMs(OWNER, 'halfOpen.probeTimeout', halfOpen.probeTimeout, { orInfinity: true }),
    rampMs: toMs(OWNER, 'halfOpen.ramp', halfOpen.ramp, { orZero: true }),
    openFor: checkOpenFor(own.openFor),
    random: checkRandom(OWNER, own.random),
    slowCallMs: own.slowCallDuration === undefined ? Infinity : toMs(OWNER, 'slowCallDuration', own.slowCallDuration),
    isObserving: checkOneOf(OWNER, 'mode', own.mode, ['enforce', 'observe']) === 'observe',
    classify: checkOptionalFunction(OWNER, 'classify', own.classify),
  };
}

export function areEqual(rules: CircuitRules, others: CircuitRules): boolean {
  return (Object.keys(rules) as (keyof CircuitRules)[]).every((name) => rules[name] === others[name]);
}

function checkWindow(window: OwnOptions['window']): { readonly windowMs: number; readonly windowCalls: number } {
  const own = readOptions<{ duration?: Duration; calls?: number }>(
    OWNER,
    window,
    { duration: undefined, calls: undefined },
    'window',
  );
  if ((own.duration === undefined) === (own.calls === undefined)) {
    throw new InvalidOptionError(OWNER, 'window', 'must have either "duration" or "calls"', window);
  }
  if (own.duration !== undefined) {
    return { windowMs: toMs(OWNER, 'window.duration', own.duration, { min: 1 }), windowCalls: Infinity };
  }
  const windowCalls = checkInteger(OWNER, 'window.calls', own.calls, { min: 1, max: MAX_WINDOW_CALLS });
  return { windowMs: Infinity, windowCalls };
}

function checkOpenFor(openFor: CircuitBreakerOptions['openFor']): CircuitRules['openFor'] {
  if (openFor !== undefined && typeof openFor !== 'function') return toMs(OWNER, 'openFor', openFor);
  return openFor ?? defaultOpenFor;
}

/** The default open time. It has no state, so all breakers share it. */
const defaultOpenFor = /* @__PURE__ */ exponentialBackoff({ initial: '5s', max: '60s', jitter: 'equal' });

export function checkInitialState(initial: OwnOptions['initialState']): CircuitState | CircuitSnapshot {
  if (typeof initial === 'string' && STATES.includes(initial)) return initial;
  if (typeof initial !== 'object' || initial === null) {
    const rule = `must be one of ${STATES.map((state) => `'${state}'`).join(', ')}, or a value returned by toJSON()`;
    throw new InvalidOptionError(OWNER, 'initialState', rule, initial);
  }
  const own = readOptions(
    OWNER,
    initial,
    { state: undefined, openings: undefined, remainingOpenMs: undefined },
    'initialState',
  );
  const state = own.state;
  if (state !== 'closed' && state !== 'open' && state !== 'half-open') {
    throw new InvalidOptionError(OWNER, 'initialState.state', `must be 'closed', 'open' or 'half-open'`, state);
  }
  return {
    state,
    openings: checkInteger(OWNER, 'initialState.openings', own.openings, { min: state === 'closed' ? 0 : 1 }),
    remainingOpenMs: checkNumber(OWNER, 'initialState.remainingOpenMs', own.remainingOpenMs, { min: 0 }),
  };
}
