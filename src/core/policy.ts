import { AbortLink, AbortScope, checkSignal, scopeOf } from './abort-scope.js';
import { type AmbientContext, ambientContext, reserveAmbientSlot } from './ambient.js';
import type { CallContext, Operation } from './call-context.js';
import type { Clock } from './clock.js';
import { type CallTerms, Context, callOperation, DEFAULT_TERMS, type Next, type PolicyContext } from './context.js';
import { DeadlineList } from './deadline-list.js';
import { type Duration, toMs } from './duration.js';
import { InvalidOptionError } from './errors.js';
import {
  checkBoolean,
  checkCallOptions,
  checkFunction,
  checkNumber,
  checkString,
  NOTHING,
  unpolluted,
} from './options.js';
import type { Classify, Outcome } from './outcome.js';
import { runTimed } from './timed-scope.js';

/** Options of one call of an operation that returns a `T`. Properties inherited from `Object.prototype` are ignored. */
export interface CallOptions<T = unknown> {
  /**
   * Aborts the call when the signal aborts: the promise rejects immediately with the signal's abort reason.
   * @defaultValue none
   */
  readonly signal?: AbortSignal | null | undefined;
  /**
   * Total timeout of this call in milliseconds or as a duration string; above 0, `Infinity` for none. Unlike a
   * `timeout` policy, it is never extended when this process's event loop was blocked.
   * @defaultValue Infinity
   */
  readonly timeout?: Duration | undefined;
  /**
   * Judges the outcomes of this call, in every policy that has no `classify` of its own.
   * @defaultValue `defaultClassify`
   */
  readonly classify?: Classify<T> | undefined;
  /**
   * Priority of the call: a finite number, 0 is the most important. Bulkheads admit waiters in this order.
   * @defaultValue 5
   */
  readonly priority?: number | undefined;
  /** The key by which `keyed` policies, limiters and `coalesce` distinguish calls. @defaultValue none */
  readonly key?: string | undefined;
  /**
   * Whether the operation may run more than once. If false, `retry` makes one attempt, even if its `maxAttempts` is
   * higher. Set it to false for an operation that is not idempotent.
   * @defaultValue true
   */
  readonly repeatable?: boolean | undefined;
}

/** The description of a policy: its kind, name and settings, for `explain` and for telemetry. */
export interface PolicyDescription {
  /** The pattern, as its factory is called: `retry`, for example. */
  readonly kind: string;
  /** The name of the policy, as in its errors. */
  readonly name: string;
  /** The policies inside this one, outermost first. Undefined for a policy that contains no others. */
  readonly policies?: readonly PolicyDescription[] | undefined;
  /** Settings of the policy. Durations are in milliseconds. */
  readonly [setting: string]: unknown;
}

/**
 * A policy: a way to run an operation. `Adds` is the type of values that the policy itself may return, such as a
 * fallback's value.
 */
export interface Policy<out Adds = never> {
  /** The name of the policy in errors, events and descriptions. */
  readonly name: string;
  /** The clock that measures the times of this policy. All members of a pipeline must use the same one. */
  readonly clock: Clock;
  /**
   * Runs the operation under this policy. Never throws: every error is a rejection of the returned promise. When the
   * call is aborted, the promise rejects immediately with the abort reason, even if the operation ignores its signal
   * and continues.
   */
  execute<T>(operation: (context: CallContext) => T | PromiseLike<T>, options?: CallOptions<T>): Promise<T | Adds>;
  /**
   * Runs the operation as `execute` does, and returns the outcome: a value or an error. An error of the operation, a
   * rejection by a policy and an abort are outcomes, so the promise never rejects.
   *
   * @example
   * ```ts
   * const outcome = await retry().attempt(() => fetch('https://example.com'));
   * console.log(outcome.ok ? outcome.value.status : outcome.error);
   * ```
   */
  attempt<T>(
    operation: (context: CallContext) => T | PromiseLike<T>,
    options?: CallOptions<T>,
  ): Promise<Outcome<T | Adds>>;
  /**
   * Returns a function with the same type that runs the asynchronous function `fn` under this policy: overloads and type
   * parameters are kept. `this` and the arguments are passed to `fn`. Properties of `fn` are not copied. Only for
   * policies that add no value of their own.
   */
  wrap<F extends (...args: never[]) => Promise<unknown>>(this: Policy, fn: F): F;
  /**
   * Returns a function with the same parameters that runs `fn` under this policy. `this` and the arguments are passed
   * to `fn`.
   */
  wrap<This, A extends unknown[], T>(
    fn: (this: This, ...args: A) => T | PromiseLike<T>,
  ): (this: This, ...args: A) => Promise<T | Adds>;
  /** Runs one step of a pipeline. For code that combines policies without `pipeline`; other callers use `execute`. */
  run(next: Next, context: PolicyContext): Promise<unknown>;
  /** Returns the kind, name and settings of this policy. */
  describe(): PolicyDescription;
  /** Carries `Adds` for type inference; never set at run time. */
  readonly '~adds'?: { readonly type: Adds };
}

