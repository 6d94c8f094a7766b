import { type Backoff, exponentialBackoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import type { PolicyContext } from '../core/context.js';
import { toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { reportUncaught } from '../core/events.js';
import type { RequestHedging } from '../core/hedging.js';
import { checkOptionalFunction, checkString, readOptions } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import { checkRandom, type Random } from '../core/random.js';
import { retryAfterMs } from '../core/retry-after.js';
import { type Explanation, explain, type Pipeline, pipeline } from '../pipeline/index.js';
import type { RetryHooks } from '../retry/hooks.js';
import { type Retry, RetryBudget, type RetryBudgetStats } from '../retry/index.js';
import { retryWithHooks } from '../retry/retry.js';
import { timeoutVariant } from '../timeout/timeout.js';
import { changeableCallOf } from './before-retry.js';
import type { CallSettings } from './call-options.js';
import type { KeySnapshot } from './control.js';
import type { UnreadResponses } from './discard.js';
import { checkLimits, type Limits } from './key-limits.js';
import { KeyFamily } from './key-policies.js';
import type { FetchLike, ResilientFetchListeners, ResilientFetchOptions } from './options.js';
import { PacingGates } from './pacing/pacing-gates.js';
import type { FetchPolicies, PolicyKit, TimedPolicies } from './policies.js';
import type { ResumePolicies } from './resumption.js';

const NO_LISTENERS = {
  stateChange: undefined,
  reject: undefined,
  retry: undefined,
  giveUp: undefined,
  timeout: undefined,
  call: undefined,
};

/** The most pairs of timeouts for which the policies are kept. */
const MAX_TIMEOUTS = 100;

type FetchRetryOptions = Exclude<ResilientFetchOptions['retry'], false | undefined>;

/**
 * The default policies. From the outside in: total timeout, retry with the pacing gates, then for each key a hedge, a
 * circuit breaker, rate limits and a bulkhead, and finally the attempt timeout. Calls with other timeouts share all policies
 * between the two timeouts. All options are checked here, including those of the policies of each key.
 */
export class DefaultPolicies implements FetchPolicies {
  readonly on: ResilientFetchListeners;
  readonly #owner: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #unread: UnreadResponses;
  readonly #family: KeyFamily;
  /** The options of the retry with the shared budget; false if requests are not repeated. */
  readonly #retryOptions: FetchRetryOptions | false;
  readonly #retry: Retry | undefined;
  readonly #pacing: PacingGates | undefined;
  readonly #beforeRetry: RetryHooks['beforeRetry'];
  readonly #timeoutMs: number;
  readonly #attemptTimeoutMs: number;
  /** The policies of calls without timeouts of their own. */
  readonly #default: TimedPolicies;
  readonly #byTimeouts = new Map<string, TimedPolicies>();

  constructor(
    options: Partial<ResilientFetchOptions<FetchLike>>,
    { owner, clock, unread, bodyTimeoutMs }: PolicyKit & { readonly bodyTimeoutMs: number },
  ) {
    const random = checkRandom(owner, options.random);
    this.on = readOptions<ResilientFetchListeners>(owner, options.on, NO_LISTENERS, 'on');
    for (const [name, listener] of Object.entries(this.on)) checkOptionalFunction(owner, `on.${name}`, listener);
    this.#owner = owner;
    this.#clock = clock;
    this.#random = random;
    this.#unread = unread;
    const limits = checkLimits(owner, checkPart(owner, 'rateLimit', options.rateLimit));
    // Copies, since these options are read again for each new key.
    this.#family = new KeyFamily({
      owner,
      circuitBreaker: copy(checkPart(owner, 'circuitBreaker', options.circuitBreaker)),
      bulkhead: copy(checkPart(owner, 'bulkhead', options.bulkhead)),
      limit: options.limit,
      limits,
      bodyTimeoutMs,
      hedging: options.hedge === undefined ? undefined : { policy: checkHedge(owner, options.hedge), unread },
      on: this.on,
      clock,
      random,
    });
    const given = checkPart(owner, 'retry', options.retry);
    this.#retryOptions = given !== false && withBudget(given, clock);
    if (this.#retryOptions !== false) {
      this.#pacing = this.#pacingFor(this.#retryOptions, limits);
      this.#beforeRetry = beforeRetryOf(owner, options.beforeRetry);
      this.#retry = this.#retryFor(this.#retryOptions, { pacing: this.#pacing, beforeRetry: this.#beforeRetry });
    } else if (options.beforeRetry !== undefined) {
      throw new InvalidOptionError(owner, 'beforeRetry', 'has no effect with "retry: false"', options.beforeRetry);
    }
    const { timeout = '30s', attemptTimeout = '10s' } = options;
    this.#timeoutMs = toMs(owner, 'timeout', timeout, { orInfinity: true });
    this.#attemptTimeoutMs = toMs(owner, 'attemptTimeout', attemptTimeout, { orInfinity: true });
    this.#default = this.#withTimeouts(this.#timeoutMs, this.#attemptTimeoutMs);
  }

  for({ timeoutMs, attemptTimeoutMs }: CallSettings): TimedPolicies {
    if (timeoutMs === undefined && attemptTimeoutMs === undefined) return this.#default;
    return this.#withTimeouts(timeoutMs ?? this.#timeoutMs, attemptTimeoutMs ?? this.#attemptTimeoutMs);
  }

  #withTimeouts(timeoutMs: number, attemptTimeoutMs: number): TimedPolicies {
    const name = `${timeoutMs}/${attemptTimeoutMs}`;
    const known = this.#byTimeouts.get(name);
    if (known !== undefined) return known;
    const total = this.#timeoutFor('call', timeoutMs);
    const attempt = this.#timeoutFor('attempt', attemptTimeoutMs);
    const { policy: family } = this.#family;
    const [retrying, recheck] = [this.#retry, this.#pacing?.recheck()];
    const members = [total, retrying, family, recheck, attempt].filter((member) => member !== undefined);
    const policies = { call: pipeline(...members), resumption: pipeline(total, family, attempt) };
    if (this.#byTimeouts.size >= MAX_TIMEOUTS) {
      const [oldest] = this.#byTimeouts.keys();
      this.#byTimeouts.delete(oldest as string);
    }
    this.#byTimeouts.set(name, policies);
    return policies;
  }

  get resuming(): ResumePolicies {
    const options = this.#retryOptions || withBudget(undefined, this.#clock);
    const { maxAttempts = 3 } = { maxAttempts: undefined, ...options };
    return {
      maxAttempts,
      retrying: (attempts) => this.#retryFor({ ...options, maxAttempts: attempts }, { beforeRetry: this.#beforeRetry }),
      discard: this.#unread.discard,
    };
  }

  explain(settings: CallSettings): Explanation {
    const { call } = this.for(settings);
    const members = (call as Pipeline).policies as readonly Policy[];
    // The family describes no key, so policies as those of any key stand for it.
    return explain(pipeline(...members.flatMap((one) => (one === this.#family.policy ? this.#family.sample : [one]))));
  }

  get retryBudget(): RetryBudgetStats | undefined {
    return this.#retryOptions ? (this.#retryOptions.budget as RetryBudget).stats : undefined;
  }

  snapshots(): KeySnapshot[] {
    const snapshots = this.#family.snapshots();
    return snapshots.map((snapshot) => ({ ...snapshot, pacing: this.#pacing?.snapshot(snapshot.key) }));
  }

  isolate(key: string): Disposable {
    return this.#family.isolate(checkString(this.#owner, 'key', key));
  }

  reset(key: string): void {
    checkString(this.#owner, 'key', key);
    this.#pacing?.reset(key);
    this.#family.reset(key);
  }

  #pacingFor(options: FetchRetryOptions, limits: Limits | undefined): PacingGates {
    return new PacingGates({
      clock: this.#clock,
      random: this.#random,
      maxRetryAfterMs: maxRetryAfterOf(options),
      maxPauseMs: limits?.maxServerPauseMs ?? 60_000,
      announcedMs: (key) => (limits === undefined ? 0 : this.#family.announcedMs(key)),
      keep: this.#unread.keep,
      onReject: (key, decision) => this.on.reject?.({ key, by: 'rate-limit', event: { decision, key: undefined } }),
    });
  }

  #retryFor(options: FetchRetryOptions, hooks: Pick<RetryHooks, 'pacing' | 'beforeRetry'>): Retry {
    const given = { backoff: undefined, ...options }; // without inherited properties
    const { backoff = retryAfterWithJitter() } = given;
    const { retry, giveUp } = this.on;
    const settings = { ...given, backoff, clock: this.#clock, random: this.#random };
    return retryWithHooks(settings, {
      ...hooks,
      onRetry: (event, context) => {
        // The response is discarded before the delay, so that other requests can use its connection meanwhile.
        if (event.outcome.ok) this.#unread.discard(event.outcome.value as Response);
        if (retry) notify(retry, { ...callOf(context), ...event });
      },
      onGiveUp: giveUp && ((event, context) => notify(giveUp, { ...callOf(context), ...event })),
    });
  }

  #timeoutFor(of: 'attempt' | 'call', duration: number): Policy {
    const { timeout: listener } = this.on;
    return timeoutVariant(
      { duration, clock: this.#clock, name: `${this.#owner} ${of}` },
      {
        compensatesStalls: of === 'attempt',
        onTimeout: listener && ((timeoutMs, context) => notify(listener, { ...callOf(context), of, timeoutMs })),
      },
    );
  }
}

/** Returns the fields that an event has in common with all events of its call. */
function callOf(context: PolicyContext): { readonly key: string; readonly method: string } {
  return { key: context.key as string, method: changeableCallOf(context).method };
}

/** Calls a listener. It cannot change the call. */
export function notify<E>(listener: (event: E) => void, event: E): void {
  try {
    listener(event);
  } catch (error) {
    reportUncaught(error);
  }
}

function beforeRetryOf(owner: string, beforeRetry: ResilientFetchOptions['beforeRetry']): RetryHooks['beforeRetry'] {
  checkOptionalFunction(owner, 'beforeRetry', beforeRetry);
  return (
    beforeRetry &&
    ((attempt, outcome, context) => changeableCallOf(context).prepare(beforeRetry, attempt, outcome, context))
  );
}

/** Returns a copy of the options and of the plain objects in them. */
function copy<T extends object>(options: T | false | undefined): T | false | undefined {
  if (options === undefined || options === false) return options;
  const isPlain = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  const entries = Object.entries(options).map(([name, value]) => [name, isPlain(value) ? { ...value } : value]);
  return Object.fromEntries(entries) as T;
}

/** Checks that the options of one policy are an object or false. The policy itself checks their content. */
function checkPart<T extends object>(
  owner: string,
  option: string,
  value: T | false | undefined,
): T | false | undefined {
  if (value === undefined || value === false || (typeof value === 'object' && value !== null)) return value;
  throw new InvalidOptionError(owner, option, 'must be an object of options, or false', value);
}

function checkHedge(owner: string, hedge: RequestHedging): RequestHedging {
  if (typeof hedge?.forKey === 'function') return hedge;
  throw new InvalidOptionError(owner, 'hedge', 'must be the result of hedge() of "breakwater/hedge"', hedge);
}

/** Returns the options with a budget, which all policies that are made from them share. */
function withBudget(options: FetchRetryOptions | undefined, clock: Clock): FetchRetryOptions {
  const given = { budget: undefined, ...options }; // without inherited properties
  const { budget = new RetryBudget({ counts: 'failed', clock }) } = given;
  return { ...given, budget };
}

function maxRetryAfterOf(options: FetchRetryOptions): number {
  const { maxRetryAfter = '30s' } = { maxRetryAfter: undefined, ...options };
  return toMs('retry', 'maxRetryAfter', maxRetryAfter, { orInfinity: true });
}

/**
 * Creates a backoff that adds a jittered delay to the `Retry-After`, since all clients with the same `Retry-After`
 * would otherwise retry at the same time.
 */
function retryAfterWithJitter(): Backoff {
  const jittered = exponentialBackoff();
  return (event) => (retryAfterMs(event.outcome) ?? 0) + (jittered(event) ?? 0);
}
