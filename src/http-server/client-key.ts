import { InvalidOptionError } from '../core/errors.js';
import { formatNetwork, type IpAddress, isWithin, parseIp } from '../core/ip-address.js';
import { checkInteger, readOptions } from '../core/options.js';
import { checkTrustedNetworks } from './trusted-networks.js';

/**
 * Who may say on whose behalf a request comes, with `X-Forwarded-For`:
 *
 * - `false`: nobody. The header is not looked at.
 * - a number ≥ 1: so many proxies stand between the internet and this server. Right only if no request comes by a
 *   shorter way.
 * - a list of the proxies' addresses and networks: `['10.0.0.0/8', '2001:db8::1']`. Refused if they are everybody: more
 *   than an eighth of IPv4, in whichever way its addresses are written, or a /12 of the public IPv6 addresses or more.
 */
export type TrustProxy = false | number | readonly string[];

export interface ClientKeyOptions {
  /** Whose `X-Forwarded-For` is believed. @defaultValue false */
  readonly trustProxy?: TrustProxy | undefined;
  /**
   * How many bits of an IPv6 address tell clients apart, 32 to 128. Home and mobile connections are given a /56 or a
   * /64: with 128, one of them is 2⁶⁴ clients or more.
   * @defaultValue 56
   */
  readonly ipv6Prefix?: number | undefined;
}

/** The key of a client by the address at the other end of the connection and the `X-Forwarded-For` of its request. */
export type ClientKey = (
  address: string | undefined,
  forwardedFor?: string | readonly string[] | null | undefined,
) => string | undefined;

/**
 * Makes the function that tells clients apart by their address. For keys of your own that have an address in them: the
 * address as it stands would let one IPv6 connection be billions of clients.
 *
 * An IPv4 address is its own key, also where it is written as IPv6 (`::ffff:192.0.2.1`, `64:ff9b::192.0.2.1`); an IPv6
 * address is known by the network it is in. `X-Forwarded-For` is walked from the right, where the nearest proxy has
 * written, for as long as who wrote is trusted; ports are dropped. The key is undefined when there is no address, or
 * none that could be one. The `Forwarded` header of RFC 7239 is not read.
 *
 * @throws InvalidOptionError for `trustProxy: true` or a network that is everybody: then anyone could choose their key.
 * @example
 * ```ts
 * const client = clientKey({ trustProxy: 1 });
 * client('10.0.0.1', '2001:db8:1:2::3'); // '2001:db8:1::/56'
 * ```
 */
export function clientKey(options?: ClientKeyOptions): ClientKey {
  return clientKeyFor('clientKey', readOptions('clientKey', options, { trustProxy: false, ipv6Prefix: 56 }));
}

/** Likewise, for those who take these options among others. */
export function clientKeyFor(owner: string, { trustProxy = false, ipv6Prefix = 56 }: ClientKeyOptions): ClientKey {
  const trusts = checkTrust(owner, trustProxy);
  const prefix = checkInteger(owner, 'ipv6Prefix', ipv6Prefix, { min: 32, max: 128 });
  return (address, forwardedFor) => {
    const client = clientOf(address, String(forwardedFor ?? ''), trusts);
    return client && formatNetwork(client, prefix);
  };
}

/** Whether the peer, or the proxy that has written the hop-th entry from the right, is believed. */
type Trusts = (proxy: IpAddress | undefined, hop: number) => boolean;

function clientOf(peer: string | undefined, forwardedFor: string, trusts: Trusts): IpAddress | undefined {
  let address = peer === undefined ? undefined : parseIp(peer);
  let end = forwardedFor.length;
  for (let hop = 0; end > 0 && trusts(address, hop); hop++) {
    const comma = forwardedFor.lastIndexOf(',', end - 1);
    address = parseIp(withoutPort(forwardedFor.slice(comma + 1, end).trim()));
    end = comma;
  }
  return address;
}

/** `192.0.2.1:80`, `[2001:db8::1]:80`, `[2001:db8::1]`. */
function withoutPort(text: string): string {
  const match = /^(?:([\d.]+):\d{1,5}|\[([^\]]+)\](?::\d{1,5})?)$/.exec(text);
  return match?.[1] ?? match?.[2] ?? text;
}

function checkTrust(owner: string, trustProxy: TrustProxy): Trusts {
  const fail = (rule: string): never => {
    throw new InvalidOptionError(owner, 'trustProxy', rule, trustProxy);
  };
  const allowed = 'the number of proxies (an integer ≥ 1), or a list of their addresses and networks';
  if (trustProxy === false) return () => false;
  if ((trustProxy as unknown) === true) {
    fail(`must not be true, or everybody could choose the address they go by; it may be ${allowed}`);
  }
  if (typeof trustProxy === 'number') {
    const proxies = checkInteger(owner, 'trustProxy', trustProxy, { min: 1 });
    return (_proxy, hop) => hop < proxies;
  }
  if (!Array.isArray(trustProxy) || trustProxy.length === 0) fail(`must be false, ${allowed}`);
  const networks = checkTrustedNetworks(owner, trustProxy);
  return (proxy) => proxy !== undefined && networks.some((network) => isWithin(proxy, network));
}
