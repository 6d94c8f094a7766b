import { type Backoff, exponentialBackoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkNumber, checkOneOf, checkOptionalFunction, readOptions } from '../core/options.js';
import type { Classify } from '../core/outcome.js';
import { checkRandom, type Random } from '../core/random.js';
import type { CircuitRules } from './circuit-rules.js';
import type { CircuitState } from './transition-notifier.js';

export interface CircuitBreakerOptions {
  /** The share of failed calls in the window at or above which it opens: (0, 1]. @defaultValue 0.5 */
  readonly failureRateThreshold?: number | undefined;
  /** Calls that take at least this long are slow. Unset, slowness does not matter. @defaultValue unset */
  readonly slowCallDuration?: Duration | undefined;
  /** The share of slow calls in the window at or above which it opens: (0, 1]. @defaultValue 1 */
  readonly slowCallRateThreshold?: number | undefined;
  /** Opens after so many failures in a row, whatever the rate: an integer ≥ 1. @defaultValue unset */
  readonly consecutiveFailures?: number | undefined;
  /** What the rates are taken over: a span of time, or the last calls (1 to 1,000,000). @defaultValue `{ duration: '30s' }` */
  readonly window?: { readonly duration: Duration } | { readonly calls: number } | undefined;
  /** No rate counts before so many calls are in the window: an integer ≥ 1. @defaultValue 20, or `window.calls` if fewer */
  readonly minimumCalls?: number | undefined;
  /**
   * How long it stays open: a duration is used exactly; a backoff is called with the number of openings in a row, and a
   * `Retry-After` of the failure that opened it is a lower bound, up to a minute.
   * @defaultValue from 5 s doubling to 60 s, with equal jitter
   */
  readonly openFor?: Duration | Backoff | undefined;
  readonly halfOpen?: HalfOpenOptions | undefined;
  /** `observe` counts and reports, but never refuses. @defaultValue 'enforce' */
  readonly mode?: 'enforce' | 'observe' | undefined;
  /** A state's name, or what `toJSON()` gave. @defaultValue 'closed' */
  readonly initialState?: CircuitState | CircuitSnapshot | undefined;
  /** `failure` and `permanent` count against health. @defaultValue the call's */
  readonly classify?: Classify | undefined;
  /** @defaultValue 'circuitBreaker' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** For the backoff's jitter. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

export interface HalfOpenOptions {
  /** So many successes close it, and so many calls at once are let in to find out: an integer ≥ 1. @defaultValue 3 */
  readonly probes?: number | undefined;
  /** More failures than this reopen it: an integer ≥ 0. @defaultValue 0 */
  readonly maxFailures?: number | undefined;
  /** A probe not heard of for so long counts as failed. @defaultValue '30s' */
  readonly probeTimeout?: Duration | undefined;
}

/** A breaker's state as plain data. What was isolated or disabled by hand is not part of it: only the state below. */
export interface CircuitSnapshot {
  readonly state: 'closed' | 'open' | 'half-open';
  /** Openings in a row. */
  readonly openings: number;
  /** What was left of the open time; 0 unless open. */
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

/** The options with their defaults, not checked yet. */
export type OwnOptions = ReturnType<typeof readCircuitBreakerOptions>;

export function readCircuitBreakerOptions(options: CircuitBreakerOptions | undefined) {
  return readOptions(OWNER, options, DEFAULTS);
}

export function checkRules(own: OwnOptions): CircuitRules {
  const halfOpen = readOptions(OWNER, own.halfOpen, { probes: 3, maxFailures: 0, probeTimeout: '30s' }, 'halfOpen');
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

/** One for all: it keeps no state. */
const defaultOpenFor = /* @__PURE__ */ exponentialBackoff({ initial: '5s', max: '60s', jitter: 'equal' });

export function checkInitialState(initial: OwnOptions['initialState']): CircuitState | CircuitSnapshot {
  if (typeof initial === 'string' && STATES.includes(initial)) return initial;
  if (typeof initial !== 'object' || initial === null) {
    const rule = `must be one of ${STATES.map((state) => `'${state}'`).join(', ')}, or what toJSON() gave`;
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
