import type { CallContext } from './call-context.js';
import { InvalidOptionError, isResilienceError, read } from './errors.js';

/** How an operation ended. */
export type Outcome<T = unknown> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

/**
 * What an outcome says about the dependency and about trying again.
 *
 * - `success`: it is well.
 * - `failure`: it counts against its health, and may be tried again.
 * - `permanent`: it counts against its health, and must not be tried again.
 * - `ignore`: it says nothing about its health and is never tried again; permits are given back.
 */
export type Verdict = 'success' | 'failure' | 'permanent' | 'ignore';

export type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;

/**
 * The shared judgement, used wherever neither the call nor the policy brings its own:
 *
 * - a value is a `success`, whatever it is;
 * - our own refusals are to be ignored: they tell of us, not of the dependency; our `TimeoutError` is a `failure`;
 * - an `AbortError` is somebody's wish, and a TypeError, RangeError or ReferenceError that is no network error is a
 *   mistake in the program: both are to be ignored;
 * - any other error is a `failure`.
 */
export function defaultClassify(outcome: Outcome): Verdict {
  if (outcome.ok) return 'success';
  const { error } = outcome;
  if (isResilienceError(error)) return error.code === 'ERR_TIMEOUT' ? 'failure' : 'ignore';
  return isAbortError(error) || isProgrammingError(error) ? 'ignore' : 'failure';
}

/**
 * Asks `classify`, and sees to it that it answers with a verdict.
 * @throws what `classify` throws, or InvalidOptionError when it answers with anything else, a promise for instance.
 */
export function judge(owner: string, classify: Classify, outcome: Outcome, context: CallContext): Verdict {
  const verdict = classify(outcome, context);
  if (verdict === 'success' || verdict === 'failure' || verdict === 'permanent' || verdict === 'ignore') return verdict;
  const rule = `must return 'success', 'failure', 'permanent' or 'ignore'`;
  throw new InvalidOptionError(owner, 'classify', rule, verdict);
}

/** A mistake in the calling program: nothing a dependency did. */
export function isProgrammingError(error: unknown): boolean {
  return isA(error, [TypeError, RangeError, ReferenceError]) && !isNetworkError(error);
}

/** `instanceof`, for errors that may be proxies of anything. */
function isA(error: unknown, classes: readonly ErrorConstructor[]): boolean {
  try {
    return classes.some((one) => error instanceof one);
  } catch {
    return false;
  }
}

export function isAbortError(error: unknown): boolean {
  return nameOf(error) === 'AbortError';
}

/** How the codes of Node, its resolver and undici begin for connections that could not be made or were lost. */
const NETWORK_CODES: readonly string[] = [
  ...['EAI_', 'ENOTFOUND', 'ECONN', 'EHOST', 'ENET', 'ENOTCONN', 'EPIPE', 'EPROTO', 'ETIMEDOUT', 'EADDR'],
  ...['ERR_HTTP2_', 'ERR_STREAM_PREMATURE_CLOSE', 'HPE_INVALID_EOF_STATE'],
  ...['UND_ERR_SOCKET', 'UND_ERR_CLOSED', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'],
];

/** How the fetch of each platform words it, whose network errors are bare TypeErrors without a code. */
const NETWORK_MESSAGES: readonly string[] = [
  'Failed to fetch', // Chromium
  'NetworkError when attempting to fetch resource.', // Firefox
  'Load failed', // Safari
  'The Internet connection appears to be offline.', // Safari
  'The network connection was lost.', // Safari
  'Network request failed', // React Native
  'network error', // Chromium, while the body is being read
  'terminated', // undici, while the body is being read
];

/** How deep a chain of causes is followed: deeper ones are cycles or noise. */
const MAX_DEPTH = 10;

/**
 * Whether the network between here and there failed, as opposed to the program or the other side's logic. Judged by
 * codes down the chain of causes, and by the wording of the browsers' `TypeError`s, which carry nothing else.
 */
export function isNetworkError(error: unknown): boolean {
  return hasNetworkCode(error, MAX_DEPTH) || (isA(error, [TypeError]) && isNetworkMessage(error as TypeError));
}

function isNetworkMessage(error: TypeError): boolean {
  const message = read(error, 'message');
  if (typeof message !== 'string') return false;
  // undici words everything that goes wrong like this, a bad certificate as well: the cause decides, if there is one.
  if (message === 'fetch failed') return read(error, 'cause') === undefined;
  return NETWORK_MESSAGES.includes(message) || message.startsWith('Failed to fetch (');
}

/** Looks at no error twice: causes may form circles, and errors of many addresses share them. */
function hasNetworkCode(error: unknown, depth: number, seen = new Set<unknown>()): boolean {
  if (typeof error !== 'object' || error === null || depth === 0 || seen.has(error)) return false;
  seen.add(error);
  const code = read(error, 'code');
  if (typeof code === 'string' && NETWORK_CODES.some((start) => code.startsWith(start))) return true;
  const causes = read(error, 'errors'); // of an AggregateError: one for each address that was tried
  const some = Array.isArray(causes) && causes.slice(0, MAX_DEPTH).some((one) => hasNetworkCode(one, depth - 1, seen));
  return some || hasNetworkCode(read(error, 'cause'), depth - 1, seen);
}

function nameOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? read(error, 'name') : undefined;
}
