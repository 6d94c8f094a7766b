import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkNumber, checkString, readOptions } from '../core/options.js';
import type { Random } from '../core/random.js';
import { checkDistribution, type Distribution, draw } from './distributions.js';
import { ln } from './exact-math.js';
import type { KeyDistribution } from './keys.js';

/** What the calls of a load have in common. */
export interface LoadOptions {
  /** The tenant of the calls: the key of policies such as `keyed`, if the load has no `keys`. @defaultValue none */
  readonly tenant?: string | undefined;
  /** The priority of the calls; 0 is the most important. @defaultValue 5 */
  readonly priority?: number | undefined;
  /** The distribution of the keys of the calls. @defaultValue the tenant */
  readonly keys?: KeyDistribution | undefined;
}

/** A load: the times at which calls begin. Made by `poisson`, `constantRate`, `trace` or `closed`. */
export type Load = OpenLoad | ClosedLoad;

interface LoadTerms {
  readonly tenant: string | undefined;
  readonly priority: number;
  readonly keys: KeyDistribution | undefined;
}

/** Calls that begin whether or not the earlier ones have ended, as those of many independent users. */
export interface OpenLoad extends LoadTerms {
  readonly kind: 'open';
  /** Starts a run: returns a function that returns the time of the next call in milliseconds; `Infinity` to end. */
  readonly start: (random: Random) => (now: number) => number;
}

/** Calls of a fixed number of users, each of which waits for its call to end before it makes the next one. */
export interface ClosedLoad extends LoadTerms {
  readonly kind: 'closed';
  readonly users: number;
  readonly thinkTime: Distribution;
}

/** A number of calls per second that changes in time. Made by `ramp`, `burst` or `diurnal`. */
export interface RateProfile {
  /** Returns the number of calls per second at a time of the run in milliseconds. */
  readonly at: (ms: number) => number;
  /** The largest number of calls per second: a number above 0. */
  readonly max: number;
}

/** Options of `poisson`. */
export interface PoissonOptions extends LoadOptions {
  /** The mean number of calls per second: a number above 0, or a profile. */
  readonly perSecond: number | RateProfile;
}

/**
 * Returns an open load with exponential gaps (a Poisson process): the calls of many independent users. With a profile
 * the process is thinned (Lewis and Shedler, 1979).
 * @throws InvalidOptionError for invalid options.
 */
export function poisson(options: PoissonOptions): OpenLoad {
  const { perSecond, ...terms } = readLoad<PoissonOptions>('poisson', options, { perSecond: undefined });
  const profile = checkProfile('poisson', perSecond);
  return {
    ...terms,
    kind: 'open',
    start: (random) => (now) => {
      let at = now;
      do at += (-ln(1 - random()) * 1000) / profile.max;
      while (profile.at(at) < profile.max && random() * profile.max >= profile.at(at) && at < LATEST_MS);
      return at;
    },
  };
}

/** The time after which a load with a rate of 0 is given up: ten years. */
const LATEST_MS = 3.2e11;

/** Options of `constantRate`. */
export interface ConstantRateOptions extends LoadOptions {
  /** The number of calls per second: a number above 0. */
  readonly perSecond: number;
}

/**
 * Returns an open load with equal gaps, as of a load generator.
 * @throws InvalidOptionError for invalid options.
 */
export function constantRate(options: ConstantRateOptions): OpenLoad {
  const { perSecond, ...terms } = readLoad<ConstantRateOptions>('constantRate', options, { perSecond: undefined });
  const rate = checkNumber('constantRate', 'perSecond', perSecond, { above: 0 });
  return {
    ...terms,
    kind: 'open',
    start: () => {
      let count = 0;
      return () => (++count * 1000) / rate;
    },
  };
}

/** Options of `trace`. */
export interface TraceOptions extends LoadOptions {
  /** The times at which calls begin, in milliseconds from the start of the run, in ascending order. */
  readonly times: readonly number[];
}

/**
 * Returns an open load with the times of a recording.
 * @throws InvalidOptionError for invalid options.
 */
export function trace(options: TraceOptions): OpenLoad {
  const { times, ...terms } = readLoad<TraceOptions>('trace', options, { times: undefined });
  if (!Array.isArray(times)) throw new InvalidOptionError('trace', 'times', 'must be an array of milliseconds', times);
  const copy = times.map((time, index) =>
    checkNumber('trace', `times[${index}]`, time, { min: index === 0 ? 0 : times[index - 1] }),
  );
  return {
    ...terms,
    kind: 'open',
    start: () => {
      let index = 0;
      return () => copy[index++] ?? Infinity;
    },
  };
}

/** Options of `closed`. */
export interface ClosedLoadOptions extends LoadOptions {
  /** The number of users: an integer ≥ 1. */
  readonly users: number;
  /** The time between the end of a call and the next call of the same user: a distribution, or a duration. */
  readonly thinkTime: Distribution | Duration;
}

