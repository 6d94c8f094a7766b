import type { AbortScope } from '../core/abort-scope.js';
import { outsideContext } from '../core/ambient.js';
import type { Policy } from '../core/policy.js';
import { runWithPolicy } from '../core/run-with-policy.js';
import type { LoadContext } from './options.js';

/** Loads values for a loading cache. Never throws: each failure rejects the promise. */
export interface Source<K, V> {
  /**
   * Loads the value of a key. A source that knows more than the value returns a `LoadResult`.
   * @param scope - aborted when no caller waits for the value any longer.
   */
  load(key: K, scope: AbortScope, previous: V | undefined, request: LoadRequest<V>): Promise<V | LoadResult<V>>;
}

/** The information about a load that a source can use, besides the key. */
export interface LoadRequest<V> {
  /** The time until which the current value is fresh. Undefined unless this load refreshes a fresh value. */
  readonly freshUntil: number | undefined;
  /** Offers a stale value that the source found during the load to the waiters that accept one. */
  offerStale(value: V, metadata: EntryMetadata): void;
}

/** A loaded value with its own metadata. */
export class LoadResult<V> {
  readonly value: V;
  readonly metadata: EntryMetadata;
  /** Called if the cache has kept the value. */
  readonly onKept: (() => void) | undefined;

  constructor(value: V, metadata: EntryMetadata, onKept?: () => void) {
    this.value = value;
    this.metadata = metadata;
    this.onKept = onKept;
  }
}

/** How long a value is fresh, counted from now, and the tags by which it can be invalidated. */
export interface EntryMetadata {
  /** How long the value is fresh, in milliseconds; negative if it is already stale. */
  readonly freshMs: number;
  readonly tags: readonly string[];
  /** How long the original load took, in milliseconds. @defaultValue the duration of this load */
  readonly loadMs?: number | undefined;
}

/** Calls `load` once for each key. */
export class LoaderSource<K, V> implements Source<K, V> {
  readonly #load: (key: K, context: LoadContext<V>) => V | PromiseLike<V>;
  readonly #policy: Policy<V> | undefined;

  constructor(load: (key: K, context: LoadContext<V>) => V | PromiseLike<V>, policy: Policy<V> | undefined) {
    this.#load = load;
    this.#policy = policy;
  }

  load(key: K, scope: AbortScope, previous: V | undefined): Promise<V> {
    const load = this.#load;
    return runLoad(this.#policy, scope, policyKeyOf(key), (call) => load(key, new LoaderContext(call, previous)));
  }
}

/** A context whose signal is created when it is first read: on Node 20 a signal costs more than the rest of a load. */
export interface SignalSource {
  readonly signal: AbortSignal;
}

/** The context of a caller's function. It exposes only the signal, which is created when the function reads it. */
export class SignalContext implements SignalSource {
  readonly #call: SignalSource;

  constructor(call: SignalSource) {
    this.#call = call;
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }
}

class LoaderContext<V> extends SignalContext implements LoadContext<V> {
  readonly previous: V | undefined;

  constructor(call: SignalSource, previous: V | undefined) {
    super(call);
    this.previous = previous;
  }
}

/** The key by which `keyed` policies distinguish calls. */
export const policyKeyOf = (key: unknown): string | undefined =>
  typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint' ? String(key) : undefined;

/** Calls a loader, under the policy if there is one. Never throws: each failure rejects the promise. */
export function runLoad<T>(
  policy: Policy<T> | undefined,
  scope: AbortScope,
  key: string | undefined,
  call: (context: SignalSource) => T | PromiseLike<T>,
): Promise<T> {
  try {
    // Several callers may share the load, so the request context of the first one must not end it.
    return outsideContext(() =>
      policy === undefined ? Promise.resolve(call(scope)) : runWithPolicy<T>(policy, call, scope, key),
    );
  } catch (error) {
    return Promise.reject(error);
  }
}
