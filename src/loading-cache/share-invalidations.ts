import { type Observable, reportUncaught } from '../core/events.js';
import { FifoMap } from '../core/fifo-map.js';
import { checkFunction, checkMethods, checkOptionalFunction, checkString, readOptions } from '../core/options.js';
import type { Invalidation } from './invalidation.js';

/** Who listens to a bus. */
export interface InvalidationSubscriber {
  /** A message has come, one's own too. */
  onMessage(message: string): void;
  /** Messages may have been missed: the connection was lost, and is there again. */
  onGap(): void;
}

/**
 * Carries messages between processes: an adapter of Redis pub/sub, NATS, Postgres' LISTEN. Messages of one process arrive
 * in the order in which they were sent, or not at all.
 */
export interface InvalidationBus {
  publish(message: string): unknown;
  /** Gives what ends the subscription. */
  subscribe(subscriber: InvalidationSubscriber): () => unknown;
}

/** What has something to share: a `loadingCache`, a `tiered` cache, the cache of a memoized function. */
export interface InvalidationSharer<K extends string | number> extends Observable<{ invalidate: Invalidation<K> }> {
  applyInvalidation(invalidation: Invalidation<K>): void;
}

export interface ShareInvalidationsOptions {
  /** Tells the caches on one bus apart: a cache hears those of the same topic. @defaultValue 'invalidations' */
  readonly topic?: string | undefined;
  /** What this process goes by on the bus: no two may have the same. @defaultValue a random UUID */
  readonly origin?: string | undefined;
  /** Told when the others could not be told: until their ttl ends they may serve what is out of date. */
  readonly onError?: ((error: unknown, invalidation: Invalidation<string | number>) => void) | undefined;
}

export interface SharedInvalidations {
  readonly stats: {
    readonly published: number;
    readonly received: number;
    /** Messages of which it is known, or must be feared, that they were missed: each has cleared the cache. */
    readonly gaps: number;
    /** Messages that could not be sent. */
    readonly failures: number;
  };
  /** Neither tells nor hears any more. */
  stop(): void;
}

/**
 * Tells other processes what is set and invalidated in this cache, and does here what they tell: by a bus.
 *
 * Each message says who sends it and as his how manyth. Whoever misses one, by a hole in the numbers or since the bus says
 * that it was cut off, does not know what it was about and clears his cache; of two tiers only the first. A load that is
 * under way when a message comes is treated as after the same verb here: it is not kept.
 *
 * A bus is not a lock: until the message is there the others serve what they have. Values are not sent, keys and tags are.
 * O(1) a message, and a number for each of the last 1,000 senders.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const users = loadingCache({ load: async (id: string) => ({ id }), capacity: 1000, ttl: '5m' });
 * const listeners = new Set<InvalidationSubscriber>(); // in earnest an adapter of what you have
 * const bus: InvalidationBus = {
 *   publish: (message) => listeners.forEach((listener) => listener.onMessage(message)),
 *   subscribe: (listener) => {
 *     listeners.add(listener);
 *     return () => listeners.delete(listener);
 *   },
 * };
 * const shared = shareInvalidations(users, bus, { topic: 'users' });
 * users.delete('7'); // everywhere
 * shared.stop();
 * ```
 */
export function shareInvalidations<K extends string | number>(
  cache: InvalidationSharer<K>,
  bus: InvalidationBus,
  options?: ShareInvalidationsOptions,
): SharedInvalidations {
  return new BusConnection(cache, bus, options);
}

/** A message, as JSON. */
interface BusMessage<K> {
  readonly topic: string;
  readonly origin: string;
  /** Counts the messages of its origin, from 1. */
  readonly number: number;
  readonly invalidation: Invalidation<K>;
}

const MOST_ORIGINS = 1000;

class BusConnection<K extends string | number> implements SharedInvalidations {
  readonly #cache: InvalidationSharer<K>;
  readonly #bus: InvalidationBus;
  readonly #topic: string;
  readonly #origin: string;
  readonly #onError: ShareInvalidationsOptions['onError'];
  /** The number of the last message of each sender; the one heard of last at the end. */
  readonly #lastNumbers = new FifoMap<string, number>();
  readonly #counts = { published: 0, received: 0, gaps: 0, failures: 0 };
  readonly #ends: readonly (() => unknown)[];
  #sent = 0;
  #isStopped = false;

