import type { AbortScope } from '../core/abort-scope.js';
import type { Policy } from '../core/policy.js';
import { runWithPolicy } from '../core/run-with-policy.js';
import type { LoadContext } from './options.js';

/** Where values come from. Never throws: whatever happens is in the promise. */
export interface Source<K, V> {
  /**
   * Loads the value of a key. A source that knows more than the value returns a `LoadResult`.
   * @param scope - aborted when no caller waits for the value any longer.
   */
  load(key: K, scope: AbortScope, previous: V | undefined, request: LoadRequest<V>): Promise<V | LoadResult<V>>;
}

/** What a source can know of the load, besides the key. */
export interface LoadRequest<V> {
  /** The time until which the present value is fresh, if it is refreshed before it has become stale. */
  readonly freshUntil: number | undefined;
  /** Passes on a stale value that the source found on its way, for waiters that take it. */
  offerStale(value: V, metadata: EntryMetadata): void;
}

/** A loaded value with metadata of its own. */
export class LoadResult<V> {
  readonly value: V;
  readonly metadata: EntryMetadata;
  /** Called when the cache has kept the value. */
  readonly onKept: (() => void) | undefined;

  constructor(value: V, metadata: EntryMetadata, onKept?: () => void) {
    this.value = value;
    this.metadata = metadata;
    this.onKept = onKept;
  }
}

/** How long a value is fresh, from now on, and what it can be invalidated by. */
export interface EntryMetadata {
  /** Negative for one that is not fresh any more. */
  readonly freshMs: number;
  readonly tags: readonly string[];
  /** How long it took to load where it was loaded. @defaultValue as long as this load */
  readonly loadMs?: number | undefined;
}

/** One call for each key. */
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

/** A call whose signal is made when it is first read: on Node 20 a signal costs more than the rest of a load. */
export interface SignalSource {
  readonly signal: AbortSignal;
}

/** What a function of the caller sees of its call: the signal alone, made when the function reads it. */
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

/** What `keyed` policies tell keys apart by. */
export const policyKeyOf = (key: unknown): string | undefined =>
  typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint' ? String(key) : undefined;

/** Calls back, under the policy if there is one. */
export function runLoad<T>(
  policy: Policy<T> | undefined,
  scope: AbortScope,
  key: string | undefined,
  call: (context: SignalSource) => T | PromiseLike<T>,
): Promise<T> {
  try {
    return policy === undefined ? Promise.resolve(call(scope)) : runWithPolicy<T>(policy, call, scope, key);
  } catch (error) {
    return Promise.reject(error);
  }
}
