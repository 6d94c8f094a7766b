import { type Duration, toMs } from './duration.js';
import { InvalidOptionError } from './errors.js';
import { checkNumber, checkOneOf, readOptions } from './options.js';
import type { Outcome } from './outcome.js';
import type { Random } from './random.js';

export interface BackoffEvent {
  /** How many times it has failed so far: 1 after the first failure. */
  readonly attempt: number;
  /** The delay before this one; undefined the first time. */
  readonly previousDelayMs: number | undefined;
  /** The failure to be waited out. */
  readonly outcome: Outcome;
  readonly random: Random;
}

/** How many milliseconds to wait before the next try; undefined to stop trying. */
export type Backoff = (event: BackoffEvent) => number | undefined;

/** The same delay every time. */
export function constantBackoff(delay: Duration): Backoff {
  const delayMs = toMs('constantBackoff', 'delay', delay);
  return () => delayMs;
}

export interface LinearBackoffOptions {
  /** The first delay, and what each further one is longer by. */
  readonly initial: Duration;
  /** No delay is longer. */
  readonly max: Duration;
}

/** `initial`, twice `initial`, three times …, up to `max`. */
export function linearBackoff(options: LinearBackoffOptions): Backoff {
  const own = readOptions('linearBackoff', options, { initial: undefined, max: undefined });
  const [initialMs, maxMs] = checkRange('linearBackoff', own.initial, own.max);
  return ({ attempt }) => Math.min(maxMs, initialMs * attempt);
}

export interface ExponentialBackoffOptions {
  /** The first delay, before jitter. @defaultValue 200 */
  readonly initial?: Duration | undefined;
  /** What each further delay is multiplied by; at least 1. @defaultValue 2 */
  readonly factor?: number | undefined;
  /** No delay is longer. @defaultValue '30s' */
  readonly max?: Duration | undefined;
  /**
   * How much of it is left to chance, so that clients which failed together do not come back together: `full` is
   * anything up to the delay, `equal` its second half, `none` nothing. @defaultValue 'full'
   */
  readonly jitter?: 'full' | 'equal' | 'none' | undefined;
}

/**
 * Delays that grow by a factor up to a cap: `min(max, initial × factor^(attempt - 1))`, then jitter inside that.
 * Full jitter spreads load best (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
 */
export function exponentialBackoff(options?: ExponentialBackoffOptions): Backoff {
  const owner = 'exponentialBackoff';
  const own = readOptions(owner, options, { initial: 200, factor: 2, max: '30s', jitter: 'full' });
  const [initialMs, maxMs] = checkRange(owner, own.initial, own.max);
  const factor = checkNumber(owner, 'factor', own.factor, { min: 1 });
  const jitter = checkOneOf(owner, 'jitter', own.jitter, ['full', 'equal', 'none']);
  return ({ attempt, random }) => {
    const delayMs = Math.min(maxMs, initialMs * factor ** (attempt - 1)); // an overflow to Infinity meets the cap here
    if (jitter === 'none') return delayMs;
    return jitter === 'full' ? random() * delayMs : delayMs / 2 + (random() * delayMs) / 2;
  };
}

export interface DecorrelatedJitterBackoffOptions {
  /** The shortest delay. @defaultValue 200 */
  readonly initial?: Duration | undefined;
  /** No delay is longer. @defaultValue '30s' */
  readonly max?: Duration | undefined;
}

/**
 * A random delay between `initial` and three times the delay before, up to `max`: it grows as an exponential one does,
 * without clients in step (Brooker, as above).
 */
export function decorrelatedJitterBackoff(options?: DecorrelatedJitterBackoffOptions): Backoff {
  const owner = 'decorrelatedJitterBackoff';
  const own = readOptions(owner, options, { initial: 200, max: '30s' });
  const [initialMs, maxMs] = checkRange(owner, own.initial, own.max);
  return ({ previousDelayMs = initialMs, random }) =>
    Math.min(maxMs, initialMs + random() * Math.max(0, previousDelayMs * 3 - initialMs));
}

/** Holds a backoff to its word, the caller's own too: a wait of NaN, or of a string, would be none or last for ever. */
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
