/**
 * An IP address as eight groups of 16 bits. An IPv4 address is stored as its IPv4-mapped IPv6 address:
 * `::ffff:192.0.2.1`.
 */
export type IpAddress = readonly number[];

/** A network: all addresses that begin with the same bits. */
export interface IpNetwork {
  readonly address: IpAddress;
  /** The length of the common prefix in bits, of 128. */
  readonly bits: number;
}

/**
 * Parses an IPv4 or IPv6 address. Returns undefined for any other text. A zone (`fe80::1%eth0`) does not identify the
 * host and is removed.
 */
export function parseIp(text: string): IpAddress | undefined {
  const address = parseAsWritten(text);
  return address && fromNat64(address);
}

function parseAsWritten(text: string): IpAddress | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return [...MAPPED, ...ipv4];
  if (text.length > LONGEST) return undefined;
  const [head = '', tail, ...more] = text.replace(/%.+$/, '').split('::');
  const before = parseGroups(head, tail === undefined);
  const after = parseGroups(tail ?? '', true);
  if (before === undefined || after === undefined || more.length > 0) return undefined;
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...before, ...Array<number>(missing).fill(0), ...after];
}

/**
 * Parses a network such as `10.0.0.0/8` or `2001:db8::/32`, or a single address. Returns undefined for any other text.
 */
export function parseNetwork(text: string): IpNetwork | undefined {
  const [host = '', length, ...more] = text.split('/');
  const address = parseAsWritten(host);
  if (address === undefined || more.length > 0) return undefined;
  const width = host.includes(':') ? 128 : 32;
  const bits = length === undefined ? width : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (!(bits <= width)) return undefined;
  const isPartOfNat64 = width === 128 && bits >= 96; // a wider network is larger than the NAT64 prefix
  return { address: isPartOfNat64 ? fromNat64(address) : address, bits: 128 - width + bits };
}

/** Whether the network contains the address. */
export function isWithin(address: IpAddress, network: IpNetwork): boolean {
  return network.address.every((group, index) => {
    const mask = maskOf(network.bits, index);
    return (group & mask) === (address[index]! & mask);
  });
}

/**
 * Returns the network of an address: `192.0.2.0/24`, or in the form of RFC 5952 `2001:db8:0:100::/56`. A network of one
 * address is written as that address.
 */
export function formatNetwork(address: IpAddress, ipv6Prefix: number, ipv4Prefix = 32): string {
  if (MAPPED.every((group, index) => address[index] === group)) {
    const groups = address.map((group, index) => group & maskOf(96 + ipv4Prefix, index)).slice(6);
    const network = groups.flatMap((group) => [group >> 8, group & 255]).join('.');
    return ipv4Prefix === 32 ? network : `${network}/${ipv4Prefix}`;
  }
  const network = formatIpv6(address.map((group, index) => group & maskOf(ipv6Prefix, index)));
  return ipv6Prefix === 128 ? network : `${network}/${ipv6Prefix}`;
}

const MAPPED: IpAddress = [0, 0, 0, 0, 0, 0xffff];
/** The prefix that a NAT64 translator puts before the IPv4 address that it translates (RFC 6052). */
const NAT64: IpAddress = [0x64, 0xff9b, 0, 0, 0, 0];

/** The longest text that is parsed: eight groups, the last two written as IPv4, and a zone. */
const LONGEST = 96;

/**
 * Converts a NAT64 address to the IPv4 address inside it. Otherwise all hosts behind the translator, which is all of
 * IPv4, would be in one network.
 */
function fromNat64(address: IpAddress): IpAddress {
  return NAT64.every((group, index) => address[index] === group) ? [...MAPPED, ...address.slice(6)] : address;
}

/**
 * Parses an IPv4 address into two groups. An octet with a leading zero is rejected: some parsers read it as octal,
 * others as decimal.
 */
function parseIpv4(text: string): [number, number] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const octets = match?.slice(1).map((octet) => (/^0\d/.test(octet) ? 256 : Number(octet))) ?? [];
  if (octets.length === 0 || octets.some((octet) => octet > 255)) return undefined;
  const [a, b, c, d] = octets as [number, number, number, number];
  return [(a << 8) | b, (c << 8) | d];
}

/** Parses the groups on one side of `::`. The last two groups of an address may be written as IPv4. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups = parts.flatMap((part, index) => {
    const ipv4 = isEnd && index === parts.length - 1 ? parseIpv4(part) : undefined;
    return ipv4 ?? (/^[0-9a-f]{1,4}$/i.test(part) ? Number.parseInt(part, 16) : Number.NaN);
  });
  return groups.some(Number.isNaN) ? undefined : groups;
}

/**
 * Formats an IPv6 address. The longest run of zero groups, or the first of several, is written as `::`; a single zero
 * group is not.
 */
function formatIpv6(address: IpAddress): string {
  let [start, length] = [0, 1];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (address[to] === 0) to++;
    if (to - from > length) [start, length] = [from, to - from];
  }
  const groups = address.map((group) => group.toString(16));
  if (length === 1) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

/** Returns the bits of one group that belong to the first `bits` bits of the address. */
function maskOf(bits: number, group: number): number {
  const inGroup = Math.min(16, Math.max(0, bits - group * 16));
  return (0xffff << (16 - inGroup)) & 0xffff;
}
