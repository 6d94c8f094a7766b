import { checkFunction } from './options.js';

/** Something that tells what happens to it. `on` gives the function that takes the listener off again. */
export interface Observable<E> {
  on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void;
}

type Listener = (event: never) => void;

/** The listeners of one type. Adding and removing are O(1); the first event after a change copies the list. */
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

  /** The listeners of now: what a listener adds or removes while it is called counts from the next event on. */
  snapshot(): readonly Listener[] {
    this.#snapshot ??= [...this.#entries];
    return this.#snapshot;
  }
}

/**
 * Typed events. Listeners run at once, in the order they came; one that throws changes nothing for anybody: its error
 * surfaces by itself, as an uncaught one. With no listener an event costs one check and is not even built.
 */
export class Emitter<E> implements Observable<E> {
  #listeners: Map<keyof E, ListenerList> | undefined = undefined;

  on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void {
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

  /** Whether it is worth building an event of this type. */
  has(type: keyof E): boolean {
    return this.#listeners?.has(type) === true;
  }

  /** Whether there is any listener. */
  get isObserved(): boolean {
    return this.#listeners !== undefined && this.#listeners.size > 0;
  }

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

/** Lets an error surface by itself, as `EventTarget` does in Node, where it must not change what is going on. */
export function reportUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
