import { InvalidOptionError } from './errors.js';

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

/**
 * All that is aborted together, in the order in which it came. A scope is a node itself: scopes nest, and an abort takes
 * in everything below the place where it begins. Entering and leaving are O(1).
 */
export class AbortScope extends AbortNode {
  first: AbortNode | undefined = undefined;
  last: AbortNode | undefined = undefined;

  enter(node: AbortNode): void {
    node.scope = this;
    node.previous = this.last;
    if (this.last === undefined) this.first = node;
    else this.last.next = node;
    this.last = node;
  }

  remove(node: AbortNode): void {
    const { previous, next } = node;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    node.scope = undefined;
    node.previous = undefined;
    node.next = undefined;
  }

  onAbort(reason: unknown, signals: AbortController[]): void {
    for (let node = this.first; node !== undefined; node = this.first) {
      this.remove(node);
      node.onAbort(reason, signals);
    }
  }

  /** Aborts all that is in it: first our own bookkeeping, then the signals made so far. */
  abort(reason: unknown): void {
    const signals: AbortController[] = [];
    this.onAbort(reason, signals);
    for (const signal of signals) signal.abort(reason);
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
    if (this.first === undefined) this.#signal.addEventListener('abort', this.#listener);
    super.enter(node);
  }

  override remove(node: AbortNode): void {
    super.remove(node);
    if (this.first === undefined) this.#signal.removeEventListener('abort', this.#listener);
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
