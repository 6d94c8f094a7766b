import { bulkhead } from '../bulkhead/index.js';
import { type CircuitBreaker, type CircuitBreakerOptions, circuitBreaker } from '../circuit-breaker/index.js';
import { exponentialBackoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import type { PolicyContext } from '../core/context.js';
import { definePolicy } from '../core/define-policy.js';
import { InvalidOptionError } from '../core/errors.js';
import type { RequestHedging } from '../core/hedging.js';
import { checkMethods, checkOneOf, checkOptionalFunction } from '../core/options.js';
import type { Classify } from '../core/outcome.js';
import type { Policy } from '../core/policy.js';
import type { Random } from '../core/random.js';
import { type Keyed, keyed } from '../keyed/index.js';
import { pipeline } from '../pipeline/index.js';
import { observeRateLimitHeaders } from '../rate-limit/server-limit.js';
import { changeableCallOf } from './before-retry.js';
import type { KeySnapshot } from './control.js';
import type { UnreadResponses } from './discard.js';
import { bodyGuardOf } from './guarded-body.js';
import { type KeyLimits, type Limits, limitsFor } from './key-limits.js';
import type { FetchBulkheadOptions, FetchLimit, ResilientFetchListeners, ResilientFetchOptions } from './options.js';
import { isReturned } from './pacing/pacing-gates.js';

/** What the policies of all keys are made from. */
export interface KeySettings {
  /** The function that the caller has called, for errors. */
  readonly owner: string;
  readonly circuitBreaker: ResilientFetchOptions['circuitBreaker'];
  readonly bulkhead: ResilientFetchOptions['bulkhead'];
  readonly limit: ResilientFetchOptions['limit'];
  readonly limits: Limits | undefined;
  readonly bodyTimeoutMs: number;
  /** The policy that hedges requests, and how; undefined if requests are not hedged. */
  readonly hedging: Hedging | undefined;
  readonly on: ResilientFetchListeners;
  readonly clock: Clock;
  readonly random: Random;
}

/** The hedges of requests. */
export interface Hedging {
  readonly policy: RequestHedging;
  readonly unread: UnreadResponses;
}

/** The policies of one key. */
interface KeyPolicies {
  readonly breaker: CircuitBreaker | undefined;
  readonly slots: Slots | undefined;
  readonly limits: KeyLimits;
}

/** The limit of concurrent attempts of a key, and the policy that takes its slots. */
interface Slots {
  readonly limit: SlotLimit;
  readonly policy: Policy;
}

/** A bulkhead, or the limit of the caller. */
type SlotLimit = Pick<FetchLimit, 'active' | 'queued' | 'acquire' | 'on'> & Policy & { readonly limit?: number };

/** The hedge, the circuit breaker, the rate limits and the bulkhead or adaptive limit of each key. */
export class KeyFamily {
  /** The policies of the key of each call. */
  readonly policy: Keyed<Policy>;
  readonly #settings: KeySettings;
  readonly #parts = new WeakMap<Policy, KeyPolicies>();

  /** Checks the options: otherwise an invalid one would be reported when a key is used for the first time. */
  constructor(settings: KeySettings) {
    this.#settings = { ...settings, circuitBreaker: withoutReturned(settings.circuitBreaker) };
    const key = 'the check of the options';
    hedgeFor(settings);
    checkOptionalFunction(settings.owner, 'limit', settings.limit);
    if (settings.limit !== undefined && settings.bulkhead !== undefined && settings.bulkhead !== false) {
      throw new InvalidOptionError(settings.owner, 'bulkhead', 'has no effect beside "limit"', settings.bulkhead);
    }
    breakerFor(key, this.#settings);
    if (settings.limit === undefined) slotsFor(key, this.#settings);
    this.policy = keyed((key) => this.#policiesFor(key), { clock: settings.clock });
  }

  /** Policies with the same settings as those of any key, for `explain`. They are never used. */
  get sample(): readonly Policy[] {
    const key = 'explain';
    const settings = this.#settings;
    const sample = [hedgeFor(settings), breakerFor(key, settings), slotsFor(key, settings)?.policy];
    return sample.filter((policy) => policy !== undefined);
  }

  /** Returns the milliseconds until the server admits a request of a key by what it has announced; 0 if it does. */
  announcedMs(key: string): number {
    return this.#partsOf(this.policy.peek(key))?.limits.server?.peek().retryAfterMs ?? 0;
  }

  /** Rejects all calls of a key until the result is disposed. */
  isolate(key: string): Disposable {
    const breaker = this.#partsOf(this.policy.for(key))?.breaker;
    if (breaker !== undefined) return breaker.isolate();
    throw new InvalidOptionError(
      this.#settings.owner,
      'circuitBreaker',
      'must not be false: "isolate" needs a breaker',
      false,
    );
  }

  /** Closes the breaker of a key, and forgets what its server has announced. Has no effect for an unknown key. */
  reset(key: string): void {
    const parts = this.#partsOf(this.policy.peek(key));
    parts?.breaker?.reset();
    parts?.limits.server?.reset();
  }

  /** Returns the state of each key. */
  snapshots(): KeySnapshot[] {
    return [...this.policy.keys()].flatMap((key) => {
      const parts = this.#partsOf(this.policy.peek(key));
      return parts === undefined ? [] : [snapshotOf(key, parts)];
    });
  }

  #partsOf(policy: Policy | undefined): KeyPolicies | undefined {
    return policy && this.#parts.get(policy);
  }

  #policiesFor(key: string): Policy {
    const { limits: settings, on, clock } = this.#settings;
    const breaker = breakerFor(key, this.#settings);
    const slots = slotsFor(key, this.#settings);
    const limits = limitsFor(key, settings, on, clock);
    const listener = limits.server && observeRateLimitHeaders(limits.server, key, clock);
    const members = [hedgeFor(this.#settings), breaker, ...limits.policies, slots?.policy, listener];
    const policy = pipeline(...members.filter((member) => member !== undefined));
    this.#parts.set(policy, { breaker, slots, limits });
    return policy;
  }
}

function snapshotOf(key: string, { breaker, slots, limits }: KeyPolicies): KeySnapshot {
  const { limiter, server } = limits;
  return {
    key,
    circuitBreaker: breaker && { state: breaker.state, ...breaker.stats },
    bulkhead: slots && { active: slots.limit.active, queued: slots.limit.queued },
    limit: slots?.limit.limit,
    limiter: limiter?.peek(),
    serverLimit: server?.peek(),
    pacing: undefined,
  };
}

/** Wraps the `classify` of the breakers, which must not judge attempts that were returned to the pacing gate. */
function withoutReturned(options: KeySettings['circuitBreaker']): CircuitBreakerOptions | false {
  if (options === false) return false;
  const { classify: own } = { classify: undefined, ...options };
  checkOptionalFunction('circuitBreaker', 'classify', own);
  return { ...options, classify: ignoringReturned(own) };
}

/** Returns a judgement under which an attempt that was returned to the pacing gate says nothing. */
function ignoringReturned(own: Classify | undefined): Classify {
  return (outcome, context) =>
    isReturned(outcome) ? 'ignore' : (own ?? (context as PolicyContext).classify)(outcome, context);
}

/** Creates the hedge of a key. It is outside the breaker and the bulkhead, so that each hedge passes them. */
function hedgeFor({ hedging, clock }: KeySettings): Policy | undefined {
  return hedging?.policy.forKey({
    clock,
    classify: ignoringReturned,
    isSafe: (context) => changeableCallOf(context as PolicyContext).mayOverlap,
    discard: (response) => hedging.unread.discard(response as Response),
  });
}

function breakerFor(key: string, settings: KeySettings): CircuitBreaker | undefined {
  const { circuitBreaker: options, on, clock, random } = settings;
  if (options === false) return undefined;
  const { openFor = defaultOpenFor() } = { openFor: undefined, ...options };
  const breaker = circuitBreaker({ name: key, ...options, openFor, clock, random });
  if (on.stateChange) breaker.on('stateChange', (event) => on.stateChange?.({ key, ...event }));
  if (on.reject) breaker.on('reject', (event) => on.reject?.({ key, by: 'circuit-breaker', event }));
  return breaker;
}

/** Short pauses: a probe costs one request, and each second without one costs all calls after a recovery. */
const defaultOpenFor = () => exponentialBackoff({ initial: '1s', max: '2s', jitter: 'equal' });

function slotsFor(key: string, settings: KeySettings): Slots | undefined {
  const { owner, bulkhead: options, limit: limitOf, on, clock } = settings;
  const slots = limitOf === undefined ? bulkheadFor(key, options, clock) : limitFor(owner, key, limitOf, clock);
  if (slots === undefined) return undefined;
  const { limit, holdUntil } = slots;
  if (on.reject) limit.on('reject', (event) => on.reject?.({ key, by: 'bulkhead', event }));
  const option = limitOf === undefined ? 'bulkhead.holdUntil' : 'limit.holdUntil';
  if (checkOneOf(owner, option, holdUntil, ['headers', 'body']) === 'headers') return { limit, policy: limit };
  if (settings.bodyTimeoutMs < Infinity) return { limit, policy: untilBodyEnd(limit, clock) };
  const rule = `can be 'body' only with "bodyTimeout": otherwise a body that is never read would hold its slot for ever`;
  throw new InvalidOptionError(owner, option, rule, holdUntil);
}

/** A limit, and when an attempt releases its slot. */
interface HeldLimit {
  readonly limit: SlotLimit;
  readonly holdUntil: 'headers' | 'body';
}

function bulkheadFor(key: string, options: KeySettings['bulkhead'], clock: Clock): HeldLimit | undefined {
  if (options === false) return undefined;
  const defaults = { holdUntil: undefined, maxConcurrent: undefined, maxQueue: undefined };
  const { holdUntil = 'headers', ...own }: FetchBulkheadOptions = { ...defaults, ...options };
  const { maxConcurrent = 256, maxQueue = 1024 } = own;
  return { limit: bulkhead({ name: key, ...own, maxConcurrent, maxQueue, clock }), holdUntil };
}

function limitFor(owner: string, key: string, limitOf: NonNullable<KeySettings['limit']>, clock: Clock): HeldLimit {
  const limit = checkMethods(owner, 'limit', limitOf(key, { clock }), ['run', 'describe', 'acquire', 'on']);
  return { limit, holdUntil: limit.holdUntil };
}

/** Wraps a limit so that a slot is held until the body has been read, has failed, or was discarded. */
function untilBodyEnd(slots: SlotLimit, clock: Clock): Policy {
  return definePolicy({
    name: slots.name,
    clock,
    async run(next, context) {
      const permit = await slots.acquire({ signal: context.signal, priority: context.priority });
      try {
        const value = await next(context);
        const body = bodyGuardOf(value as Response);
        if (body === undefined) permit.release({ ok: true, value });
        else body.whenSourceEnded(() => permit.release({ ok: true, value }));
        return value;
      } catch (error) {
        permit.release(context.aborted ? undefined : { ok: false, error });
        throw error;
      }
    },
    describe: () => slots.describe(),
  });
}
