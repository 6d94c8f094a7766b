/**
 * The errors of this package. Each has a stable `code`, the name of the policy that created it, and the data that the
 * caller needs to react. Recognise an error with `isResilienceError(error, code)`, which also works when two copies of
 * the package are loaded.
 */

import { formatValue, safeGet, truncate } from './inspect.js';

const BRAND = Symbol.for('breakwater.error');
const BRANDED = { value: true };

/** The `code` of an error of this package. */
export type ResilienceErrorCode = keyof ResilienceErrors;

/** Maps each error code to its class. */
export interface ResilienceErrors {
  /** A circuit breaker rejected the call. */
  ERR_CIRCUIT_OPEN: CircuitOpenError;
  /** A bulkhead rejected the call. */
  ERR_BULKHEAD_FULL: BulkheadFullError;
  /** A call waited too long for a slot of a bulkhead. */
  ERR_QUEUE_TIMEOUT: QueueTimeoutError;
  /** A rate limiter rejected the call. */
  ERR_RATE_LIMITED: RateLimitedError;
  /** A call timed out. */
  ERR_TIMEOUT: TimeoutError;
  /** An object was used after it was closed. */
  ERR_CLOSED: ClosedError;
  /** A load balancer had no node to pick. */
  ERR_NO_HEALTHY_NODE: NoHealthyNodeError;
  /** Accepted writes are not in the store. */
  ERR_LOST_WRITES: LostWritesError;
  /** Work was rejected to protect an overloaded service. */
  ERR_SHED: ShedError;
  /** Too little time was left to start the work. */
  ERR_DEADLINE: DeadlineExceededError;
  /** Fault injection created the error. */
  ERR_CHAOS: ChaosError;
  /** An argument is invalid. */
  ERR_INVALID_OPTION: InvalidOptionError;
}

/** Fields that every error of this package is created from. */
export interface ResilienceErrorInit {
  /** The name of the policy that rejected the call or gave up. */
  readonly policy: string;
  /** The failure that led to this error, if there is one. */
  readonly cause?: unknown;
}

/**
 * Base class of all errors of this package. `InvalidOptionError` also passes `instanceof ResilienceError`, although it
 * extends `TypeError`.
 *
 * `structuredClone` and `postMessage` remove the class, the name and all own fields of an error, including `code`:
 * platforms copy errors like this. Send `{ code: error.code, message: error.message }` instead.
 *
 * Errors carry no stack trace by default. While a dependency is down, rejections are part of normal work, and
 * collecting a stack costs ten times as much as the rejection itself. Set `ResilienceError.captureStack = true` to find
 * the code that was rejected.
 */
export abstract class ResilienceError extends Error {
  /** Whether errors of this package collect a stack trace. @defaultValue false */
  declare static captureStack: boolean | undefined;

  /** Whether the value has the brand of this package's errors. Also true for errors of another copy of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return this === ResilienceError
      ? isResilienceError(value)
      : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  /** The stable error code, such as `ERR_TIMEOUT`. */
  abstract readonly code: ResilienceErrorCode;
  /** The name of the policy that rejected the call or gave up. */
  readonly policy: string;

  constructor(message: string, init: ResilienceErrorInit) {
    const limit = ResilienceError.captureStack ? undefined : suspendStackTraces();
    super(message, 'cause' in init ? { cause: init.cause } : undefined);
    if (limit !== undefined) V8Error.stackTraceLimit = limit;
    this.policy = init.policy;
    // The first error sets the brand on the prototype, for all errors. A property on each error would cost as much as
    // the error itself, and a computed key in the class would keep the class in every bundle.
    if (!(BRAND in this)) Object.defineProperty(ResilienceError.prototype, BRAND, BRANDED);
  }
}

/** A circuit breaker rejected the call: it is open or isolated, or it is half-open and all its probes are in use. */
export class CircuitOpenError extends ResilienceError {
  /** The error code `ERR_CIRCUIT_OPEN`. */
  readonly code = 'ERR_CIRCUIT_OPEN';
  /** Milliseconds until the breaker may admit a call again; `Infinity` if the breaker is isolated. */
  readonly retryAfterMs: number;

  constructor(init: ResilienceErrorInit & { readonly retryAfterMs: number }) {
    super(`The circuit of ${formatValue(init.policy)} is open`, init);
    this.retryAfterMs = init.retryAfterMs;
  }

  override get name(): string {
    return 'CircuitOpenError';
  }
}

/** A bulkhead rejected the call: all slots are in use and the queue is full. */
export class BulkheadFullError extends ResilienceError {
  /** The error code `ERR_BULKHEAD_FULL`. */
  readonly code = 'ERR_BULKHEAD_FULL';

