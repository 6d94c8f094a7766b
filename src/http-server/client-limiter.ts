import type { Clock } from '../core/clock.js';
import type { Decision } from '../core/errors.js';
import { formatNetwork, parseIp } from '../core/ip-address.js';
import { KeyedRateLimiter } from '../rate-limit/keyed-rate-limiter.js';
import type { Reservation, ReserveOptions } from '../rate-limit/rate-limiter.js';
import { SlidingWindowCounter, type SlidingWindowCounterRate } from '../rate-limit/sliding-window-counter.js';
import type { HttpRateLimiter } from './options.js';

/** The bits of an address that all addresses of one small site have in common, of IPv4 and of IPv6. */
const SITE_PREFIX = { ipv4: 24, ipv6: 48 };

export interface ClientRate extends SlidingWindowCounterRate {
  readonly maxKeys: number | undefined;
  readonly clock: Clock | undefined;
}

/**
 * A `SlidingWindowCounter` for each client. While `maxKeys` clients are in use, a new client counts with its network: an
 * IPv4 /24 or an IPv6 /48. A sender with ten thousand addresses of its own then uses up the limit of its own networks; it
 * cannot lock out clients of other networks, and clients that are known keep their own limits. When `maxKeys` networks are
 * in use as well, further networks share one limit.
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
    return this.#knows(key) ? this.#clients.tryAcquire(key, cost) : this.#networks.tryAcquire(networkOf(key), cost);
  }

  peek(key: string, cost?: number): Decision {
    return this.#knows(key) ? this.#clients.peek(key, cost) : this.#networks.peek(networkOf(key), cost);
  }

  reserve(key: string, options?: ReserveOptions): Reservation {
    return this.#knows(key) ? this.#clients.reserve(key, options) : this.#networks.reserve(networkOf(key), options);
  }

  #knows(key: string): boolean {
    return this.#clients['~hasRoomFor'](key);
  }
}

/** The network of a client's key; a key without an address in it is its own. */
function networkOf(key: string): string {
  const [host = '', prefix = '128'] = key.split('/');
  const address = parseIp(host);
  if (address === undefined) return key;
  return formatNetwork(address, Math.min(Number(prefix), SITE_PREFIX.ipv6), SITE_PREFIX.ipv4);
}
