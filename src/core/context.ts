/// <reference lib="esnext.disposable" preserve="true" />
import { AbortNode, AbortScope } from './abort-scope.js';
import type { CallContext, Operation } from './call-context.js';
import type { Clock } from './clock.js';
import { InvalidOptionError } from './errors.js';
import { type Classify, defaultClassify } from './outcome.js';
import { sleepIn } from './sleep.js';

/** What a policy sees of the call it guards. */
export interface PolicyContext extends CallContext {
  /** Whether the call was aborted by its caller or by a policy outside this one. Such a call is nobody's failure. */
  readonly aborted: boolean;
  /** How outcomes are judged, unless the policy has a judgement of its own. */
  readonly classify: Classify;
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

/** What a call is made of: fixed from its first moment to its last. */
export interface Call {
  readonly clock: Clock;
  readonly operation: Operation;
  readonly classify: Classify;
  readonly priority: number;
  readonly key: string | undefined;
  /** How many times the operation was called. */
  calls: number;
}

/**
 * One part of a call: the root is the whole of it, and policies derive children for parts of it, of which they may be the
 * ones to end it. Whatever a call waits for is a node in the scope of its context, so an abort is one synchronous walk;
 * from there the rejection unwinds through the policies by itself, and none of them has to race anything.
 */
export class Context extends AbortScope implements ChildContext {
  readonly call: Call;
  readonly attempt: number;
  readonly deadline: number;
  /** Whether anything can abort this: if not, nothing needs to be raced. */
  readonly abortable: boolean;
  aborted = false;
  reason: unknown = undefined;
  #controller: AbortController | undefined = undefined;

  constructor(call: Call, attempt: number, deadline: number, abortable: boolean) {
    super();
    this.call = call;
    this.attempt = attempt;
    this.deadline = deadline;
    this.abortable = abortable;
  }

  get classify(): Classify {
    return this.call.classify;
  }

  get clock(): Clock {
    return this.call.clock;
  }

  get priority(): number {
    return this.call.priority;
  }

  get key(): string | undefined {
    return this.call.key;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  derive({ attempt = this.attempt, deadline = Infinity }: ContextChange): ChildContext {
    if (Number.isNaN(deadline)) throw new InvalidOptionError('derive', 'deadline', 'must be a number', deadline);
    const child = new Context(this.call, attempt, Math.min(this.deadline, deadline), true);
    if (this.aborted) child.abort(this.reason);
    else this.enter(child);
    return child;
  }

  [Symbol.dispose](): void {
    this.leave();
  }

  override abort(reason: unknown): void {
    super.abort(reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason);
  }

  override onAbort(reason: unknown, signals: AbortController[]): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    if (this.#controller !== undefined) signals.push(this.#controller);
    super.onAbort(reason, signals);
  }

  /** Runs the operation. Never throws: whatever happens is in the promise. */
  run(): Promise<unknown> {
    if (this.aborted) return Promise.reject(this.reason);
    this.call.calls++;
    try {
      return this.wait(this.call.operation(this) as PromiseLike<unknown>);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  wait<T>(promise: PromiseLike<T>): Promise<T> {
    const native = Promise.resolve(promise); // also tames thenables: one that throws in `then` rejects
    return this.abortable ? new Promise((resolve, reject) => new Race(this, native, resolve, reject)) : native;
  }

  sleep(ms: number): Promise<void> {
    return this.aborted ? Promise.reject(this.reason) : sleepIn(this, this.clock, ms);
  }
}

const settled = /* @__PURE__ */ Promise.resolve();

/** A promise against the abort of its context. */
class Race<T> extends AbortNode {
  readonly #reject: (reason: unknown) => void;

  constructor(context: Context, promise: Promise<T>, resolve: (value: T) => void, reject: (reason: unknown) => void) {
    super();
    this.#reject = reject;
    if (!context.aborted) context.enter(this);
    promise.then(
      (value) => {
        this.leave();
        resolve(value);
      },
      (error) => {
        this.leave();
        reject(context.aborted ? context.reason : error); // an operation that failed because of the abort
      },
    );
    if (context.aborted) this.onAbort(context.reason); // while the promise was being made
  }

  /**
   * One microtask later, because a promise that was fulfilled before the abort has won and its reaction is queued
   * already. An operation that settles because of the abort settles after it, and has lost.
   */
  onAbort(reason: unknown): void {
    settled.then(() => this.#reject(reason));
  }
}

/** The innermost step of every chain: the operation itself. */
export const callOperation: Next = (context) => asContext(context).run();

const NO_CONTEXT = 'A context must be made with context.derive(); a copy of one hears of no abort';

/** The context behind the interface, for the few policies that wait in a place of their own. */
export function asContext(context: PolicyContext): Context {
  if (context instanceof Context) return context;
  throw new TypeError(NO_CONTEXT);
}

/** For those who may have made a context by spreading one: the mistake is found where it was made. */
export function checkContexts(next: Next): Next {
  return (context) => (context instanceof Context ? next(context) : Promise.reject(new TypeError(NO_CONTEXT)));
}

/**
 * A refusal. One microtask later, by when the caller has attached its handlers: a promise that is rejected before that
 * costs Node 500 ns of bookkeeping for unhandled rejections.
 */
export function rejectSoon(error: unknown): Promise<never> {
  return settled.then(() => {
    throw error;
  });
}

/** Goes on to `next`, which somebody else may have made: what it throws is in the promise like everything else. */
export function begin(next: Next, context: PolicyContext): Promise<unknown> {
  try {
    return next(context);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** For outcomes that are judged outside any call, such as those of a permit. */
export function detachedContext(clock: Clock): Context {
  const call = { clock, operation() {}, classify: defaultClassify, priority: 5, key: undefined, calls: 0 };
  return new Context(call, 1, Infinity, false);
}
