/**
 * Every error of this package: a stable `code`, the name of the policy that made it, and what the caller needs to act.
 * Recognise them with `isResilienceError(error, code)`; it also works when two copies of the package are loaded.
 */

import { formatValue, safeGet, truncate } from './inspect.js';

const BRAND = Symbol.for('breakwater.error');
const BRANDED = { value: true };

export type ResilienceErrorCode = keyof ResilienceErrors;

/** Which class carries which code. */
export interface ResilienceErrors {
  ERR_CIRCUIT_OPEN: CircuitOpenError;
  ERR_BULKHEAD_FULL: BulkheadFullError;
  ERR_QUEUE_TIMEOUT: QueueTimeoutError;
  ERR_RATE_LIMITED: RateLimitedError;
  ERR_TIMEOUT: TimeoutError;
  ERR_CLOSED: ClosedError;
  ERR_NO_HEALTHY_NODE: NoHealthyNodeError;
  ERR_LOST_WRITES: LostWritesError;
  ERR_INVALID_OPTION: InvalidOptionError;
}

/** What every error of ours is made from. */
export interface ResilienceErrorInit {
  /** The name of the policy that refused or gave up. */
  readonly policy: string;
  /** The failure behind this one, if there is one. */
  readonly cause?: unknown;
}

/**
 * The base of all errors of this package, `InvalidOptionError` included (which is a `TypeError` at the same time).
 *
 * Across `structuredClone` and `postMessage` every error loses its class, its name and its own fields, `code` among them: that
 * is how the platforms copy errors. Send `{ code: error.code, message: error.message }` instead.
 *
 * A refusal is part of normal work when a dependency is down, so it carries no stack: collecting one costs ten times
 * what the refusal itself does. Set `ResilienceError.captureStack = true` while hunting for the place that refused.
 */
export abstract class ResilienceError extends Error {
  /** Whether errors of this package collect a stack trace. @defaultValue false */
  declare static captureStack: boolean | undefined;

  /** True for every branded error, those of another copy of this package included. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return this === ResilienceError
      ? isResilienceError(value)
      : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  abstract readonly code: ResilienceErrorCode;
  /** The name of the policy that refused or gave up. */
  readonly policy: string;

  constructor(message: string, init: ResilienceErrorInit) {
    const limit = ResilienceError.captureStack ? undefined : suspendStackTraces();
    super(message, 'cause' in init ? { cause: init.cause } : undefined);
    if (limit !== undefined) V8Error.stackTraceLimit = limit;
    this.policy = init.policy;
    // Of all of them at once, when there is a first one: a property of each would cost as much as the error itself, and a
    // computed key in the class would keep it in every bundle.
    if (!(BRAND in this)) Object.defineProperty(ResilienceError.prototype, BRAND, BRANDED);
  }
}

/** Refused by a breaker that is open or isolated, or half-open with every probe taken. */
export class CircuitOpenError extends ResilienceError {
  readonly code = 'ERR_CIRCUIT_OPEN';
  /** Milliseconds until the breaker may let a call through again; `Infinity` when only a person will decide that. */
  readonly retryAfterMs: number;

  constructor(init: ResilienceErrorInit & { readonly retryAfterMs: number }) {
    super(`The circuit of ${formatValue(init.policy)} is open`, init);
    this.retryAfterMs = init.retryAfterMs;
  }

  override get name(): string {
    return 'CircuitOpenError';
  }
}

/** No free slot, and no place left in the queue. */
export class BulkheadFullError extends ResilienceError {
  readonly code = 'ERR_BULKHEAD_FULL';

  constructor(init: ResilienceErrorInit) {
    super(`${formatValue(init.policy)} is full: no slot and no place in its queue`, init);
  }

  override get name(): string {
    return 'BulkheadFullError';
  }
}

/** Waited in a queue for longer than `queueTimeout`. */
export class QueueTimeoutError extends ResilienceError {
  readonly code = 'ERR_QUEUE_TIMEOUT';
  /** How long the call had waited, in milliseconds. */
  readonly timeoutMs: number;

  constructor(init: ResilienceErrorInit & { readonly timeoutMs: number }) {
    super(`Waited ${init.timeoutMs} ms for a slot of ${formatValue(init.policy)}`, init);
    this.timeoutMs = init.timeoutMs;
  }

  override get name(): string {
    return 'QueueTimeoutError';
  }
}

/** What a rate limiter answered. */
export interface Decision {
  readonly allowed: boolean;
  /** The most that can pass at once. */
  readonly limit: number;
  /** What is left of it now: an integer in [0, limit]. */
  readonly remaining: number;
  /** Milliseconds after which the same call would pass if nobody else takes; 0 when allowed. */
  readonly retryAfterMs: number;
  /** Milliseconds until the limiter is as good as new. */
  readonly resetAfterMs: number;
  /** Of several limiters combined: the index of the one that bound. */
  readonly limitedBy?: number | undefined;
}

/** Refused by a rate limiter. */
export class RateLimitedError extends ResilienceError {
  readonly code = 'ERR_RATE_LIMITED';
  readonly decision: Decision;

