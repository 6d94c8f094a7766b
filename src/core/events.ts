import { checkFunction } from './options.js';

/** Something that tells what happens to it. `on` gives the function that takes the listener off again. */
export interface Observable<E> {
  on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void;
}

type Listener = (event: never) => void;

/**
 * Typed events. Listeners run at once, in the order they came; one that throws changes nothing for anybody: its error
 * surfaces by itself, as an uncaught one. With no listener an event costs one check and is not even built.
 */
export class Emitter<E> implements Observable<E> {
  #listeners: Map<keyof E, readonly Listener[]> | undefined = undefined;

  on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void {
    checkFunction('on', 'listener', listener);
    this.#listeners ??= new Map();
    // Lists are replaced, never changed: a listener may add and take off others while they are being called.
    const entry: Listener = (event: never) => listener(event);
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), entry]);
    return () => this.#off(type, entry);
  }

  #off(type: keyof E, entry: Listener): void {
    const remaining = this.#listeners?.get(type)?.filter((one) => one !== entry) ?? [];
    if (remaining.length > 0) this.#listeners?.set(type, remaining);
    else this.#listeners?.delete(type);
  }

  /** Whether it is worth building an event of this type. */
  has(type: keyof E): boolean {
    return this.#listeners?.has(type) === true;
  }

  emit<K extends keyof E>(type: K, event: E[K]): void {
    for (const listener of this.#listeners?.get(type) ?? []) {
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