/** Base class of all policies: implements `execute` and `wrap` on top of `run`. */
export abstract class BasePolicy<out Adds = never> implements Policy<Adds> {
  declare readonly '~adds'?: { readonly type: Adds };
  readonly name: string;
  readonly clock: Clock;

  constructor(name: string, clock: Clock) {
    reserveAmbientSlot();
    this.name = name;
    this.clock = clock;
  }

  /** Runs one step of a pipeline. Never throws, unlike a policy that a user has written: every error is a rejection. */
  abstract run(next: Next, context: PolicyContext): Promise<unknown>;
  abstract describe(): PolicyDescription;

  /**
   * Adopts the rules object of another member of the same family if the rules are equal, so that thousands of members
   * share one object.
   */
  shareRules(_sibling: BasePolicy<unknown>): void {}

  /** Returns the clock that a call with these options runs on. */
  clockOf(_options: CallOptions): Clock {
    return this.clock;
  }

  /**
   * Runs the operation. Without options nothing here can throw, so no try block is needed: on Node 20, one costs half
   * as much as a call.
   */
  execute<T>(operation: (context: CallContext) => T | PromiseLike<T>, options?: CallOptions<T>): Promise<T | Adds> {
    const ambient = ambientContext();
    if (options !== undefined || ambient !== undefined || typeof operation !== 'function') {
      return this.#executeWith(operation, options, ambient);
    }
    return this.run(callOperation, new Context(this.clock, operation, DEFAULT_TERMS)) as Promise<T | Adds>;
  }

  attempt<T>(
    operation: (context: CallContext) => T | PromiseLike<T>,
    options?: CallOptions<T>,
  ): Promise<Outcome<T | Adds>> {
    return this.execute(operation, options).then(
      (value) => ({ ok: true, value }),
      (error: unknown) => ({ ok: false, error }),
    );
  }