  constructor(init: ResilienceErrorInit & { readonly decision: Decision }) {
    super(`${formatValue(init.policy)} allows no more calls for now`, init);
    this.decision = init.decision;
  }

  /** Milliseconds after which the call would pass if nobody else takes. */
  get retryAfterMs(): number {
    return this.decision.retryAfterMs;
  }

  override get name(): string {
    return 'RateLimitedError';
  }
}

/** A write that was accepted and is not in the store, or nobody knows whether it is. */
export type LostWrite<K = unknown, V = unknown> = (
  | { readonly type: 'set'; readonly key: K; readonly value: V }
  | { readonly type: 'delete'; readonly key: K }
) & {
  /** Its last failure, or why there was no time for one. */
  readonly error: unknown;
};

/** Writes were accepted and are not in the store; the first one's failure is its `cause`. */
export class LostWritesError<K = unknown, V = unknown> extends ResilienceError {
  readonly code = 'ERR_LOST_WRITES';
  readonly lost: readonly LostWrite<K, V>[];

  constructor(init: ResilienceErrorInit & { readonly lost: readonly LostWrite<K, V>[] }) {
    const { policy, lost } = init;
    super(`${formatValue(policy)} has lost ${lost.length} ${lost.length === 1 ? 'write' : 'writes'}`, {
      policy,
      cause: lost[0]?.error,
    });
    this.lost = lost;
  }

  override get name(): string {
    return 'LostWritesError';
  }
}

/** Our timer was first. */
export class TimeoutError extends ResilienceError {
  readonly code = 'ERR_TIMEOUT';
  /** The timeout that ran out, in milliseconds. */
  readonly timeoutMs: number;
  /**
   * For how many milliseconds, as far as is known, this process's event loop was blocked while the call waited; 0 if it was
   * not, or not for long (10 ms, or a tenth of the timeout if that is more). Above 0 the timeout is no evidence against the
   * dependency: it may be retried, but circuit breakers and outlier detection do not count it.
   */
  readonly stalledMs: number;

  constructor(init: ResilienceErrorInit & { readonly timeoutMs: number; readonly stalledMs?: number | undefined }) {
    super(`${formatValue(init.policy)} timed out after ${init.timeoutMs} ms`, init);
    this.timeoutMs = init.timeoutMs;
    this.stalledMs = init.stalledMs ?? 0;
  }

  override get name(): string {
    return 'TimeoutError';
  }
}

/** Used after `close()` or dispose. */
export class ClosedError extends ResilienceError {
  readonly code = 'ERR_CLOSED';

  constructor(init: ResilienceErrorInit) {
    super(`${formatValue(init.policy)} is closed`, init);
  }

  override get name(): string {
    return 'ClosedError';
  }
}

/** A load balancer had no node to pick. */
export class NoHealthyNodeError extends ResilienceError {
  readonly code = 'ERR_NO_HEALTHY_NODE';

  constructor(init: ResilienceErrorInit) {
    super(`${formatValue(init.policy)} has no healthy node`, init);
  }

  override get name(): string {
    return 'NoHealthyNodeError';
  }
}

/** An argument that cannot work. Thrown where it was given, before anything has started. */
export class InvalidOptionError extends TypeError {
  readonly code = 'ERR_INVALID_OPTION';
  /** The factory or class that was given the option. */
  readonly owner: string;
  readonly option: string;
  readonly value: unknown;

  /** @param rule - completes the sentence: `must be an integer ≥ 1`. */
  constructor(owner: string, option: string, rule: string, value: unknown) {
    super(`${truncate(owner)}: "${truncate(option)}" ${rule}, got ${formatValue(value)}`);
    this.owner = owner;
    this.option = option;
    this.value = value;
    Object.defineProperty(this, BRAND, BRANDED);
  }

  /** The same as `owner`, so that every error of this package has it. */
  get policy(): string {
    return this.owner;
  }

  override get name(): string {
    return 'InvalidOptionError';
  }
}

/** Whether `error` is ours, and, given a `code`, which one. */
export function isResilienceError(error: unknown): error is ResilienceErrors[ResilienceErrorCode];
export function isResilienceError<C extends ResilienceErrorCode>(error: unknown, code: C): error is ResilienceErrors[C];
export function isResilienceError(error: unknown, code?: ResilienceErrorCode): boolean {
  if (typeof error !== 'object' || error === null || safeGet(error, BRAND) !== true) return false;
  return code === undefined || safeGet(error, 'code') === code;
}

/** Whether a call timed out while our own event loop was blocked, which says nothing of the dependency. */
export function isStalledTimeout(error: unknown): boolean {
  return isResilienceError(error, 'ERR_TIMEOUT') && Number(safeGet(error, 'stalledMs')) > 0;
}

const V8Error = Error as { stackTraceLimit?: number };

/** Turns stack collection off; gives the limit to put back, or undefined where there is none or it cannot be set. */
function suspendStackTraces(): number | undefined {
  const limit = V8Error.stackTraceLimit;
  if (limit === undefined || limit === 0) return undefined;
  try {
    V8Error.stackTraceLimit = 0;
    return limit;
  } catch {
    return undefined; // frozen, as with --frozen-intrinsics
  }
}
