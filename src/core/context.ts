/// <reference lib="esnext.disposable" preserve="true" />
import { AbortScope, resolvedPromise } from './abort-scope.js';
import type { CallContext, Operation } from './call-context.js';
import type { Clock } from './clock.js';
import { InvalidOptionError } from './errors.js';
import { type Exit, leave } from './frame.js';
import { isErrorOfClass } from './inspect.js';
import { given } from './options.js';
import { type Classify, defaultClassify } from './outcome.js';
import { sleepIn } from './sleep.js';

/** What a policy sees of the call it guards. */
export interface PolicyContext extends CallContext {
  /** Whether the call was aborted by its caller or by a policy outside this one. Such a call is nobody's failure. */
  readonly aborted: boolean;
  /** How outcomes are judged, unless the policy has a judgement of its own. */
  readonly classify: Classify;
  /** Whether the operation may run more than once. If false, a policy must not start a second attempt. */
  readonly repeatable: boolean;
  /** What the call runs on: deadlines and sleeps are measured by it. */
  readonly clock: Clock;
  /**
   * A context for a part of the call, to be disposed when that part is over. The only way to make one: a copy made by
   * spreading hears of no abort.
   */
  derive(change: ContextChange): ChildContext;
  /** Resolves after `ms` on the call's clock; rejects at once when the call is aborted. */
  sleep(ms: number): Promise<void>;
  /** Settles as `promise` does; rejects at once when the call is aborted. */
  wait<T>(promise: PromiseLike<T>): Promise<T>;
}

export interface ContextChange {
  readonly attempt?: number | undefined;
  /** What the inside is told, if it is sooner than the deadline outside. It ends nothing by itself: `abort` does. */
  readonly deadline?: number | undefined;
}

/** A context that the policy which derived it may abort. */
export interface ChildContext extends PolicyContext {
  /**
   * Ends this part of the call: whatever it waits for rejects with `reason`, and its signal aborts. Not for a part that
   * has succeeded: what it has brought, such as the body of a response, may still hang on its signal.
   */
  abort(reason: unknown): void;
  /** Says that this part of the call is over: it no longer hears of aborts outside, and is forgotten by its parent. */
  [Symbol.dispose](): void;
}

/** The rest of the chain: the policies further inside, and at last the operation. */
export type Next = (context: PolicyContext) => Promise<unknown>;

/** What a caller may say about one call, checked. */
export interface CallTerms {
  readonly classify: Classify;
  readonly priority: number;
  readonly key: string | undefined;
  readonly repeatable: boolean;
}

export const DEFAULT_TERMS: CallTerms = { classify: defaultClassify, priority: 5, key: undefined, repeatable: true };

/**
 * A call, or a part of one that a policy has derived. Whatever can end it is its scope: an abort walks down the scopes
 * and ends the one wait there is; from there the rejection unwinds through the policies by itself, and none of them has
 * to race anything.
 */
export class Context implements ChildContext {
  readonly clock: Clock;
  readonly operation: Operation;
  readonly terms: CallTerms;
  readonly attempt: number;
  readonly #deadline: number | undefined;
  #scope: AbortScope | undefined;

  /** @param scope - what can end it; undefined if nothing can, in which case nothing needs to be raced. */
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

  /** Marks the contexts of every copy of this package: ESM and CommonJS, or two versions. */
  get '~context'(): true {
    return true;
  }

  get scope(): AbortScope | undefined {
    return this.#scope;
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

  /** Why it was aborted. */
  get reason(): unknown {
    return this.#scope?.reason;
  }

  derive(change: ContextChange): ChildContext {
    const attempt = given(change, 'attempt', this.attempt);
    const deadline = given(change, 'deadline', Infinity);
    if (Number.isNaN(deadline)) throw new InvalidOptionError('derive', 'deadline', 'must be a number', deadline);
    return this.within(new AbortScope(this.#scope), attempt, deadline);
  }

  /** A part of the call that ends with the scope. */
  within(scope: AbortScope, attempt: number, deadline: number): Context {
    const { clock, operation, terms } = this;
    return new Context(clock, operation, terms, attempt, Math.min(this.deadline, deadline), scope);
  }

  /** The same call, of another operation. */
  calling(operation: Operation): Context {
    return new Context(this.clock, operation, this.terms, this.attempt, this.#deadline, this.#scope);
  }

  abort(reason: unknown): void {
    this.#scope?.abort(reason);
  }

  [Symbol.dispose](): void {
    this.#scope?.leave();
  }

  /** Runs the operation. Never throws: whatever happens is in the promise. */
  run(): Promise<unknown> {
    if (this.aborted) return Promise.reject(this.reason);
    const scope = this.#scope; // before the operation makes one by reading its signal
    const { operation } = this;
    try {
      const native = Promise.resolve(operation(this));
      return scope === undefined ? native : scope.race(native);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Runs the operation inside policies that the call has entered, and leaves them when it ends. Never throws. */
  runWithin(frame: Exit): Promise<unknown> {
    const scope = this.#scope; // before the operation makes one by reading its signal
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
    const native = Promise.resolve(promise); // also tames thenables: one that throws in `then` rejects
    return this.#scope === undefined ? native : this.#scope.race(native);
  }

  sleep(ms: number): Promise<void> {
    return this.aborted ? Promise.reject(this.reason) : sleepIn(this.#scope, this.clock, ms);
  }
}

/** One policy's part in a call that has entered it. */
export interface Frame extends Exit {
  /** The context that the inside sees. */
  readonly inside: Context;
}

/** The innermost step of every chain: the operation itself. */
export const callOperation: Next = (context) => asContext(context).run();

const NO_CONTEXT = 'A context must be made with context.derive(); a copy of one does not follow aborts';

/** Returns the context behind the interface, for the few policies that wait in a place of their own. */
export function asContext(context: PolicyContext): Context {
  if (isContext(context)) return context;
  throw new TypeError(NO_CONTEXT);
}

/** Wraps `next` for code that may have made a context by spreading one: the mistake is found where it was made. */
export function checkContexts(next: Next): Next {
  return (context) => (isContext(context) ? next(context) : Promise.reject(new TypeError(NO_CONTEXT)));
}

/** Whether it is a context of any copy of this package. A spread copy has no prototype, and so is none. */
export function isContext(context: unknown): context is Context {
  return typeof context === 'object' && context !== null && '~context' in context;
}

/**
 * A refusal. One microtask later, by when the caller has attached its handlers: a promise that is rejected before that
 * costs Node 500 ns of bookkeeping for unhandled rejections. By `reject`, since V8 unwinds the stack for each `throw`.
 */
export function rejectNextMicrotask(error: unknown): Promise<never> {
  return new Promise((_, reject) => {
    resolvedPromise.then(() => reject(error));
  });
}

/** Goes on to `next`, which somebody else may have made: what it throws is in the promise like everything else. */
export function invoke(next: Next, context: PolicyContext): Promise<unknown> {
  try {
    return next(context);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** For outcomes that are judged outside any call, such as those of a permit or a lease. */
export function detachedContext(clock: Clock): Context {
  return new Context(clock, () => undefined, DETACHED_TERMS);
}

/** An AbortError that is reported without a call is taken for the reporter's own abort: there is no signal to look at. */
const DETACHED_TERMS: CallTerms = {
  priority: 5,
  key: undefined,
  repeatable: true,
  classify: (outcome) =>
    !outcome.ok && isErrorOfClass(outcome.error, ['AbortError']) ? 'ignore' : defaultClassify(outcome),
};
