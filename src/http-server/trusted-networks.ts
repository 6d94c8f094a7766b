import { InvalidOptionError } from '../core/errors.js';
import { type IpAddress, type IpNetwork, isWithin, parseNetwork } from '../core/ip-address.js';

/**
 * Checks the networks of trusted proxies. They must not cover a large part of the internet, because any client there
 * could then choose its own address. Rejected are networks that, alone or together, cover
 *
 * - more than an eighth of IPv4, also where its addresses are written as IPv6 (`::ffff:0:0/96`, NAT64, 6to4, Teredo);
 * - a /12 of the public IPv6 addresses (`2000::/3`) or more, which is what a regional registry gets for all its
 *   members;
 * - more than a /6 of IPv6 in all.
 *
 * Private networks (`10.0.0.0/8`, `fc00::/7`, `fe80::/10`) and the published ranges of any cloud are far smaller.
 */
export function checkTrustedNetworks(
  owner: string,
  entries: readonly string[],
  name = 'trustProxy',
): readonly IpNetwork[] {
  const networks = entries.map((entry, index) => {
    const option = `${name}[${index}]`;
    const network = typeof entry === 'string' ? parseNetwork(entry) : undefined;
    if (network === undefined) {
      throw new InvalidOptionError(owner, option, 'must be an address, or a network like 10.0.0.0/8', entry);
    }
    if (coversInternet([network])) {
      throw new InvalidOptionError(owner, option, 'must not cover a large part of the internet', entry);
    }
    return network;
  });
  if (!coversInternet(networks)) return networks;
  const rule = 'must not cover a large part of the internet with all networks together';
  throw new InvalidOptionError(owner, name, rule, entries);
}

function coversInternet(networks: readonly IpNetwork[]): boolean {
  const ipv6 = networks.map(ipv6Range);
  const onTheInternet = ipv6.map((range) => overlap(range, INTERNET));
  return (
    sizeOf(networks.flatMap(ipv4Ranges)) > 1n << 29n ||
    sizeOf(onTheInternet) >= 1n << (128n - 12n) ||
    sizeOf(ipv6) > 1n << (128n - 6n)
  );
}

/** A range of addresses: `from` is the first address, `to` is the address after the last one. */
interface Range {
  readonly from: bigint;
  readonly to: bigint;
}

/** The IPv6 addresses that are allocated to the public (global unicast). */
const INTERNET: Range = { from: 0x2000n << 112n, to: 0x4000n << 112n };

/** IPv6 prefixes whose addresses contain an IPv4 address, and the bit at which that address begins. */
const EMBEDDED = (
  [
    [[0, 0, 0, 0, 0, 0xffff, 0, 0], 96, 96], // mapped (RFC 4291)
    [[0, 0, 0, 0, 0, 0, 0, 0], 96, 96], // compatible (RFC 4291)
    [[0, 0, 0, 0, 0xffff, 0, 0, 0], 96, 96], // translated (RFC 2765)
    [[0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, 96], // NAT64 (RFC 6052)
    [[0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, 96], // local NAT64 (RFC 8215)
    [[0x2001, 0, 0, 0, 0, 0, 0, 0], 32, 96], // Teredo (RFC 4380)
    [[0x2002, 0, 0, 0, 0, 0, 0, 0], 16, 16], // 6to4 (RFC 3056)
  ] as const
).map(([address, bits, at]) => ({ address, bits, at }));

/** Returns the IPv4 addresses that a network covers, in all IPv6 notations. */
function ipv4Ranges(network: IpNetwork): Range[] {
  return EMBEDDED.flatMap((form) => {
    const holdsAll = network.bits <= form.bits && isWithin(form.address, network);
    if (holdsAll) return [{ from: 0n, to: 1n << 32n }];
    if (network.bits <= form.bits || !isWithin(network.address, form)) return [];
    const group = form.at / 16;
    const address = BigInt(network.address[group]!) * 65_536n + BigInt(network.address[group + 1]!);
    return [rangeOf(address, 32, Math.min(32, Math.max(0, network.bits - form.at)))];
  });
}

function ipv6Range({ address, bits }: IpNetwork): Range {
  return rangeOf(toBigInt(address), 128, bits);
}

/** Returns all addresses of this width with the same leading bits. */
function rangeOf(address: bigint, width: number, bits: number): Range {
  const rest = BigInt(width - bits);
  const from = (address >> rest) << rest;
  return { from, to: from + (1n << rest) };
}

function toBigInt(address: IpAddress): bigint {
  return address.reduce((value, group) => value * 65_536n + BigInt(group), 0n);
}

function overlap(a: Range, b: Range): Range {
  const from = a.from > b.from ? a.from : b.from;
  const to = a.to < b.to ? a.to : b.to;
  return { from, to: to > from ? to : from };
}

/** Returns the number of addresses in all ranges. An address in several ranges counts once. */
function sizeOf(ranges: readonly Range[]): bigint {
  let size = 0n;
  let end = 0n;
  for (const { from, to } of [...ranges].sort((a, b) => (a.from < b.from ? -1 : 1))) {
    if (to <= end) continue;
    size += to - (from > end ? from : end);
    end = to;
  }
  return size;
}
