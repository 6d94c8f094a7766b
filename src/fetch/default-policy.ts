import { type Bulkhead, bulkhead } from '../bulkhead/index.js';
import { type CircuitBreaker, circuitBreaker } from '../circuit-breaker/index.js';
import { type Backoff, exponentialBackoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import type { PolicyContext } from '../core/context.js';
import { definePolicy } from '../core/define-policy.js';
import { toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkOneOf, checkOptionalFunction, readOptions } from '../core/options.js';
import type { Classify } from '../core/outcome.js';
import type { Policy } from '../core/policy.js';
import { checkRandom, type Random } from '../core/random.js';
import { retryAfterMs } from '../core/retry-after.js';
import { keyed } from '../keyed/index.js';
import { pipeline } from '../pipeline/index.js';
import { observeRateLimitHeaders, type ServerLimit } from '../rate-limit/server-limit.js';
import { type Retry, RetryBudget, retry } from '../retry/index.js';
import { pacedRetry } from '../retry/retry.js';
import { timeout, totalTimeout } from '../timeout/timeout.js';
import type { UnreadResponses } from './discard.js';
import { bodyGuardOf } from './guarded-body.js';
import { checkLimits, limitsFor } from './key-limits.js';
import type {
  FetchBulkheadOptions,
  FetchControl,
  FetchLike,
  ResilientFetchListeners,
  ResilientFetchOptions,
} from './options.js';
import { isReturned, PacingGates } from './pacing/pacing-gates.js';
import type { ResumePolicies } from './resumption.js';

const OWNER = 'resilientFetch';

type FetchBreakerOptions = ResilientFetchOptions['circuitBreaker'];

const NO_LISTENERS = {
  stateChange: undefined,
  reject: undefined,
  retry: undefined,
  giveUp: undefined,
  timeout: undefined,
};

/**
 * Builds the default policy. From the outside in: total timeout, retry with the pacing gates, then for each key a circuit
 * breaker, rate limits and a bulkhead, and finally the attempt timeout. All options are checked here, including those of the policies
 * of each key.
 */
export function buildDefaultPolicy(
  options: Partial<ResilientFetchOptions<FetchLike>>,
  clock: Clock,
  bodyTimeoutMs: number,
  unread: UnreadResponses,
): { readonly policy: Policy; readonly control: FetchControl; readonly resuming: () => ResumePolicies } {
  const random = checkRandom(OWNER, options.random);
  const on = readOptions<ResilientFetchListeners>(OWNER, options.on, NO_LISTENERS, 'on');
  for (const [name, listener] of Object.entries(on)) checkOptionalFunction(OWNER, `on.${name}`, listener);
  // Copies, since these options are read again for each new key.
  const breakerOptions = withoutReturned(copy(checkPart('circuitBreaker', options.circuitBreaker)));
  const bulkheadOptions = copy(checkPart('bulkhead', options.bulkhead));
  const limits = checkLimits(checkPart('rateLimit', options.rateLimit));
  const resets = new WeakMap<Policy, () => void>();
  const serverLimits = new WeakMap<Policy, ServerLimit>();
  const policiesFor = (key: string) => {
    const breaker = breakerFor(key, breakerOptions, on, clock, random);
    const slots = bulkheadFor(key, bulkheadOptions, on, clock, bodyTimeoutMs);
    const { limiters, serverLimit } = limitsFor(key, limits, on, clock);
    const listener = serverLimit && observeRateLimitHeaders(serverLimit, key, clock);
    const policies = pipeline(...[breaker, ...limiters, slots, listener].filter((policy) => policy !== undefined));
    if (serverLimit !== undefined) serverLimits.set(policies, serverLimit);
    resets.set(policies, () => {
      breaker?.reset();
      serverLimit?.reset();
    });
    return policies;
  };
  breakerFor('the check of the options', breakerOptions, on, clock, random);
  bulkheadFor('the check of the options', bulkheadOptions, on, clock, bodyTimeoutMs);
  const given = checkPart('retry', options.retry);
  const retryOptions = given !== false && withBudget(given, clock);
  const family = keyed(policiesFor, { clock });
  const pacing =
    retryOptions === false
      ? undefined
      : new PacingGates({
          clock,
          random,
          maxRetryAfterMs: maxRetryAfterOf(retryOptions),
          maxPauseMs: limits?.maxServerPauseMs ?? 60_000,
          announcedMs: (key) => (limits && serverLimits.get(family.for(key))?.peek().retryAfterMs) ?? 0,
          keep: unread.keep,
          onReject: (key, decision) => on.reject?.({ key, by: 'rate-limit', event: { decision, key: undefined } }),
        });
  const retrying = retryOptions && retryFor(retryOptions, pacing, on, clock, random, unread.discard);
  const total = timeoutFor('call', 'timeout', options, on, clock);
  const attempt = timeoutFor('attempt', 'attemptTimeout', options, on, clock);
  return {
    policy: pipeline(total, ...(retrying ? [retrying] : []), family, ...(pacing ? [pacing.recheck()] : []), attempt),
    resuming: () => ({
      ...resumePolicies(retryOptions, on, clock, random, unread.discard),
      // A resumption does not pass the pacing gate: its body has been admitted.
      single: pipeline(total, family, attempt),
    }),
    control: {
      reset(key) {
        pacing?.reset(key);
        if ([...family.keys()].includes(key)) resets.get(family.for(key))?.();
      },
    },
  };
}

/** Returns a copy of the options and of the plain objects in them. */
function copy<T extends object>(options: T | false | undefined): T | false | undefined {
  if (options === undefined || options === false) return options;
  const isPlain = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  const entries = Object.entries(options).map(([name, value]) => [name, isPlain(value) ? { ...value } : value]);
  return Object.fromEntries(entries) as T;
}

/** Wraps the `classify` of the breakers, which must not judge attempts that were returned to the pacing gate. */
function withoutReturned(options: FetchBreakerOptions): FetchBreakerOptions {
  if (options === false) return false;
  const { classify: own } = { classify: undefined, ...options };
  checkOptionalFunction('circuitBreaker', 'classify', own);
  const classify: Classify = (outcome, context) =>
    isReturned(outcome) ? 'ignore' : (own ?? (context as PolicyContext).classify)(outcome, context);
  return { ...options, classify };
}

/** Checks that the options of one policy are an object or false. The policy itself checks their content. */
function checkPart<T extends object>(option: string, value: T | false | undefined): T | false | undefined {
  if (value === undefined || value === false || (typeof value === 'object' && value !== null)) return value;
  throw new InvalidOptionError(OWNER, option, 'must be an object of options, or false', value);
}

function timeoutFor(
  of: 'attempt' | 'call',
  option: 'attemptTimeout' | 'timeout',
  options: Pick<ResilientFetchOptions, 'attemptTimeout' | 'timeout'>,
  on: ResilientFetchListeners,
  clock: Clock,
): Policy {
  const { [option]: given = of === 'call' ? '30s' : '10s' } = options;
  const duration = toMs(OWNER, option, given, { orInfinity: true });
  const limit = (of === 'call' ? totalTimeout : timeout)({ duration, clock, name: `${OWNER} ${of}` });
  if (on.timeout) limit.on('timeout', ({ timeoutMs }) => on.timeout?.({ of, timeoutMs }));
  return limit;
}

type FetchRetryOptions = Exclude<ResilientFetchOptions['retry'], false | undefined>;

/** Returns the options with a budget, which all policies that are made from them share. */
function withBudget(options: FetchRetryOptions | undefined, clock: Clock): FetchRetryOptions {
  const given = { budget: undefined, ...options }; // without inherited properties
  const { budget = new RetryBudget({ clock }) } = given;
  return { ...given, budget };
}

function maxRetryAfterOf(options: FetchRetryOptions): number {
  const { maxRetryAfter = '30s' } = { maxRetryAfter: undefined, ...options };
  return toMs('retry', 'maxRetryAfter', maxRetryAfter, { orInfinity: true });
}

function retryFor(
  options: FetchRetryOptions,
  pacing: PacingGates | undefined,
  on: ResilientFetchListeners,
  clock: Clock,
  random: Random,
  discard: (response: Response) => void,
): Retry {
  const given = { backoff: undefined, ...options }; // without inherited properties
  const { backoff = retryAfterWithJitter() } = given;
  const settings = { ...given, backoff, clock, random };
  const policy = pacing === undefined ? retry(settings) : pacedRetry(settings, pacing);
  // The response is discarded before the delay, so that other requests can use its connection meanwhile.
  policy.on('retry', ({ outcome }) => outcome.ok && discard(outcome.value as Response));
  if (on.retry) policy.on('retry', on.retry);
  if (on.giveUp) policy.on('giveUp', on.giveUp);
  return policy;
}

/** Returns the policies of resumptions: with the options of the retry, or its defaults if requests are not repeated. */
export function resumePolicies(
  retryOptions: FetchRetryOptions | false,
  on: ResilientFetchListeners,
  clock: Clock,
  random: Random,
  discard: (response: Response) => void,
): Omit<ResumePolicies, 'single'> {
  const options = retryOptions || withBudget(undefined, clock);
  const { maxAttempts = 3 } = { maxAttempts: undefined, ...options };
  return {
    maxAttempts,
    retrying: (attempts) => retryFor({ ...options, maxAttempts: attempts }, undefined, on, clock, random, discard),
    discard,
  };
}

/**
 * Creates a backoff that adds a jittered delay to the `Retry-After`, since all clients with the same `Retry-After`
 * would otherwise retry at the same time.
 */
function retryAfterWithJitter(): Backoff {
  const jittered = exponentialBackoff();
  return (event) => (retryAfterMs(event.outcome) ?? 0) + (jittered(event) ?? 0);
}

function breakerFor(
  key: string,
  options: ResilientFetchOptions['circuitBreaker'],
  on: ResilientFetchListeners,
  clock: Clock,
  random: Random,
): CircuitBreaker | undefined {
  if (options === false) return undefined;
  const { openFor = defaultOpenFor() } = { openFor: undefined, ...options };
  const breaker = circuitBreaker({ name: key, ...options, openFor, clock, random });
  if (on.stateChange) breaker.on('stateChange', (event) => on.stateChange?.({ key, ...event }));
  if (on.reject) breaker.on('reject', (event) => on.reject?.({ key, by: 'circuit-breaker', event }));
  return breaker;
}

const defaultOpenFor = () => exponentialBackoff({ initial: '1s', max: '30s', jitter: 'equal' });

function bulkheadFor(
  key: string,
  options: ResilientFetchOptions['bulkhead'],
  on: ResilientFetchListeners,
  clock: Clock,
  bodyTimeoutMs: number,
): Policy | undefined {
  if (options === false) return undefined;
  const defaults = { holdUntil: undefined, maxConcurrent: undefined, maxQueue: undefined };
  const { holdUntil, ...own }: FetchBulkheadOptions = { ...defaults, ...options };
  const { maxConcurrent = 256, maxQueue = 1024 } = own;
  const slots = bulkhead({ name: key, ...own, maxConcurrent, maxQueue, clock });
  if (on.reject) slots.on('reject', (event) => on.reject?.({ key, by: 'bulkhead', event }));
  if (
    checkOneOf(OWNER, 'bulkhead.holdUntil', holdUntil === undefined ? 'headers' : holdUntil, ['headers', 'body']) ===
    'headers'
  ) {
    return slots;
  }
  if (bodyTimeoutMs < Infinity) return untilBodyEnd(slots, clock);
  const rule = `can be 'body' only with "bodyTimeout": otherwise a body that is never read would hold its slot for ever`;
  throw new InvalidOptionError(OWNER, 'bulkhead.holdUntil', rule, holdUntil);
}

/** Wraps a bulkhead so that a slot is held until the body has been read, has failed, or was discarded. */
function untilBodyEnd(slots: Bulkhead, clock: Clock): Policy {
  return definePolicy({
    name: slots.name,
    clock,
    async run(next, context) {
      const permit = await slots.acquire({ signal: context.signal, priority: context.priority });
      try {
        const response = await next(context);
        const body = bodyGuardOf(response as Response);
        if (body === undefined) permit.release();
        else body.whenSourceEnded(() => permit.release());
        return response;
      } catch (error) {
        permit.release();
        throw error;
      }
    },
    describe: () => slots.describe(),
  });
}