  #executeWith<T>(
    operation: Operation<T>,
    options: CallOptions<T> = {},
    ambient: AmbientContext | undefined,
  ): Promise<T | Adds> {
    try {
      return startCall(this, operation, options as CallOptions, ambient) as Promise<T | Adds>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Internal: runs an operation in a nested abort scope, for `runWithPolicy`. Returns undefined if the scope belongs to
   * another copy of this package.
   */
  '~runInScope'(
    operation: Operation,
    outer: AbortScope | undefined,
    key: string | undefined,
  ): Promise<unknown> | undefined {
    if (this.execute !== BasePolicy.prototype.execute) return undefined;
    if (outer !== undefined && !(outer instanceof AbortScope)) return undefined;
    if (outer?.reason !== undefined) return Promise.reject(outer.reason);
    const scope = outer && new AbortScope(outer);
    const terms = key === undefined ? DEFAULT_TERMS : { ...DEFAULT_TERMS, key };
    const context = new Context(this.clockOf({ key }), operation, terms, 1, undefined, scope);
    const running = runPolicy(this, callOperation, context);
    return scope === undefined ? running : leaveAfter(running, scope);
  }

  wrap<F extends (...args: never[]) => Promise<unknown>>(this: Policy, fn: F): F;
  wrap<This, A extends unknown[], T>(
    fn: (this: This, ...args: A) => T | PromiseLike<T>,
  ): (this: This, ...args: A) => Promise<T | Adds>;
  wrap<This, A extends unknown[], T>(
    fn: (this: This, ...args: A) => T | PromiseLike<T>,
  ): (this: This, ...args: A) => Promise<T | Adds> {
    checkFunction(this.name, 'fn', fn);
    const policy = this;
    return function wrapped(this: This, ...args: A): Promise<T | Adds> {
      return policy.execute(() => fn.apply(this, args));
    };
  }
}

function startCall(
  policy: BasePolicy<unknown>,
  operation: Operation,
  options: CallOptions,
  ambient: AmbientContext | undefined,
): Promise<unknown> {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError(policy.name, 'options', 'must be an object', options);
  }
  const owner = policy.name;
  if (hasUnknown(options)) checkCallOptions(owner, options, CALL_OPTIONS);
  const {
    signal = null,
    timeout,
    classify,
    priority,
    key,
    repeatable,
  } = isPolluted() ? unpolluted(options, CALL_OPTIONS) : options;
  const terms: CallTerms = {
    classify: classify === undefined ? DEFAULT_TERMS.classify : checkFunction(owner, 'classify', classify),
    priority:
      priority === undefined ? (ambient?.priority ?? DEFAULT_TERMS.priority) : checkNumber(owner, 'priority', priority),
    key: key === undefined ? undefined : checkString(owner, 'key', key),
    repeatable: repeatable === undefined ? true : checkBoolean(owner, 'repeatable', repeatable),
  };
  const clock = policy.clockOf(options);
  checkFunction(owner, 'operation', operation);
  const timeoutMs = timeout === undefined ? Infinity : toMs(owner, 'timeout', timeout, { orInfinity: true });
  if (checkSignal(owner, signal)?.aborted) return Promise.reject(signal?.reason);
  const rejection = ambient?.['~rejection'](owner);
  if (rejection !== undefined) return Promise.reject(rejection);
  const scope = scopeWithin(signal, ambient?.['~scope']);
  const context = new Context(clock, operation, terms, 1, ambient?.['~deadlineOn'](clock), scope);
  const running =
    timeoutMs === Infinity
      ? runPolicy(policy, callOperation, context)
      : runTimed((inner) => runPolicy(policy, callOperation, inner), context, totalTime(clock, timeoutMs), policy);
  return scope === undefined ? running : leaveAfter(running, scope);
}

/** Returns a scope that the signal and the request context end; undefined if nothing can end it. */
function scopeWithin(signal: AbortSignal | null, ambient: AbortScope | undefined): AbortScope | undefined {
  if (signal === null) return ambient && new AbortScope(ambient);
  return ambient === undefined ? new AbortScope(scopeOf(signal)) : new LinkedScope(scopeOf(signal), ambient);
}

/** A scope inside two others: the abort of either ends it. */
class LinkedScope extends AbortScope {
  readonly #link = new AbortLink(this);

  constructor(outer: AbortScope, other: AbortScope) {
    super(outer);
    other.enter(this.#link);
  }

  override leave(): void {
    super.leave();
    this.#link.leave();
  }
}

/**
 * Settles as the call does, after the call has left its abort scope. If the call was aborted, rejects with the abort
 * reason.
 */
function leaveAfter(running: Promise<unknown>, scope: AbortScope): Promise<unknown> {
  return running.then(
    (value) => {
      scope.leave();
      return value;
    },
    (error) => {
      scope.leave();
      throw scope.reason === undefined ? error : scope.reason;
    },
  );
}

const CALL_OPTIONS = ['signal', 'timeout', 'classify', 'priority', 'key', 'repeatable'] as const;

/** Whether an option has an unknown name. The comparison with constants takes a third of the time of a list's search. */
function hasUnknown(options: CallOptions): boolean {
  for (const name in options) {
    switch (name) {
      case 'signal':
      case 'timeout':
      case 'classify':
      case 'priority':
      case 'key':
      case 'repeatable':
        continue;
    }
    return true;
  }
  return false;
}

/** Whether `Object.prototype` has a property with the name of a call option. */
function isPolluted(): boolean {
  const { signal, timeout, classify, priority, key, repeatable } = NOTHING;
  return (signal ?? timeout ?? classify ?? priority ?? key ?? repeatable) !== undefined;
}

function totalTime(clock: Clock, timeoutMs: number): DeadlineList {
  return new DeadlineList(clock, timeoutMs, TOTAL);
}

const TOTAL = { compensatesStalls: false };

/**
 * Runs one policy of a chain and always returns a promise. A policy that a user has written may throw or return a plain
 * value.
 */
export function runPolicy(policy: Policy<unknown>, next: Next, context: PolicyContext): Promise<unknown> {
  try {
    const result = policy.run(next, context);
    return result instanceof Promise ? result : Promise.resolve(result);
  } catch (error) {
    return Promise.reject(error);
  }
}
