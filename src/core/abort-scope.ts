import { InvalidOptionError } from './errors.js';
import { type Exit, leave, leaveWithError, leaveWithValue } from './frame.js';
import { requireGlobal } from './require-global.js';

/** A receiver of an abort. It is its own node in the linked list of its scope. */
export abstract class AbortNode {
  /** The scope that the node is in; undefined if it is in none. */
  scope: AbortScope | undefined = undefined;
  previous: AbortNode | undefined = undefined;
  next: AbortNode | undefined = undefined;

  /**
   * Handles the abort of the scope, which has already removed this node. Release everything here, but do not abort
   * signals: add their controllers to `signals`. Signals run user code, and the state of this library must be
   * consistent by then.
   */
  abstract onAbort(reason: unknown, signals: AbortController[]): void;

  /** Leaves the scope. Has no effect on a node that is in no scope. */
  leave(): void {
    this.scope?.remove(this);
  }
}

/** A resolved promise, for actions that must run one microtask later. */
export const resolvedPromise = /* @__PURE__ */ Promise.resolve();

const noResolver = (): void => {};

/**
 * The resolvers of the promise that is being constructed. Replaces `Promise.withResolvers`, which Node 20 lacks,
 * without one closure per promise, which would be a tenth of what a timeout allocates (`npm run bench -- timeout`).
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
 * Everything that is aborted together: one wait, and nodes in the order in which they entered. A scope is itself a
 * node, so scopes nest: an abort reaches all nested scopes in one synchronous walk. Entering and leaving are O(1).
 */
export class AbortScope extends AbortNode {
  /** The abort reason; undefined while the scope is not aborted. */
  reason: unknown;
  #first: AbortNode | undefined;
  #last: AbortNode | undefined;
  #controller: AbortController | undefined;
  #endWait: ((reason: unknown) => void) | undefined;

  constructor(outer?: AbortScope) {
    // The constructor is written out: the implicit constructor of a derived class with fields forwards its arguments,
    // which costs V8 more than the rest of this function.
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

  /**
   * The signal of this scope. Created on first read: on Node 20, a signal costs more than everything else about a call.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new (requireGlobal('AbortController'))();
      if (this.reason !== undefined) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /** Adds a node that is in no scope. O(1). */
  enter(node: AbortNode): void {
    node.scope = this;
    node.previous = this.#last;
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
  }

  /** Removes a node that is in this scope. O(1). */
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

  /** Aborts everything in the scope: first the nodes of this library, then the signals created so far. */
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

  /**
   * Returns a promise that settles as `promise` does, or rejects with the abort reason if the scope is aborted first.
   */
  race<T>(promise: Promise<T>): Promise<T> {
    if (this.#endWait !== undefined) return this.#raceApart(promise);
    const raced = new Promise<T>(captureResolvers);
    const { resolve, reject } = capturedResolvers;
    capturedResolvers.resolve = noResolver; // releases the resolvers, which would otherwise be kept until the next call
    capturedResolvers.reject = noResolver;
    this.#endWait = reject;
    promise.then(resolve as (value: T) => void, reject);
    if (this.reason !== undefined) this.#loseWait(reject); // aborted before the race began
    return raced;
  }

  /**
   * Like `race`, but leaves the frames in the same reaction: this saves one promise and one microtask compared with
   * `leave` after `race`.
   */
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
        leaveWithValue(frame, value);
        resolve(value);
      } catch (error) {
        reject(error);
      }
    };
    this.#endWait = onError;
    promise.then(onValue, onError);
    if (this.reason !== undefined) this.#loseWait(onError); // aborted before the race began
    return raced;
  }

  /**
   * Races in a nested scope. A scope itself holds one wait, which is never removed: one wait is enough for most calls,
   * and leaving costs nothing.
   */
  #raceApart<T>(promise: Promise<T>): Promise<T> {
    const part = new AbortScope(this);
    return part.race(promise).finally(() => part.leave());
  }

  /**
   * Rejects the wait one microtask later. A promise that was fulfilled before the abort has won, and its reaction is
   * already queued. An operation that settles because of the abort settles later, and has lost.
   */
  #loseWait(endWait: (reason: unknown) => void): void {
    resolvedPromise.then(() => endWait(this.reason));
  }
}

/** Aborts a node when the scope of this link is aborted: a node itself can be in one scope only. */
export class AbortLink extends AbortNode {
  readonly #target: AbortNode;

  constructor(target: AbortNode) {
    super();
    this.#target = target;
  }

  onAbort(reason: unknown, signals: AbortController[]): void {
    this.#target.leave();
    this.#target.onAbort(reason, signals);
  }
}

/**
 * The scope of one signal, with one event listener for all its nodes. Platforms scan all listeners of a signal when one
 * is added, so that a thousand concurrent calls on one signal would cost 5 µs each; here each costs one list node. The
 * listener is removed when the last node leaves.
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

/** The scope of each signal. A WeakMap, so that a scope is collected with its signal. */
const scopes = new WeakMap<AbortSignal, SignalScope>();

/** Returns the scope that is aborted together with the signal. The signal must not be aborted yet. */
export function scopeOf(signal: AbortSignal): AbortScope {
  let scope = scopes.get(signal);
  if (scope === undefined) {
    scope = new SignalScope(signal);
    scopes.set(signal, scope);
  }
  return scope;
}

/** Returns the signal option. @throws InvalidOptionError if it is neither null nor an AbortSignal. */
export function checkSignal(owner: string, signal: AbortSignal | null): AbortSignal | null {
  if (signal === null) return null;
  const { aborted, addEventListener, removeEventListener } = signal;
  const isSignal =
    typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof removeEventListener === 'function';
  if (!isSignal) throw new InvalidOptionError(owner, 'signal', 'must be an AbortSignal', signal);
  return signal;
}
