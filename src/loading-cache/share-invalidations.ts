import { type Observable, reportUncaught } from '../core/events.js';
import { FifoMap } from '../core/fifo-map.js';
import { checkFunction, checkMethods, checkOptionalFunction, checkString, readOptions } from '../core/options.js';
import type { Invalidation } from './invalidation.js';

/** The listener that `InvalidationBus.subscribe` receives. */
export interface InvalidationSubscriber {
  /** Receives a message of any process, including this one. */
  onMessage(message: string): void;
  /** Reports that messages may have been lost: for example after the connection was lost and restored. */
  onGap(): void;
}

/**
 * Carries messages between processes: an adapter for Redis pub/sub, NATS or PostgreSQL's LISTEN/NOTIFY. The messages of
 * one process must arrive in the order in which they were sent; messages may be lost.
 */
export interface InvalidationBus {
  /** Sends a message to all processes. A throw or a rejection counts as a message that was not sent. */
  publish(message: string): unknown;
  /** Registers a subscriber and returns a function that ends the subscription. */
  subscribe(subscriber: InvalidationSubscriber): () => unknown;
}

/**
 * A cache whose invalidations can be shared: a `loadingCache`, a `tiered` cache or the cache of a memoized function.
 */
export interface InvalidationSharer<K extends string | number> extends Observable<{ invalidate: Invalidation<K> }> {
  /** Applies an invalidation of another process, without emitting an `invalidate` event. */
  applyInvalidation(invalidation: Invalidation<K>): void;
}

/** The options of `shareInvalidations`. */
export interface ShareInvalidationsOptions {
  /** The topic: caches share invalidations only with caches of the same topic. @defaultValue `'invalidations'` */
  readonly topic?: string | undefined;
  /** The sender name of this process on the bus; it must be unique. @defaultValue a random UUID */
  readonly origin?: string | undefined;
  /**
   * Called if a message could not be sent. The other processes may then serve outdated values until their TTL ends.
   * @defaultValue none
   */
  readonly onError?: ((error: unknown, invalidation: Invalidation<string | number>) => void) | undefined;
}

/** A cache's connection to the bus, made by `shareInvalidations`. */
export interface SharedInvalidations {
  /** The counters since the connection was made: a copy. */
  readonly stats: {
    /** The number of messages that were sent. */
    readonly published: number;
    /** The number of messages of other processes that were received. */
    readonly received: number;
    /** How often the cache was cleared because a message was lost, may have been lost, or could not be understood. */
    readonly gaps: number;
    /** The number of messages that could not be sent. */
    readonly failures: number;
  };
  /** Stops sending and receiving. */
  stop(): void;
}

/**
 * Shares a cache's invalidations with other processes over a bus: sends each `set` and each invalidation of this cache,
 * and applies those of the other processes to it.
 *
 * Use it if several processes cache the same data and a TTL alone would serve outdated values for too long.
 *
 * - Each message contains the name of its sender and a sequence number. If a number is missing, or if the bus reports a
 *   gap, the receiver cannot know which keys the lost messages were about, so it clears its cache. A `tiered` cache
 *   clears only its first tier.
 * - A load in flight when a message arrives is treated as if the invalidation had been made in this process: it is not
 *   kept.
 * - A bus is not a lock: until a message arrives, the other processes serve the values they have.
 * - Messages contain keys and tags, never values.
 *
 * Cost: O(1) per message, and one number for each of the last 1,000 senders.
 *
 * @throws InvalidOptionError if an argument lacks a required method or an option has a wrong type.
 * @example
 * ```ts
 * const users = loadingCache({ load: async (id: string) => ({ id }), capacity: 1000, ttl: '5m' });
 * const listeners = new Set<InvalidationSubscriber>(); // in production: an adapter for Redis, NATS or PostgreSQL
 * const bus: InvalidationBus = {
 *   publish: (message) => listeners.forEach((listener) => listener.onMessage(message)),
 *   subscribe: (listener) => {
 *     listeners.add(listener);
 *     return () => listeners.delete(listener);
 *   },
 * };
 * const shared = shareInvalidations(users, bus, { topic: 'users' });
 * users.delete('7'); // in all processes
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

/** A message on the bus, as JSON. */
interface BusMessage<K> {
  readonly topic: string;
  readonly origin: string;
  /** The sequence number among the messages of its origin, from 1. */
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
  /** The last sequence number of each sender; the sender heard most recently is the newest. */
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
      number: ++this.#sent, // counted even if sending fails: the other processes must notice the gap
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

  /**
   * Clears the cache for a message it cannot understand: a newer version of this package may have invalidated any key.
   */
  #apply(invalidation: Invalidation<K>): void {
    try {
      if ('key' in invalidation && !isKey(invalidation.key)) throw new TypeError('no key');
      this.#cache.applyInvalidation(invalidation);
    } catch {
      this.#clear();
    }
  }

  /**
   * Whether no message of that sender was lost. For the first message of a sender the receiver cannot know which ones
   * came before, but they were usually sent before this cache existed. A repeated message is harmless.
   */
  #isNext({ origin, number }: BusMessage<K>): boolean {
    const last = this.#lastNumbers.get(origin);
    this.#lastNumbers.set(origin, number === 1 ? 1 : Math.max(number, last ?? number)); // 1: the sender has restarted
    const oldest = this.#lastNumbers.size > MOST_ORIGINS ? this.#lastNumbers.oldest : undefined;
    if (oldest !== undefined) this.#lastNumbers.delete(oldest[0]);
    return last === undefined || number === last + 1 || number === last;
  }

  /** Marked as an echo: the invalidation has already happened elsewhere, and no other process must be notified. */
  #clear(): void {
    if (this.#isStopped) return;
    this.#counts.gaps++;
    this.#cache.applyInvalidation({ kind: 'clear', isRebroadcast: true });
  }
}

/** JSON cannot represent `NaN` and `Infinity`. */
const isKey = (key: unknown): boolean => typeof key === 'string' || Number.isFinite(key);

/** Returns undefined for a message of another program on the same channel. */
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