/**
 * Returns a closed load: a fixed number of users. A closed load hides a collapse, since slow answers slow down the users
 * too; use it only where the number of callers is really fixed, such as a pool of workers.
 * @throws InvalidOptionError for invalid options.
 */
export function closed(options: ClosedLoadOptions): ClosedLoad {
  const defaults = { users: undefined, thinkTime: undefined };
  const { users, thinkTime, ...terms } = readLoad<ClosedLoadOptions>('closed', options, defaults);
  return {
    ...terms,
    kind: 'closed',
    users: checkInteger('closed', 'users', users, { min: 1, max: 1_000_000 }),
    thinkTime: checkDistribution('closed', 'thinkTime', thinkTime as Distribution | Duration),
  };
}

/** Returns a rate that changes evenly from one value to another, and then remains. */
export function ramp(options: { readonly from: number; readonly to: number; readonly over: Duration }): RateProfile {
  const own = readOptions('ramp', options, { from: undefined, to: undefined, over: undefined });
  const from = checkNumber('ramp', 'from', own.from, { min: 0 });
  const to = checkNumber('ramp', 'to', own.to, { min: 0 });
  const overMs = toMs('ramp', 'over', own.over);
  const max = checkNumber('ramp', 'to', Math.max(from, to), { above: 0 });
  return { max, at: (ms) => from + (to - from) * Math.min(1, Math.max(0, ms / overMs)) };
}

/** Returns a rate that is higher, or lower, for some time. */
export function burst(options: {
  readonly perSecond: number;
  readonly to: number;
  readonly at: Duration;
  readonly for: Duration;
}): RateProfile {
  const own = readOptions('burst', options, { perSecond: undefined, to: undefined, at: undefined, for: undefined });
  const base = checkNumber('burst', 'perSecond', own.perSecond, { min: 0 });
  const to = checkNumber('burst', 'to', own.to, { min: 0 });
  const startMs = toMs('burst', 'at', own.at, { orZero: true });
  const endMs = startMs + toMs('burst', 'for', own.for);
  const max = checkNumber('burst', 'to', Math.max(base, to), { above: 0 });
  return { max, at: (ms) => (ms >= startMs && ms < endMs ? to : base) };
}

/**
 * Returns a rate that rises and falls as in the course of a day: it begins at `low`, and reaches `high` after half of
 * the `period`. The curve consists of parabolas, which are close to a sine and the same on every engine.
 */
export function diurnal(options: {
  readonly low: number;
  readonly high: number;
  readonly period: Duration;
}): RateProfile {
  const own = readOptions('diurnal', options, { low: undefined, high: undefined, period: undefined });
  const low = checkNumber('diurnal', 'low', own.low, { min: 0 });
  const high = checkNumber('diurnal', 'high', own.high, { min: low, above: 0 });
  const periodMs = toMs('diurnal', 'period', own.period);
  return {
    max: high,
    at(ms) {
      const phase = (ms % periodMs) / periodMs;
      const x = Math.abs(2 * phase - 1); // 1 at the lowest point, 0 at the highest
      return low + (high - low) * (x < 0.5 ? 1 - 2 * x * x : 2 * (1 - x) * (1 - x));
    },
  };
}

/** Whether a value was made by one of the functions above. */
export function isLoad(value: unknown): value is Load {
  const { kind } = (value ?? {}) as { readonly kind?: unknown };
  return kind === 'open' || kind === 'closed';
}

/** Draws the time that a user of a closed load thinks. */
export const drawThinkTime = (load: ClosedLoad, random: Random): number =>
  draw('closed', 'thinkTime', load.thinkTime, random);

type Defaults<T> = { readonly [K in Exclude<keyof T, keyof LoadOptions>]: undefined };

function readLoad<T extends LoadOptions>(owner: string, options: T, defaults: Defaults<T>) {
  const all = { ...defaults, tenant: undefined, priority: 5, keys: undefined };
  const own = readOptions(owner, options as object, all as never) as T & { readonly priority: number };
  if (own.keys !== undefined && typeof own.keys !== 'function') {
    throw new InvalidOptionError(owner, 'keys', 'must be a distribution of keys, such as zipf()', own.keys);
  }
  return {
    ...own,
    tenant: own.tenant === undefined ? undefined : checkString(owner, 'tenant', own.tenant),
    priority: checkInteger(owner, 'priority', own.priority, { min: 0 }),
    keys: own.keys,
  };
}

function checkProfile(owner: string, perSecond: number | RateProfile): RateProfile {
  if (typeof perSecond === 'number') {
    const rate = checkNumber(owner, 'perSecond', perSecond, { above: 0 });
    return { at: () => rate, max: rate };
  }
  if (typeof perSecond?.at !== 'function') {
    throw new InvalidOptionError(
      owner,
      'perSecond',
      'must be a number above 0, or a profile such as ramp()',
      perSecond,
    );
  }
  const max = checkNumber(owner, 'perSecond.max', perSecond.max, { above: 0 });
  return { at: perSecond.at, max };
}
