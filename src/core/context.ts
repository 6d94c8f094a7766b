/// <reference lib="esnext.disposable" preserve="true" />
import { AbortScope, resolvedPromise } from './abort-scope.js';
import type { CallContext, Operation } from './call-context.js';
import type { Clock } from './clock.js';
import { InvalidOptionError } from './errors.js';
import { type Exit, leave } from './frame.js';
import { isErrorOfClass } from './inspect.js';
import { checkInteger, given } from './options.js';
import { type Classify, defaultClassify } from './outcome.js';
import { sleepIn } from './sleep.js';

/** The context of one call, as a policy sees it. */
export interface PolicyContext extends CallContext {
  /**
   * Whether the call was aborted by its caller or by a policy outside this one. An aborted call does not count as a
   * failure.
   */
  readonly aborted: boolean;
  /** Judges outcomes, in every policy that has no `classify` of its own. */
  readonly classify: Classify;
  /** Whether the operation may run more than once. If false, a policy must not start a second attempt. */
  readonly repeatable: boolean;
  /** The clock of the call. Deadlines and sleeps are measured with it. */
  readonly clock: Clock;
  /**
   * Returns a context for a part of the call. Dispose of it when that part is over. Always use this method: a context
   * that was copied by spreading does not receive aborts.
   */
  derive(change: ContextChange): ChildContext;
  /** Resolves after `ms` milliseconds on the call's clock. Rejects immediately when the call is aborted. */
  sleep(ms: number): Promise<void>;
  /** Settles as `promise` does. Rejects immediately when the call is aborted. */
  wait<T>(promise: PromiseLike<T>): Promise<T>;
}

/** The fields of a derived context that differ from its parent's. */
export interface ContextChange {
  /** The number of the attempt; 1 is the first. @defaultValue the parent's */
  readonly attempt?: number | undefined;
  /** The number of the hedge, an integer ≥ 0; 0 is the first of its attempt. @defaultValue the parent's */
  readonly hedge?: number | undefined;
  /**
   * The deadline that the operation sees, in milliseconds on the call's clock, if it is earlier than the parent's. The
   * deadline itself ends nothing: call `abort` for that.
   * @defaultValue the parent's
   */
  readonly deadline?: number | undefined;
}

/** A derived context, which the policy that derived it may abort. */
export interface ChildContext extends PolicyContext {
  /**
   * Aborts this part of the call: its waits reject with `reason`, and its signal aborts. Do not call it for a part that
   * has succeeded: its result, such as the body of a response, may still depend on the signal.
   */
  abort(reason: unknown): void;
  /** Ends this part of the call: the context leaves its parent and no longer receives aborts. */
  [Symbol.dispose](): void;
}

/** The rest of the chain: the inner policies, and finally the operation. */
export type Next = (context: PolicyContext) => Promise<unknown>;

/** The checked options of one call. */
export interface CallTerms {
  readonly classify: Classify;
  readonly priority: number;
  /** Not constant: a request may be sent to another address before it is repeated. */
  key: string | undefined;
  /** Not constant: an operation may learn from the failure of an attempt whether it may run again. */
  repeatable: boolean;
}

export const DEFAULT_TERMS: CallTerms = { classify: defaultClassify, priority: 5, key: undefined, repeatable: true };

/**
 * A call, or a part of a call that a policy has derived. Its abort scope holds everything that can end it. An abort
 * walks down the nested scopes and rejects the one pending wait; the rejection then passes through the policies, so
 * that no policy has to race anything.
 */
export class Context implements ChildContext {
  readonly clock: Clock;
  readonly operation: Operation;
  readonly terms: CallTerms;
  readonly attempt: number;
  readonly #deadline: number | undefined;
  #scope: AbortScope | undefined;

