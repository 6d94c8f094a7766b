import { type Duration, toMs } from './duration.js';
import { InvalidOptionError } from './errors.js';
import { checkNumber, checkOneOf, readOptions } from './options.js';
import type { Outcome } from './outcome.js';
import type { Random } from './random.js';

/** The input of a backoff: the failure that the next delay follows. */
export interface BackoffEvent {
  /** The number of attempts that have failed so far: 1 after the first failure. */
  readonly attempt: number;
  /** The previous delay in milliseconds; undefined after the first failure. */
  readonly previousDelayMs: number | undefined;
  /** The outcome of the failed attempt. */
  readonly outcome: Outcome;
  /** The random source of the policy, for jitter. */
  readonly random: Random;
}

/** Returns the delay before the next attempt in milliseconds; undefined to stop. */
export type Backoff = (event: BackoffEvent) => number | undefined;

/**
 * Creates a backoff with the same delay before every attempt.
 * @throws InvalidOptionError if the delay is not a duration.
 * @example
 * ```ts
 * const policy = retry({ backoff: constantBackoff('1s') });
 * ```
 */
export function constantBackoff(delay: Duration): Backoff {
  const delayMs = toMs('constantBackoff', 'delay', delay);
  return () => delayMs;
}

/** Options of `linearBackoff`. */
export interface LinearBackoffOptions {
  /** The first delay, and the increment of each further one: a duration above 0. */
  readonly initial: Duration;
  /** The upper bound of the delay: a duration ≥ `initial`. */
  readonly max: Duration;
}

/**
 * Creates a backoff whose delay grows linearly: `min(max, initial × attempt)`.
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const policy = retry({ backoff: linearBackoff({ initial: '100ms', max: '1s' }) }); // 100, 200, 300 ms …
 * ```
 */
export function linearBackoff(options: LinearBackoffOptions): Backoff {
  const own = readOptions('linearBackoff', options, { initial: undefined, max: undefined });
  const [initialMs, maxMs] = checkRange('linearBackoff', own.initial, own.max);
  return ({ attempt }) => Math.min(maxMs, initialMs * attempt);
}

/** Options of `exponentialBackoff`. */
export interface ExponentialBackoffOptions {
  /** The first delay before jitter: a duration above 0. @defaultValue 200 */
  readonly initial?: Duration | undefined;
  /** The factor from one delay to the next: a number ≥ 1. @defaultValue 2 */
  readonly factor?: number | undefined;
  /** The upper bound of the delay: a duration ≥ `initial`. @defaultValue '30s' */
  readonly max?: Duration | undefined;
  /**
   * The random part of the delay, so that clients that failed together do not retry together. `full`: the whole delay
   * is random, in [0, delay). `equal`: the second half is random, in [delay / 2, delay). `none`: no part is random.
   * @defaultValue 'full'
   */
  readonly jitter?: 'full' | 'equal' | 'none' | undefined;
}

/**
 * Creates a backoff whose delay grows by a factor up to a cap: `min(max, initial × factor^(attempt - 1))`, and then
 * applies jitter. Full jitter spreads the load best (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog,
 * 2015).
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const policy = retry({ backoff: exponentialBackoff({ initial: '100ms', max: '10s' }) });
 * ```
 */
export function exponentialBackoff(options?: ExponentialBackoffOptions): Backoff {
  const owner = 'exponentialBackoff';
  const own = readOptions(owner, options, { initial: 200, factor: 2, max: '30s', jitter: 'full' });
  const [initialMs, maxMs] = checkRange(owner, own.initial, own.max);
  const factor = checkNumber(owner, 'factor', own.factor, { min: 1 });
  const jitter = checkOneOf(owner, 'jitter', own.jitter, ['full', 'equal', 'none']);
  return ({ attempt, random }) => {
    const delayMs = Math.min(maxMs, initialMs * factor ** (attempt - 1)); // an overflow to Infinity is capped here
    if (jitter === 'none') return delayMs;
    return jitter === 'full' ? random() * delayMs : delayMs / 2 + (random() * delayMs) / 2;
  };
}

/** Options of `decorrelatedJitterBackoff`. */
export interface DecorrelatedJitterBackoffOptions {
  /** The lower bound of the delay: a duration above 0. @defaultValue 200 */
  readonly initial?: Duration | undefined;
  /** The upper bound of the delay: a duration ≥ `initial`. @defaultValue '30s' */
  readonly max?: Duration | undefined;
}

/**
 * Creates a backoff with decorrelated jitter: each delay is random between `initial` and three times the previous
 * delay, up to `max`. The delay grows exponentially on average, and clients do not retry in step (Brooker, "Exponential
 * Backoff and Jitter", AWS Architecture Blog, 2015).
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const policy = retry({ backoff: decorrelatedJitterBackoff({ initial: '100ms', max: '10s' }) });
 * ```
 */
export function decorrelatedJitterBackoff(options?: DecorrelatedJitterBackoffOptions): Backoff {
  const owner = 'decorrelatedJitterBackoff';
  const own = readOptions(owner, options, { initial: 200, max: '30s' });
  const [initialMs, maxMs] = checkRange(owner, own.initial, own.max);
  return ({ previousDelayMs = initialMs, random }) =>
    Math.min(maxMs, initialMs + random() * Math.max(0, previousDelayMs * 3 - initialMs));
}

/**
 * Checks the result of a backoff, which may be user code: a delay of NaN or of a string would mean no wait or an
 * endless one.
 */
export function checkDelay(owner: string, option: string, delayMs: unknown): number {
  if (typeof delayMs === 'number' && delayMs >= 0 && delayMs < Infinity) return delayMs;
  throw new InvalidOptionError(owner, option, 'must return milliseconds ≥ 0', delayMs);
}

function checkRange(owner: string, initial: Duration, max: Duration): [number, number] {
  const initialMs = toMs(owner, 'initial', initial);
  const maxMs = toMs(owner, 'max', max);
  if (maxMs < initialMs)
    throw new InvalidOptionError(owner, 'max', `must not be below "initial" (${initialMs} ms)`, max);
  return [initialMs, maxMs];
}
