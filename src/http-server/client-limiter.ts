import type { Clock } from '../core/clock.js';
import type { Decision } from '../core/errors.js';
import { formatNetwork, parseIp } from '../core/ip-address.js';
import { KeyedRateLimiter } from '../rate-limit/keyed-rate-limiter.js';
import type { Reservation, ReserveOptions } from '../rate-limit/rate-limiter.js';
import { SlidingWindowCounter, type SlidingWindowCounterRate } from '../rate-limit/sliding-window-counter.js';
import type { HttpRateLimiter } from './options.js';

/** The prefix lengths of the networks that new clients share, for IPv4 and for IPv6. */
const SITE_PREFIX = { ipv4: 24, ipv6: 48 };

/** The limit per client, with the size and the clock of the limiter. */
export interface ClientRate extends SlidingWindowCounterRate {
  readonly maxKeys: number | undefined;
  readonly clock: Clock | undefined;
}

/**
 * Keeps a `SlidingWindowCounter` per client. While `maxKeys` clients are in use, a new client is counted with its
 * network: an IPv4 /24 or an IPv6 /48. A sender with ten thousand addresses then uses up the limit of its own networks
 * only. It cannot lock out clients of other networks, and known clients keep their own limits. When `maxKeys` networks
 * are in use as well, all further networks share one limit.
 */
export class ClientLimiter implements HttpRateLimiter {
  readonly #clients: KeyedRateLimiter;
  readonly #networks: KeyedRateLimiter;

  constructor(owner: string, { limit, per, maxKeys, clock }: ClientRate) {
    const make = () => new SlidingWindowCounter({ limit, per, clock, name: owner });
    this.#clients = new KeyedRateLimiter(make, { maxKeys, name: owner });
    this.#networks = new KeyedRateLimiter(make, { maxKeys, name: owner });
  }

  tryAcquire(key: string, cost?: number): Decision {
    if (this.#hasRoomFor(key)) return this.#clients.tryAcquire(key, cost);
    return this.#networks.tryAcquire(networkOf(key), cost);
  }

  peek(key: string, cost?: number): Decision {
    return this.#hasRoomFor(key) ? this.#clients.peek(key, cost) : this.#networks.peek(networkOf(key), cost);
  }

  reserve(key: string, options?: ReserveOptions): Reservation {
    if (this.#hasRoomFor(key)) return this.#clients.reserve(key, options);
    return this.#networks.reserve(networkOf(key), options);
  }

  #hasRoomFor(key: string): boolean {
    return this.#clients['~hasRoomFor'](key);
  }
}

/** Returns the network of a client's key. A key that contains no address is returned unchanged. */
function networkOf(key: string): string {
  const [host = '', prefix = '128'] = key.split('/');
  const address = parseIp(host);
  if (address === undefined) return key;
  return formatNetwork(address, Math.min(Number(prefix), SITE_PREFIX.ipv6), SITE_PREFIX.ipv4);
}
