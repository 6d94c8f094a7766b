import type { AttemptBudget } from '../core/attempt-budget.js';
import type { CallContext } from '../core/call-context.js';
import type { Clock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import {
  checkInteger,
  checkMethods,
  checkNumber,
  checkOneOf,
  checkOptionalFunction,
  readOptions,
} from '../core/options.js';
import type { Classify } from '../core/outcome.js';

/** A quantile of the observed latencies, from `'p50'` to `'p99.9'`. */
export type Quantile = `p${number}`;

/**
 * When a hedge starts: a duration, a quantile of the observed latencies, or a function that returns a duration.
 *
 * The function is called when a call starts, and again after each hedge; `context.hedge` is then the number of the hedge
 * that has started last. If it returns undefined, no further hedge starts because of a delay.
 */
export type HedgeDelay = Duration | Quantile | ((context: CallContext) => Duration | undefined);

/** Options of `hedge`. */
export interface HedgeOptions {
  /**
   * The time after which the next hedge starts if there is no result yet: a duration above 0, a quantile from `'p50'` to
   * `'p99.9'`, or a function. A quantile follows the dependency when it becomes slower; a fixed delay does not, and then
   * hedges every call as far as the cap allows. A lower quantile costs more hedges and saves less: after `'p50'`, half of
   * all calls would be hedged.
   * @defaultValue 'p95'
   */
  readonly delay?: HedgeDelay | undefined;
  /** The maximum number of hedges of one call, besides its first attempt: an integer from 1 to 10. @defaultValue 1 */
  readonly maxHedges?: number | undefined;
  /**
   * The cap: the number of hedges per call, over ten seconds, in addition to one hedge per second. A number above 0, at
   * most 1, which is no effective cap. The cap keeps hedges from overloading a dependency that has become slower.
   * @defaultValue 0.05
   */
  readonly maxRatio?: number | undefined;
  /**
   * A budget that each hedge is also taken from: the `RetryBudget` or `RetryTokens` of the retry around this policy.
   * Retries and hedges then stay under one limit together.
   * @defaultValue none
   */
  readonly budget?: AttemptBudget | undefined;
  /**
   * The number of latencies that a quantile needs: an integer from 1 to 10,000. With fewer, `fallbackDelay` applies.
   * @defaultValue 100
   */
  readonly minSamples?: number | undefined;
  /** The delay while there are too few latencies for a quantile: a duration above 0. @defaultValue '1s' */
  readonly fallbackDelay?: Duration | undefined;
  /**
   * Judges the outcome of each attempt. The first `success` wins; a `failure` starts the next hedge immediately.
   * @defaultValue the call's `classify`
   */
  readonly classify?: Classify | undefined;
  /**
   * `enforce` starts hedges. `observe` starts none, but measures, counts and emits the events of the hedges that would
   * have started; it takes nothing from `budget`. Use it to find out what hedging would cost.
   * @defaultValue 'enforce'
   */
  readonly mode?: 'enforce' | 'observe' | undefined;
  /** The name of the policy in errors, events and descriptions. @defaultValue 'hedge' */
  readonly name?: string | undefined;
  /** The clock that measures delays and latencies. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** The checked options of a hedge. */
export interface HedgeRules {
  /** A fixed delay in milliseconds, a share in (0, 1), or a function. */
  readonly delay:
    | { readonly kind: 'fixed'; readonly ms: number }
    | { readonly kind: 'quantile'; readonly name: Quantile; readonly share: number }
    | { readonly kind: 'function'; readonly of: (context: CallContext) => Duration | undefined };
  readonly maxHedges: number;
  readonly maxRatio: number;
  readonly budget: AttemptBudget | undefined;
  readonly minSamples: number;
  readonly fallbackDelayMs: number;
  readonly classify: Classify | undefined;
  readonly isObserving: boolean;
}

export const OWNER = 'hedge';

export function readHedgeOptions(options: HedgeOptions | undefined) {
  return readOptions(OWNER, options, {
    delay: 'p95',
    maxHedges: 1,
    maxRatio: 0.05,
    budget: undefined,
    minSamples: 100,
    fallbackDelay: '1s',
    classify: undefined,
    mode: 'enforce',
    name: OWNER,
    clock: undefined,
  });
}

export function checkHedgeRules(own: ReturnType<typeof readHedgeOptions>): HedgeRules {
  const { budget } = own;
  checkOptionalFunction(OWNER, 'budget.recordSuccess', budget?.recordSuccess);
  return {
    delay: checkDelay(own.delay),
    maxHedges: checkInteger(OWNER, 'maxHedges', own.maxHedges, { min: 1, max: 10 }),
    maxRatio: checkNumber(OWNER, 'maxRatio', own.maxRatio, { above: 0, max: 1 }),
    budget: budget === undefined ? undefined : checkMethods(OWNER, 'budget', budget, ['recordRequest', 'tryRetry']),
    minSamples: checkInteger(OWNER, 'minSamples', own.minSamples, { min: 1, max: 10_000 }),
    fallbackDelayMs: toMs(OWNER, 'fallbackDelay', own.fallbackDelay),
    classify: checkOptionalFunction(OWNER, 'classify', own.classify),
    isObserving: checkOneOf(OWNER, 'mode', own.mode, ['enforce', 'observe']) === 'observe',
  };
}

function checkDelay(delay: HedgeDelay): HedgeRules['delay'] {
  if (typeof delay === 'function') return { kind: 'function', of: delay };
  if (typeof delay !== 'string' || !delay.startsWith('p')) {
    return { kind: 'fixed', ms: toMs(OWNER, 'delay', delay) };
  }
  const percent = /^p\d{2}(\.\d+)?$/.test(delay) ? Number(delay.slice(1)) : Number.NaN;
  if (percent >= 50 && percent <= 99.9) return { kind: 'quantile', name: delay as Quantile, share: percent / 100 };
  throw new InvalidOptionError(OWNER, 'delay', "must be a quantile from 'p50' to 'p99.9'", delay);
}
