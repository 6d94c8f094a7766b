import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkNumber, checkOptionalFunction, checkString, readOptions } from '../core/options.js';
import type { Classify } from '../core/outcome.js';
import { asRequest, type OutgoingRequest } from './request.js';

/**
 * Options of one call of a `resilientFetch`: the member `breakwater` of the second argument, or an own property
 * `breakwater` of a `Request`. They are never passed on. An option that is not given has the value of the instance.
 */
export interface FetchCallOptions {
  /**
   * The time from the call to the headers of the final response, including all attempts: a duration above 0, or
   * `Infinity`.
   * @defaultValue the `timeout` of the instance
   */
  readonly timeout?: Duration | undefined;
  /**
   * The time from the start of an attempt to the headers of its response: a duration above 0, or `Infinity`.
   * @defaultValue the `attemptTimeout` of the instance
   */
  readonly attemptTimeout?: Duration | undefined;
  /**
   * The priority of the call: a finite number, 0 is the most important. Bulkheads admit waiting attempts in this order.
   * @defaultValue 5
   */
  readonly priority?: number | undefined;
  /**
   * The key that selects the breaker, bulkhead, pacing gate and rate limits of the call.
   * @defaultValue the result of the `key` of the instance
   */
  readonly key?: string | undefined;
  /**
   * Whether the request may be sent more than once: a boolean, or a function that returns one. A body that can be sent
   * only once prevents it anyway.
   * @defaultValue the result of the `repeatable` of the instance
   */
  readonly repeatable?: boolean | ((request: OutgoingRequest) => boolean) | undefined;
  /** Judges the outcomes of the call. @defaultValue the `classify` of the instance */
  readonly classify?: Classify<Response> | undefined;
}

/** Checked options of a call. They are plain values, so that equal ones can be recognised. */
export interface CallSettings {
  readonly timeoutMs: number | undefined;
  readonly attemptTimeoutMs: number | undefined;
  readonly priority: number | undefined;
  readonly key: string | undefined;
  readonly repeatable: ((request: OutgoingRequest) => boolean) | undefined;
  readonly classify: Classify | undefined;
}

const OWNER = 'resilientFetch';

/** The name of the member with the options of a call. */
const MEMBER = 'breakwater';

/** The settings of a call without options. */
export const NO_SETTINGS: CallSettings = {
  timeoutMs: undefined,
  attemptTimeoutMs: undefined,
  priority: undefined,
  key: undefined,
  repeatable: undefined,
  classify: undefined,
};

const NO_OPTIONS = {
  timeout: undefined,
  attemptTimeout: undefined,
  priority: undefined,
  key: undefined,
  repeatable: undefined,
  classify: undefined,
};

/**
 * Checks options of calls.
 *
 * @param base - the settings of options that are not given.
 * @throws InvalidOptionError for invalid options.
 */
export function checkCallSettings(options: FetchCallOptions | undefined, base: CallSettings): CallSettings {
  if (options === undefined) return base;
  const own = readOptions<FetchCallOptions>(OWNER, options, NO_OPTIONS, MEMBER);
  const { timeout, attemptTimeout, priority, key, repeatable } = own;
  const classify = checkOptionalFunction(OWNER, `${MEMBER}.classify`, own.classify) as Classify | undefined;
  return {
    timeoutMs: timeout === undefined ? base.timeoutMs : durationOf('timeout', timeout),
    attemptTimeoutMs:
      attemptTimeout === undefined ? base.attemptTimeoutMs : durationOf('attemptTimeout', attemptTimeout),
    priority: priority === undefined ? base.priority : checkNumber(OWNER, `${MEMBER}.priority`, priority),
    key: key === undefined ? base.key : checkString(OWNER, `${MEMBER}.key`, key),
    repeatable: repeatable === undefined ? base.repeatable : checkRepeatable(repeatable),
    classify: classify ?? base.classify,
  };
}

function durationOf(option: string, duration: Duration): number {
  return toMs(OWNER, `${MEMBER}.${option}`, duration, { orInfinity: true });
}

const always = (): boolean => true;
const never = (): boolean => false;

function checkRepeatable(repeatable: FetchCallOptions['repeatable']): CallSettings['repeatable'] {
  // The same functions for all calls: equal settings have equal members.
  if (typeof repeatable === 'boolean') return repeatable ? always : never;
  if (typeof repeatable === 'function') return repeatable;
  throw new InvalidOptionError(OWNER, `${MEMBER}.repeatable`, 'must be a boolean or a function', repeatable);
}

/** A request with the settings of its call. */
export interface ReadCall<I> {
  /** The second argument without the options of the call. */
  readonly init: I | undefined;
  readonly settings: CallSettings;
}

/**
 * Separates the options of a call from the second argument of `fetch`. Those in the second argument take precedence over
 * those of a `Request`.
 *
 * @param init - a plain copy of the second argument.
 * @param base - the settings of options that are not given.
 * @throws InvalidOptionError for invalid options.
 */
export function readCall<I extends object>(input: unknown, init: I | undefined, base: CallSettings): ReadCall<I> {
  const ofRequest = hasCallOptions(input) ? checkCallSettings(optionsIn(input), base) : base;
  if (init === undefined || !Object.hasOwn(init, MEMBER)) return { init, settings: ofRequest };
  const { [MEMBER]: options, ...others } = init as { readonly [MEMBER]?: FetchCallOptions };
  return { init: others as I, settings: checkCallSettings(options, ofRequest) };
}

/** Whether the value is a `Request` that carries options of its call. */
export function hasCallOptions(input: unknown): boolean {
  return asRequest(input) !== undefined && Object.hasOwn(input as object, MEMBER);
}

const optionsIn = (input: unknown): FetchCallOptions | undefined =>
  (input as { readonly [MEMBER]?: FetchCallOptions })[MEMBER];
