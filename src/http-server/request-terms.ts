import { type Clock, checkClock } from '../core/clock.js';
import type { DeadlineHeader } from '../core/deadline-field.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { type IpNetwork, isWithin, parseIp } from '../core/ip-address.js';
import { checkMethods, checkNumber } from '../core/options.js';
import { deadlineHeader, type RequestHeaders, readDeadline } from '../overload/deadline-header.js';
import { readPriority } from './priority.js';
import { checkTrustedNetworks } from './trusted-networks.js';

/** Options for what a request says about its deadline and its priority. */
export interface RequestTermsOptions<Args extends readonly unknown[]> {
  /** The header field with the deadline. @defaultValue `deadlineHeader()`, `x-envoy-expected-rq-timeout-ms` */
  readonly header?: DeadlineHeader | undefined;
  /**
   * The least time that must be left for a request to be worth starting: a duration ≥ 0. Set it to about twice the usual
   * duration of a request. With 0, requests are still started that cannot be finished in time.
   * @defaultValue 0
   */
  readonly margin?: Duration | undefined;
  /**
   * The peers whose header fields are read: addresses and networks such as `10.0.0.0/8`, compared with the other end of
   * the connection. Fields of other peers are ignored.
   * @defaultValue all peers for the deadline, and none for the priority
   */
  readonly trustedPeers?: readonly string[] | undefined;
  /**
   * The priority of a request: a function that returns a finite number, of which 0 is the most important, or undefined;
   * or `'header'` for the urgency in the `Priority` header (RFC 9218), which needs `trustedPeers`.
   * @defaultValue none: the priority is 5
   */
  readonly priority?: 'header' | ((...args: Args) => number | undefined) | undefined;
  /** The clock that measures deadlines. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** All undefined, for reading the options. */
export const NO_TERMS_OPTIONS = {
  header: undefined,
  margin: undefined,
  trustedPeers: undefined,
  priority: undefined,
  clock: undefined,
};

/** Reads the deadline and the priority of requests. */
export class RequestTerms<Args extends readonly unknown[]> {
  readonly clock: Clock;
  readonly marginMs: number;
  readonly #owner: string;
  readonly #header: DeadlineHeader;
  readonly #peers: readonly IpNetwork[] | undefined;
  readonly #priority: RequestTermsOptions<Args>['priority'];

  /** @throws InvalidOptionError if an option is invalid. */
  constructor(owner: string, options: RequestTermsOptions<Args>) {
    const { header, margin = 0, trustedPeers, priority } = options;
    this.#owner = owner;
    this.#header = header === undefined ? deadlineHeader() : checkMethods(owner, 'header', header, ['format', 'parse']);
    this.marginMs = toMs(owner, 'margin', margin, { orZero: true });
    this.#peers = checkPeers(owner, trustedPeers);
    this.#priority = checkPriority(owner, priority, this.#peers !== undefined);
    this.clock = checkClock(owner, options.clock);
  }

  /** Whether the address of a peer is needed. */
  get needsAddress(): boolean {
    return this.#peers !== undefined;
  }

  /** Whether header fields of the peer are read; undefined if that was not restricted. */
  trusts(address: string | null | undefined): boolean | undefined {
    if (this.#peers === undefined) return undefined;
    const peer = address === undefined || address === null ? undefined : parseIp(address);
    return peer !== undefined && this.#peers.some((network) => isWithin(peer, network));
  }

  /** Returns the milliseconds that are left for a request; `Infinity` without a deadline. */
  deadlineOf(headers: RequestHeaders, isTrusted: boolean | undefined): number {
    return isTrusted === false ? Infinity : (readDeadline(headers, this.#header) ?? Infinity);
  }

  /** Returns the priority of a request; undefined if it has none. @throws what the option's function throws. */
  priorityOf(headers: RequestHeaders, isTrusted: boolean | undefined, args: Args): number | undefined {
    if (this.#priority === undefined) return undefined;
    if (this.#priority === 'header') return isTrusted === true ? readPriority(headers) : undefined;
    const priority = this.#priority(...args);
    return priority === undefined ? undefined : checkNumber(this.#owner, 'priority', priority);
  }
}

function checkPeers(owner: string, peers: readonly string[] | undefined): readonly IpNetwork[] | undefined {
  if (peers === undefined) return undefined;
  if (!Array.isArray(peers) || peers.length === 0) {
    throw new InvalidOptionError(owner, 'trustedPeers', 'must be a list of addresses and networks', peers);
  }
  return checkTrustedNetworks(owner, peers, 'trustedPeers');
}

function checkPriority<P>(owner: string, priority: P, hasPeers: boolean): P {
  if (priority === undefined || typeof priority === 'function') return priority;
  if (priority !== 'header') {
    throw new InvalidOptionError(owner, 'priority', `must be a function or 'header'`, priority);
  }
  if (hasPeers) return priority;
  const rule = `can be 'header' only with "trustedPeers": otherwise any client could choose its own priority`;
  throw new InvalidOptionError(owner, 'priority', rule, priority);
}