  constructor(init: ResilienceErrorInit) {
    super(`${formatValue(init.policy)} is full: all slots and queue places are in use`, init);
  }

  override get name(): string {
    return 'BulkheadFullError';
  }
}

/** A call waited for a slot of a bulkhead longer than `queueTimeout`. */
export class QueueTimeoutError extends ResilienceError {
  /** The error code `ERR_QUEUE_TIMEOUT`. */
  readonly code = 'ERR_QUEUE_TIMEOUT';
  /** The queue timeout that has passed, in milliseconds. */
  readonly timeoutMs: number;

  constructor(init: ResilienceErrorInit & { readonly timeoutMs: number }) {
    super(`Waited ${init.timeoutMs} ms for a slot of ${formatValue(init.policy)}`, init);
    this.timeoutMs = init.timeoutMs;
  }

  override get name(): string {
    return 'QueueTimeoutError';
  }
}

/** The decision of a rate limiter about one call. */
export interface Decision {
  /** Whether the call may proceed. */
  readonly allowed: boolean;
  /** The largest cost that can be allowed at one time. */
  readonly limit: number;
  /** The part of `limit` that is left now: an integer in [0, limit]. */
  readonly remaining: number;
  /** Milliseconds until the same call would be allowed if no other call takes tokens; 0 if allowed. */
  readonly retryAfterMs: number;
  /** Milliseconds until the limiter is back in its initial state, if no call takes tokens. */
  readonly resetAfterMs: number;
  /** For a combination of limiters: the index of the limiter that decided. Undefined for a single limiter. */
  readonly limitedBy?: number | undefined;
}

/** A rate limiter rejected the call. */
export class RateLimitedError extends ResilienceError {
  /** The error code `ERR_RATE_LIMITED`. */
  readonly code = 'ERR_RATE_LIMITED';
  /** The decision of the limiter. */
  readonly decision: Decision;

  constructor(init: ResilienceErrorInit & { readonly decision: Decision }) {
    super(`${formatValue(init.policy)} allows no more calls for now`, init);
    this.decision = init.decision;
  }

  /** Milliseconds until the call would be allowed if no other call takes tokens. */
  get retryAfterMs(): number {
    return this.decision.retryAfterMs;
  }

  override get name(): string {
    return 'RateLimitedError';
  }
}

/** A write that was accepted but is not in the store, or whose result is unknown. */
export type LostWrite<K = unknown, V = unknown> = (
  | { readonly type: 'set'; readonly key: K; readonly value: V }
  | { readonly type: 'delete'; readonly key: K }
) & {
  /** The last error of the write, or the reason why it was not attempted. */
  readonly error: unknown;
};

/** Accepted writes are not in the store. `cause` is the error of the first of them. */
export class LostWritesError<K = unknown, V = unknown> extends ResilienceError {
  /** The error code `ERR_LOST_WRITES`. */
  readonly code = 'ERR_LOST_WRITES';
  /** The lost writes. */
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

/** A call took longer than a timeout of this package allows. */
export class TimeoutError extends ResilienceError {
  /** The error code `ERR_TIMEOUT`. */
  readonly code = 'ERR_TIMEOUT';
  /** The timeout that has passed, in milliseconds. */
  readonly timeoutMs: number;
  /**
   * Milliseconds for which this process's event loop is known to have been blocked while the call waited. 0 if it was
   * not blocked, or only briefly: up to 10 ms, or up to a tenth of the timeout if that is more. Above 0 the timeout is
   * no evidence against the dependency: the call may be retried, but circuit breakers and outlier detection do not
   * count it.
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

/** An object was used after `close()` or after it was disposed. */
export class ClosedError extends ResilienceError {
  /** The error code `ERR_CLOSED`. */
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
  /** The error code `ERR_NO_HEALTHY_NODE`. */
  readonly code = 'ERR_NO_HEALTHY_NODE';

  constructor(init: ResilienceErrorInit) {
    super(`${formatValue(init.policy)} has no healthy node`, init);
  }

  override get name(): string {
    return 'NoHealthyNodeError';
  }
}

/** Work was rejected to protect an overloaded service. The work has not started. */
export class ShedError extends ResilienceError {
  /** The error code `ERR_SHED`. */
  readonly code = 'ERR_SHED';
  /** What was overloaded, such as `'event-loop'`, `'memory'` or `'priority'`. */
  readonly reason: string;
  /** Milliseconds until another try makes sense. */
  readonly retryAfterMs: number;