  constructor(cache: InvalidationSharer<K>, bus: InvalidationBus, options: ShareInvalidationsOptions | undefined) {
    const owner = 'shareInvalidations';
    const own = readOptions(owner, options, { topic: 'invalidations', origin: undefined, onError: undefined });
    this.#cache = checkMethods(owner, 'cache', cache, ['on', 'applyInvalidation']);
    this.#bus = checkMethods(owner, 'bus', bus, ['publish', 'subscribe']);
    this.#topic = checkString(owner, 'topic', own.topic);
    this.#origin = own.origin === undefined ? crypto.randomUUID() : checkString(owner, 'origin', own.origin);
    this.#onError = checkOptionalFunction(owner, 'onError', own.onError);
    const subscriber: InvalidationSubscriber = {
      onMessage: (text) => this.#receive(text),
      onGap: () => this.#clear(),
    };
    const unsubscribe = checkFunction(owner, 'bus.subscribe', bus.subscribe(subscriber));
    this.#ends = [cache.on('invalidate', (invalidation) => this.#publish(invalidation)), unsubscribe];
  }

  get stats(): SharedInvalidations['stats'] {
    return { ...this.#counts };
  }

  stop(): void {
    this.#isStopped = true;
    for (const end of this.#ends) end();
  }

  async #publish(invalidation: Invalidation<K>): Promise<void> {
    const message: BusMessage<K> = {
      topic: this.#topic,
      origin: this.#origin,
      number: ++this.#sent, // also of one that is not sent: others are to see the hole
      invalidation: 'key' in invalidation && !isKey(invalidation.key) ? { kind: 'clear' } : invalidation,
    };
    try {
      await this.#bus.publish(JSON.stringify(message));
      this.#counts.published++;
    } catch (error) {
      this.#counts.failures++;
      this.#reportError(error, invalidation);
    }
  }

  #reportError(error: unknown, invalidation: Invalidation<K>): void {
    try {
      this.#onError?.(error, invalidation);
    } catch (thrown) {
      reportUncaught(thrown);
    }
  }

  #receive(text: string): void {
    const message = this.#isStopped ? undefined : readMessage<K>(text);
    if (message === undefined || message.topic !== this.#topic || message.origin === this.#origin) return;
    this.#counts.received++;
    if (!this.#isNext(message)) this.#clear();
    else this.#apply(message.invalidation);
  }

  /** What is not understood, from a newer version of this package, may have hit anything. */
  #apply(invalidation: Invalidation<K>): void {
    try {
      if ('key' in invalidation && !isKey(invalidation.key)) throw new TypeError('no key');
      this.#cache.applyInvalidation(invalidation);
    } catch {
      this.#clear();
    }
  }

  /**
   * Of the first message of a sender nobody knows which ones came before it: from before this cache began, as a rule. The
   * same message twice does no harm.
   */
  #isNext({ origin, number }: BusMessage<K>): boolean {
    const last = this.#lastNumbers.get(origin);
    this.#lastNumbers.set(origin, number === 1 ? 1 : Math.max(number, last ?? number)); // 1: it has begun anew
    const oldest = this.#lastNumbers.size > MOST_ORIGINS ? this.#lastNumbers.oldest : undefined;
    if (oldest !== undefined) this.#lastNumbers.delete(oldest[0]);
    return last === undefined || number === last + 1 || number === last;
  }

  /** An echo: whatever it was, it has happened already, and nobody else is to be told. */
  #clear(): void {
    if (this.#isStopped) return;
    this.#counts.gaps++;
    this.#cache.applyInvalidation({ kind: 'clear', isEcho: true });
  }
}

/** JSON has no word for `NaN` and `Infinity`. */
const isKey = (key: unknown): boolean => typeof key === 'string' || Number.isFinite(key);

/** Undefined for what is none of ours: others may use the same channel. */
function readMessage<K>(text: string): BusMessage<K> | undefined {
  try {
    const message = Object(JSON.parse(text)) as Partial<BusMessage<K>>;
    const { topic, origin, number } = message;
    const isOurs = typeof topic === 'string' && typeof origin === 'string' && typeof number === 'number';
    return isOurs ? (message as BusMessage<K>) : undefined;
  } catch {
    return undefined;
  }
}
