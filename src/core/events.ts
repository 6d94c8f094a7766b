import { checkFunction, checkOneOf } from './options.js';

/** A source of typed events. */
export interface Observable<E> {
  /**
   * Adds a listener for one type of event. Returns a function that removes the listener.
   * @throws InvalidOptionError if there are no events of this type, or if the listener is not a function.
   */
  on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void;
}

type Listener = (event: never) => void;

/** The listeners of one event type. Adding and removing are O(1); the first event after a change copies the list. */
class ListenerList {
  readonly #entries = new Set<Listener>();
  #snapshot: readonly Listener[] | undefined = undefined;

  get size(): number {
    return this.#entries.size;
  }

  add(entry: Listener): void {
    this.#entries.add(entry);
    this.#snapshot = undefined;
  }

  delete(entry: Listener): void {
    this.#entries.delete(entry);
    this.#snapshot = undefined;
  }

  /**
   * Returns the current listeners. A listener that is added or removed during an event takes effect with the next
   * event.
   */
  snapshot(): readonly Listener[] {
    this.#snapshot ??= [...this.#entries];
    return this.#snapshot;
  }
}

/**
 * An emitter of typed events. Listeners run synchronously, in the order in which they were added. If a listener throws,
 * the other listeners and the call are not affected, and the error is reported as uncaught. Without a listener, an
 * event costs one check, and the event object is not created.
 */
export class Emitter<E> implements Observable<E> {
  #listeners: Map<keyof E, ListenerList> | undefined = undefined;
  readonly #types: readonly (keyof E & string)[] | undefined;

  /** @param types - all types of events: a list that all emitters of a class share. If undefined, any type is known. */
  constructor(types?: readonly (keyof E & string)[]) {
    this.#types = types;
  }

  on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void {
    if (this.#types !== undefined) checkOneOf('on', 'type', type as keyof E & string, this.#types);
    checkFunction('on', 'listener', listener);
    this.#listeners ??= new Map();
    const list = this.#listeners.get(type) ?? new ListenerList();
    this.#listeners.set(type, list);
    const entry: Listener = (event: never) => listener(event);
    list.add(entry);
    return () => this.#off(type, entry);
  }

  #off(type: keyof E, entry: Listener): void {
    const list = this.#listeners?.get(type);
    list?.delete(entry);
    if (list?.size === 0) this.#listeners?.delete(type);
  }

  /** Whether events of this type have a listener. Check it before creating an event. */
  has(type: keyof E): boolean {
    return this.#listeners?.has(type) === true;
  }

  /** Whether any event type has a listener. */
  get isObserved(): boolean {
    return this.#listeners !== undefined && this.#listeners.size > 0;
  }

  /** Calls the listeners of one event type. */
  emit<K extends keyof E>(type: K, event: E[K]): void {
    for (const listener of this.#listeners?.get(type)?.snapshot() ?? []) {
      try {
        listener(event as never);
      } catch (error) {
        reportUncaught(error);
      }
    }
  }
}

/**
 * Reports an error as uncaught, as Node's `EventTarget` does for an error of a listener, without affecting the running
 * code.
 */
export function reportUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
