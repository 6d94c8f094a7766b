import { InvalidOptionError } from '../core/errors.js';
import { formatNetwork, type IpAddress, isWithin, parseIp } from '../core/ip-address.js';
import { checkInteger, readOptions } from '../core/options.js';
import { checkTrustedNetworks } from './trusted-networks.js';

/**
 * The proxies that are trusted to write `X-Forwarded-For`:
 *
 * - `false`: none. The header is ignored.
 * - a number ≥ 1: the number of proxies between the internet and this server. Only correct if every request passes
 *   through all of them.
 * - a list of the addresses and networks of the proxies: `['10.0.0.0/8', '2001:db8::1']`. The list is rejected if it
 *   covers a large part of the internet: more than an eighth of IPv4, in any notation of its addresses, or a /12 of the
 *   public IPv6 addresses or more.
 */
export type TrustProxy = false | number | readonly string[];

/** The options of `clientKey`. */
export interface ClientKeyOptions {
  /** The proxies whose `X-Forwarded-For` is trusted. @defaultValue false */
  readonly trustProxy?: TrustProxy | undefined;
  /**
   * The number of leading bits of an IPv6 address that identify a client: 32 to 128. Home and mobile connections get a
   * /56 or a /64. With 128, one such connection could appear as 2⁶⁴ clients or more.
   * @defaultValue 56
   */
  readonly ipv6Prefix?: number | undefined;
}

/** Returns the key of a client, from the address of the connection and the `X-Forwarded-For` header of the request. */
export type ClientKey = (
  address: string | undefined,
  forwardedFor?: string | readonly string[] | null | undefined,
) => string | undefined;

/**
 * Creates the function that returns a client's key from its address. Use it for custom keys that contain an address:
 * with the unchanged address, one IPv6 connection could appear as billions of clients.
 *
 * An IPv4 address is its own key, also if it is written as IPv6 (`::ffff:192.0.2.1`, `64:ff9b::192.0.2.1`). The key of
 * an IPv6 address is its network. `X-Forwarded-For` is read from the right, where the nearest proxy has written, as
 * long as the writer of an entry is trusted; ports are removed. The key is undefined if there is no address or the
 * address is invalid. The `Forwarded` header of RFC 7239 is not read.
 *
 * @throws InvalidOptionError for `trustProxy: true`, or for a network that covers a large part of the internet: any
 * client could then choose its own key.
 * @example
 * ```ts
 * const client = clientKey({ trustProxy: 1 });
 * client('10.0.0.1', '2001:db8:1:2::3'); // '2001:db8:1::/56'
 * ```
 */
export function clientKey(options?: ClientKeyOptions): ClientKey {
  return clientKeyFor('clientKey', readOptions('clientKey', options, { trustProxy: false, ipv6Prefix: 56 }));
}

/** `clientKey` for functions that have these options among others. */
export function clientKeyFor(owner: string, { trustProxy = false, ipv6Prefix = 56 }: ClientKeyOptions): ClientKey {
  const trusts = checkTrust(owner, trustProxy);
  const prefix = checkInteger(owner, 'ipv6Prefix', ipv6Prefix, { min: 32, max: 128 });
  return (address, forwardedFor) => {
    const client = clientOf(address, String(forwardedFor ?? ''), trusts);
    return client && formatNetwork(client, prefix);
  };
}

/** Whether the peer (hop 0), or the proxy that has written the hop-th entry from the right, is trusted. */
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

/** Removes a port and brackets: `192.0.2.1:80`, `[2001:db8::1]:80`, `[2001:db8::1]`. */
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
    fail(`must not be true, because any client could then choose its own address; use ${allowed}`);
  }
  if (typeof trustProxy === 'number') {
    const proxies = checkInteger(owner, 'trustProxy', trustProxy, { min: 1 });
    return (_proxy, hop) => hop < proxies;
  }
  if (!Array.isArray(trustProxy) || trustProxy.length === 0) fail(`must be false, ${allowed}`);
  const networks = checkTrustedNetworks(owner, trustProxy);
  return (proxy) => proxy !== undefined && networks.some((network) => isWithin(proxy, network));
}