  constructor(init: ResilienceErrorInit & { readonly reason: string; readonly retryAfterMs: number }) {
    super(`${formatValue(init.policy)} rejected the work to protect the service: ${init.reason}`, init);
    this.reason = init.reason;
    this.retryAfterMs = init.retryAfterMs;
  }

  override get name(): string {
    return 'ShedError';
  }
}

/** Work was not started, since too little time is left until its deadline. */
export class DeadlineExceededError extends ResilienceError {
  /** The error code `ERR_DEADLINE`. */
  readonly code = 'ERR_DEADLINE';
  /** The milliseconds that were left until the deadline; 0 if it had passed. */
  readonly remainingMs: number;

  constructor(init: ResilienceErrorInit & { readonly remainingMs: number }) {
    super(`${formatValue(init.policy)} did not start the work: ${init.remainingMs} ms are left`, init);
    this.remainingMs = init.remainingMs;
  }

  override get name(): string {
    return 'DeadlineExceededError';
  }
}

/**
 * A fault that fault injection created on purpose. Policies judge it like the error that it imitates, which is its
 * `cause`; without a `cause`, like the failure of a dependency.
 */
export class ChaosError extends ResilienceError {
  /** The error code `ERR_CHAOS`. */
  readonly code = 'ERR_CHAOS';
  /** The error that this one imitates; undefined for a failure without details. */
  readonly imitated: unknown;

  constructor(init: ResilienceErrorInit) {
    const imitated = unwrapImitation(init.cause);
    super(`${formatValue(init.policy)} injected a fault${detailsOf(imitated)}`, init);
    this.imitated = imitated;
  }

  override get name(): string {
    return 'ChaosError';
  }
}

/** An argument is invalid. Thrown by the function that received it, before anything has started. */
export class InvalidOptionError extends TypeError {
  /** The error code `ERR_INVALID_OPTION`. */
  readonly code = 'ERR_INVALID_OPTION';
  /** The factory or class that received the option. */
  readonly owner: string;
  /** The name of the option, such as `maxAttempts`. */
  readonly option: string;
  /** The value that was received. */
  readonly value: unknown;

  /** @param rule - completes the sentence in the message: `must be an integer ≥ 1`. */
  constructor(owner: string, option: string, rule: string, value: unknown) {
    super(`${truncate(owner)}: "${truncate(option)}" ${rule}, got ${formatValue(value)}`);
    this.owner = owner;
    this.option = option;
    this.value = value;
    Object.defineProperty(this, BRAND, BRANDED);
  }

  /** The same as `owner`, so that every error of this package has a `policy`. */
  get policy(): string {
    return this.owner;
  }

  override get name(): string {
    return 'InvalidOptionError';
  }
}

/**
 * Whether `error` is an error of this package and, if `code` is given, has that code. Never throws.
 *
 * @example
 * ```ts
 * const error: unknown = await timeout(10).execute(() => sleep(20)).catch((reason: unknown) => reason);
 * if (isResilienceError(error, 'ERR_TIMEOUT')) console.log(`timed out after ${error.timeoutMs} ms`);
 * ```
 */
export function isResilienceError(error: unknown): error is ResilienceErrors[ResilienceErrorCode];
export function isResilienceError<C extends ResilienceErrorCode>(error: unknown, code: C): error is ResilienceErrors[C];
export function isResilienceError(error: unknown, code?: ResilienceErrorCode): boolean {
  if (typeof error !== 'object' || error === null || safeGet(error, BRAND) !== true) return false;
  return code === undefined || safeGet(error, 'code') === code;
}

/**
 * Returns the error that an injected error imitates, and any other error itself. All code that judges errors reads
 * through it. It compares no code of an error, so that a program without fault injection contains nothing of it.
 */
export function unwrapImitation(error: unknown): unknown {
  return isResilienceError(error) && 'imitated' in error ? error.imitated : error;
}

/** Returns the end of a message about an error with a message of its own. */
function detailsOf(error: unknown): string {
  const message = typeof error === 'object' && error !== null ? safeGet(error, 'message') : undefined;
  return typeof message === 'string' && message !== '' ? `: ${truncate(message)}` : '';
}

/**
 * Whether a call timed out while this process's event loop was blocked. Such a timeout is no evidence against the
 * dependency.
 */
export function isStalledTimeout(error: unknown): boolean {
  return isResilienceError(error, 'ERR_TIMEOUT') && Number(safeGet(error, 'stalledMs')) > 0;
}

const V8Error = Error as { stackTraceLimit?: number };

/** Turns stack collection off. Returns the limit to restore, or undefined if there is none or it cannot be set. */
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
