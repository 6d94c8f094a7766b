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
 * @param owner - the function whose calls they are, for errors.
 * @param base - the settings of options that are not given.
 * @throws InvalidOptionError for invalid options.
 */
export function checkCallSettings(
  owner: string,
  options: FetchCallOptions | undefined,
  base: CallSettings,
): CallSettings {
  if (options === undefined) return base;
  const own = readOptions<FetchCallOptions>(owner, options, NO_OPTIONS, MEMBER);
  const { timeout, attemptTimeout, priority, key, repeatable } = own;
  const classify = checkOptionalFunction(owner, `${MEMBER}.classify`, own.classify) as Classify | undefined;
  return {
    timeoutMs: timeout === undefined ? base.timeoutMs : durationOf(owner, 'timeout', timeout),
    attemptTimeoutMs:
      attemptTimeout === undefined ? base.attemptTimeoutMs : durationOf(owner, 'attemptTimeout', attemptTimeout),
    priority: priority === undefined ? base.priority : checkNumber(owner, `${MEMBER}.priority`, priority),
    key: key === undefined ? base.key : checkString(owner, `${MEMBER}.key`, key),
    repeatable: repeatable === undefined ? base.repeatable : checkRepeatable(owner, repeatable),
    classify: classify ?? base.classify,
  };
}

function durationOf(owner: string, option: string, duration: Duration): number {
  return toMs(owner, `${MEMBER}.${option}`, duration, { orInfinity: true });
}

const always = (): boolean => true;
const never = (): boolean => false;

function checkRepeatable(owner: string, repeatable: FetchCallOptions['repeatable']): CallSettings['repeatable'] {
  // The same functions for all calls: equal settings have equal members.
  if (typeof repeatable === 'boolean') return repeatable ? always : never;
  if (typeof repeatable === 'function') return repeatable;
  throw new InvalidOptionError(owner, `${MEMBER}.repeatable`, 'must be a boolean or a function', repeatable);
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
 * @param owner - the function that was called, for errors.
 * @param init - a plain copy of the second argument.
 * @param base - the settings of options that are not given.
 * @throws InvalidOptionError for invalid options.
 */
export function readCall<I extends object>(
  owner: string,
  input: unknown,
  init: I | undefined,
  base: CallSettings,
): ReadCall<I> {
  const ofRequest = hasCallOptions(input) ? checkCallSettings(owner, optionsIn(input), base) : base;
  if (init === undefined || !Object.hasOwn(init, MEMBER)) return { init, settings: ofRequest };
  const { [MEMBER]: options, ...others } = init as { readonly [MEMBER]?: FetchCallOptions };
  return { init: others as I, settings: checkCallSettings(owner, options, ofRequest) };
}

/** Whether the value is a `Request` that carries options of its call. */
export function hasCallOptions(input: unknown): boolean {
  return asRequest(input) !== undefined && Object.hasOwn(input as object, MEMBER);
}

const optionsIn = (input: unknown): FetchCallOptions | undefined =>
  (input as { readonly [MEMBER]?: FetchCallOptions })[MEMBER];