  /**
   * @param scope - the scope that can abort the call; undefined if nothing can, in which case nothing needs to be
   * raced.
   */
  constructor(
    clock: Clock,
    operation: Operation,
    terms: CallTerms,
    attempt = 1,
    deadline: number | undefined = undefined,
    scope: AbortScope | undefined = undefined,
  ) {
    this.clock = clock;
    this.operation = operation;
    this.terms = terms;
    this.attempt = attempt;
    this.#deadline = deadline;
    this.#scope = scope;
  }

  /** Marks the contexts of every copy of this package, such as ESM beside CommonJS, or two versions. */
  get '~context'(): true {
    return true;
  }

  get scope(): AbortScope | undefined {
    return this.#scope;
  }

  /** Overridden by the context of a hedge, so that the contexts of all other calls need no memory for it. */
  get hedge(): number {
    return 0;
  }

  get deadline(): number {
    return this.#deadline ?? Infinity;
  }

  get classify(): Classify {
    return this.terms.classify;
  }

  get repeatable(): boolean {
    return this.terms.repeatable;
  }

  get priority(): number {
    return this.terms.priority;
  }

  get key(): string | undefined {
    return this.terms.key;
  }

  get signal(): AbortSignal {
    this.#scope ??= new AbortScope();
    return this.#scope.signal;
  }

  get aborted(): boolean {
    return this.#scope !== undefined && this.#scope.reason !== undefined;
  }

  /** The abort reason; undefined while the call is not aborted. */
  get reason(): unknown {
    return this.#scope?.reason;
  }

