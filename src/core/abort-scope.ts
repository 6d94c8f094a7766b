import { InvalidOptionError } from './errors.js';
import { type Exit, leave, leaveWithError, leaveWithValue } from './frame.js';

/** Something that wants to hear of an abort: its own node in the list of the scope it is in. */
export abstract class AbortNode {
  /** The scope it is in now. */
  scope: AbortScope | undefined = undefined;
  previous: AbortNode | undefined = undefined;
  next: AbortNode | undefined = undefined;

  /**
   * The scope was aborted, and this node has been taken out of it. Let go of everything now. Signals are not to be
   * aborted here but to be collected: they run other people's code, by which time all that is ours must be in order.
   */
  abstract onAbort(reason: unknown, signals: AbortController[]): void;

  /** Wants to hear no more. Harmless when it is in no scope. */
  leave(): void {
    this.scope?.remove(this);
  }
}

/** For what is to happen one microtask later. */
export const resolvedPromise = /* @__PURE__ */ Promise.resolve();

const noResolver = (): void => {};

/**
 * The ends of the promise that is being made: `Promise.withResolvers` for Node 20, without a closure for each promise,
 * which would be a tenth of what a timeout allocates (`npm run bench -- timeout`).
 */
const capturedResolvers: PromiseResolvers = { resolve: noResolver, reject: noResolver };
const captureResolvers = (resolve: PromiseResolvers['resolve'], reject: PromiseResolvers['reject']): void => {
  capturedResolvers.resolve = resolve;
  capturedResolvers.reject = reject;
};

interface PromiseResolvers {
  resolve: (value: never) => void;
  reject: (reason: unknown) => void;
}

/**
 * All that is aborted together: a wait, and nodes in the order in which they came. A scope is a node itself: scopes nest,
 * and an abort takes in everything below the place where it begins, in one synchronous walk. Entering and leaving are
 * O(1).
 */
export class AbortScope extends AbortNode {
  /** Why it was aborted; undefined while it was not. */
  reason: unknown;
  #first: AbortNode | undefined;
  #last: AbortNode | undefined;
  #controller: AbortController | undefined;
  #endWait: ((reason: unknown) => void) | undefined;

  constructor(outer?: AbortScope) {
    // Written out: the constructor that compilers make for the fields of a derived class passes its arguments on, which
    // costs V8 more than all the rest of this.
    super();
    this.reason = undefined;
    this.#first = undefined;
    this.#last = undefined;
    this.#controller = undefined;
    this.#endWait = undefined;
    if (outer === undefined) return;
    if (outer.reason === undefined) outer.enter(this);
    else this.reason = outer.reason;
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** Made when it is asked for: on Node 20 a signal costs more than everything else about a call. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.reason !== undefined) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  enter(node: AbortNode): void {
    node.scope = this;
    node.previous = this.#last;
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
  }

  remove(node: AbortNode): void {
    const { previous, next } = node;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    node.scope = undefined;
    node.previous = undefined;
    node.next = undefined;
  }

  /** Aborts all that is in it: first our own bookkeeping, then the signals made so far. */
  abort(reason: unknown): void {
    const signals: AbortController[] = [];
    this.onAbort(reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason, signals);
    for (const signal of signals) signal.abort(reason);
  }

  onAbort(reason: unknown, signals: AbortController[]): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    if (this.#controller !== undefined) signals.push(this.#controller);
    if (this.#endWait !== undefined) this.#loseWait(this.#endWait);
    for (let node = this.#first; node !== undefined; node = this.#first) {
      this.remove(node);
      node.onAbort(reason, signals);
    }
  }

  /** Settles as the promise does, unless the scope is aborted before. */
  race<T>(promise: Promise<T>): Promise<T> {
    if (this.#endWait !== undefined) return this.#raceApart(promise);
    const raced = new Promise<T>(captureResolvers);
    const { resolve, reject } = capturedResolvers;
    capturedResolvers.resolve = noResolver; // or the last value would be kept for as long as nobody else calls
    capturedResolvers.reject = noResolver;
    this.#endWait = reject;
    promise.then(resolve as (value: T) => void, reject);
    if (this.reason !== undefined) this.#loseWait(reject); // while the promise was being made
    return raced;
  }

  /** As `race`, and leaves the frames in the same reaction: one promise and one microtask less than `leave` after a race. */
  raceWithin(promise: Promise<unknown>, frame: Exit): Promise<unknown> {
    if (this.#endWait !== undefined) return leave(frame, this.#raceApart(promise));
    const raced = new Promise<unknown>(captureResolvers);
    const { resolve, reject } = capturedResolvers as {
      resolve: (value: unknown) => void;
      reject: PromiseResolvers['reject'];
    };
    capturedResolvers.resolve = noResolver;
    capturedResolvers.reject = noResolver;
    let isOver = false;
    const onError = (error: unknown): void => {
      if (isOver) return;
      isOver = true;
      reject(leaveWithError(frame, error));
    };
    const onValue = (value: unknown): void => {
      if (isOver) return;
      isOver = true;
      try {
        leaveWithValue(frame);
        resolve(value);
      } catch (error) {
        reject(error);
      }
    };
    this.#endWait = onError;
    promise.then(onValue, onError);
    if (this.reason !== undefined) this.#loseWait(onError); // while the promise was being made
    return raced;
  }

  /** A scope holds one wait, for ever: that is all most calls need, and costs nothing to leave. Others get their own. */
  #raceApart<T>(promise: Promise<T>): Promise<T> {
    const part = new AbortScope(this);
    return part.race(promise).finally(() => part.leave());
  }

  /**
   * One microtask later, because a promise that was fulfilled before the abort has won and its reaction is queued
   * already. An operation that settles because of the abort settles after it, and has lost.
   */
  #loseWait(endWait: (reason: unknown) => void): void {
    resolvedPromise.then(() => endWait(this.reason));
  }
}

/**
 * All that follows one signal, under one listener. Platforms look through all listeners of a signal for each one that is
 * added, so that a thousand concurrent calls on one signal would cost 5 µs each; here they cost a list node. The listener
 * is taken off when the last node leaves.
 */
class SignalScope extends AbortScope {
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    super();
    this.#signal = signal;
  }

  override enter(node: AbortNode): void {
    if (this.isEmpty) this.#signal.addEventListener('abort', this.#listener);
    super.enter(node);
  }

  override remove(node: AbortNode): void {
    super.remove(node);
    if (this.isEmpty) this.#signal.removeEventListener('abort', this.#listener);
  }

  readonly #listener = (): void => this.abort(this.#signal.reason);
}

/** No state of ours: it goes when the signal goes. */
const scopes = new WeakMap<AbortSignal, SignalScope>();

/** What is aborted together with the signal, which must not have aborted yet. */
export function scopeOf(signal: AbortSignal): AbortScope {
  let scope = scopes.get(signal);
  if (scope === undefined) {
    scope = new SignalScope(signal);
    scopes.set(signal, scope);
  }
  return scope;
}

export function checkSignal(owner: string, signal: AbortSignal | null): AbortSignal | null {
  if (signal === null) return null;
  const { aborted, addEventListener, removeEventListener } = signal;
  const isSignal =
    typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof removeEventListener === 'function';
  if (!isSignal) throw new InvalidOptionError(owner, 'signal', 'must be an AbortSignal', signal);
  return signal;
}