  derive(change: ContextChange): ChildContext {
    const attempt = given(change, 'attempt', this.attempt);
    const hedge = given(change, 'hedge', this.hedge);
    const deadline = given(change, 'deadline', Infinity);
    if (Number.isNaN(deadline)) throw new InvalidOptionError('derive', 'deadline', 'must be a number', deadline);
    return this.within(new AbortScope(this.#scope), attempt, deadline, checkInteger('derive', 'hedge', hedge, NUMBER));
  }

  /** Returns a context for a part of the call that the scope can abort. */
  within(scope: AbortScope | undefined, attempt: number, deadline: number, hedge: number = this.hedge): Context {
    return this.#copy(this.operation, attempt, Math.min(this.deadline, deadline), scope, hedge);
  }

  /** Returns the same call with another operation. */
  calling(operation: Operation): Context {
    return this.#copy(operation, this.attempt, this.#deadline, this.#scope, this.hedge);
  }

  #copy(
    operation: Operation,
    attempt: number,
    deadline: number | undefined,
    scope: AbortScope | undefined,
    hedge: number,
  ): Context {
    const { clock, terms } = this;
    if (hedge === 0) return new Context(clock, operation, terms, attempt, deadline, scope);
    return new HedgeContext(clock, operation, terms, attempt, deadline, scope, hedge);
  }

  abort(reason: unknown): void {
    this.#scope?.abort(reason);
  }

  [Symbol.dispose](): void {
    this.#scope?.leave();
  }

  /** Runs the operation. Never throws: every error is a rejection. */
  run(): Promise<unknown> {
    if (this.aborted) return Promise.reject(this.reason);
    const scope = this.#scope; // read before the operation, which creates a scope by reading its signal
    const { operation } = this;
    try {
      const native = Promise.resolve(operation(this));
      return scope === undefined ? native : scope.race(native);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Runs the operation inside frames that the call has entered, and leaves the frames when the operation ends. Never
   * throws.
   */
  runWithin(frame: Exit): Promise<unknown> {
    const scope = this.#scope; // read before the operation, which creates a scope by reading its signal
    if (scope === undefined || scope.reason !== undefined) return leave(frame, this.run());
    const { operation } = this;
    let native: Promise<unknown>;
    try {
      native = Promise.resolve(operation(this));
    } catch (error) {
      return leave(frame, Promise.reject(error));
    }
    return scope.raceWithin(native, frame);
  }

  wait<T>(promise: PromiseLike<T>): Promise<T> {
    const native = Promise.resolve(promise); // also handles a thenable whose `then` throws: the promise rejects
    return this.#scope === undefined ? native : this.#scope.race(native);
  }

  sleep(ms: number): Promise<void> {
    return this.aborted ? Promise.reject(this.reason) : sleepIn(this.#scope, this.clock, ms);
  }
}

/** The context of a hedge, and of everything inside it. */
class HedgeContext extends Context {
  readonly #hedge: number;

  constructor(
    clock: Clock,
    operation: Operation,
    terms: CallTerms,
    attempt: number,
    deadline: number | undefined,
    scope: AbortScope | undefined,
    hedge: number,
  ) {
    super(clock, operation, terms, attempt, deadline, scope);
    this.#hedge = hedge;
  }

  override get hedge(): number {
    return this.#hedge;
  }
}

/** The range of the number of a hedge. */
const NUMBER = { min: 0 };

/** A frame: the part of one policy in a call that has entered the policy. */
export interface Frame extends Exit {
  /** The context that the inner policies and the operation see. */
  readonly inside: Context;
}

/** The innermost step of every chain: the operation itself. */
export const callOperation: Next = (context) => asContext(context).run();

const NO_CONTEXT = 'A context must be made with context.derive(): a copied context does not receive aborts';

/** Returns the class instance behind the interface, for the policies that use the abort scope directly. */
export function asContext(context: PolicyContext): Context {
  if (isContext(context)) return context;
  throw new TypeError(NO_CONTEXT);
}

/**
 * Wraps `next` for user code, which may have copied a context by spreading: such a mistake is reported where it was
 * made.
 */
export function checkContexts(next: Next): Next {
  return (context) => (isContext(context) ? next(context) : Promise.reject(new TypeError(NO_CONTEXT)));
}

/** Whether the value is a context of any copy of this package. A spread copy is not: it lacks the prototype. */
export function isContext(context: unknown): context is Context {
  return typeof context === 'object' && context !== null && '~context' in context;
}

/**
 * Returns a promise that rejects one microtask later, when the caller has attached its handlers. A promise that is
 * rejected before that costs Node 500 ns of bookkeeping for unhandled rejections. Uses `reject` instead of `throw`,
 * since V8 unwinds the stack for each `throw`.
 */
export function rejectNextMicrotask(error: unknown): Promise<never> {
  return new Promise((_, reject) => {
    resolvedPromise.then(() => reject(error));
  });
}

/** Calls `next`, which may be user code, and converts a thrown error into a rejection. */
export function invoke(next: Next, context: PolicyContext): Promise<unknown> {
  try {
    return next(context);
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Returns a context for outcomes that are judged outside any call, such as the outcome that a permit is released with.
 */
export function detachedContext(clock: Clock): Context {
  return new Context(clock, () => undefined, DETACHED_TERMS);
}

/** Without a call there is no signal to check, so an AbortError is treated as the caller's own abort. */
const DETACHED_TERMS: CallTerms = {
  priority: 5,
  key: undefined,
  repeatable: true,
  classify: (outcome) =>
    !outcome.ok && isErrorOfClass(outcome.error, ['AbortError']) ? 'ignore' : defaultClassify(outcome),
};

/**
 * Returns the terms of a call, which all its attempts and hedges have in common. Undefined for a context that a user has
 * written, or that has no terms of its own.
 */
export function ownTermsOf(context: CallContext): CallTerms | undefined {
  const { terms } = context as Partial<Context>;
  return terms === DEFAULT_TERMS ? undefined : terms;
}

/**
 * Sets whether the operation of a call may run again, for the policies of this call. Has no effect in a context that a
 * user has written, or that has no terms of its own.
 */
export function setRepeatable(context: CallContext, repeatable: boolean): void {
  const terms = ownTermsOf(context);
  if (terms !== undefined) terms.repeatable = repeatable;
}

/**
 * Sets the key of a call, for the policies that the call enters from now on. Has no effect in a context that a user has
 * written, or that has no terms of its own.
 */
export function setKey(context: CallContext, key: string): void {
  const terms = ownTermsOf(context);
  if (terms !== undefined) terms.key = key;
}
