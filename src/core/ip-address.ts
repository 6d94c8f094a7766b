/** Eight groups of 16 bits. An IPv4 address is the IPv6 address it maps to: `::ffff:192.0.2.1`. */
export type IpAddress = readonly number[];

/** All addresses that begin with the same bits. */
export interface IpNetwork {
  readonly address: IpAddress;
  /** How many bits are the same, of the 128. */
  readonly bits: number;
}

/**
 * An address as text, of either kind, or undefined. A zone (`fe80::1%eth0`) says nothing of who it is and is dropped.
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

/** `10.0.0.0/8`, `2001:db8::/32`, or one address by itself. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const [host = '', length, ...more] = text.split('/');
  const address = parseAsWritten(host);
  if (address === undefined || more.length > 0) return undefined;
  const width = host.includes(':') ? 128 : 32;
  const bits = length === undefined ? width : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (!(bits <= width)) return undefined;
  const isPartOfNat64 = width === 128 && bits >= 96; // a wider one is more than what is translated
  return { address: isPartOfNat64 ? fromNat64(address) : address, bits: 128 - width + bits };
}

export function isWithin(address: IpAddress, network: IpNetwork): boolean {
  return network.address.every((group, index) => {
    const mask = maskOf(network.bits, index);
    return (group & mask) === (address[index]! & mask);
  });
}

/**
 * The network that an address is in: `192.0.2.0/24`, or as RFC 5952 writes it `2001:db8:0:100::/56`. A network of one
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
/** What a translator puts before the IPv4 address it speaks for (RFC 6052). */
const NAT64: IpAddress = [0x64, 0xff9b, 0, 0, 0, 0];

/** Eight groups, the last two of them as IPv4, and a zone. */
const LONGEST = 96;

/** Otherwise everybody behind the translator, all of IPv4, would be in one network. */
function fromNat64(address: IpAddress): IpAddress {
  return NAT64.every((group, index) => address[index] === group) ? [...MAPPED, ...address.slice(6)] : address;
}

/** Two groups. Octets with leading zeros are octal to some and decimal to others, and no address to us. */
function parseIpv4(text: string): [number, number] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const octets = match?.slice(1).map((octet) => (/^0\d/.test(octet) ? 256 : Number(octet))) ?? [];
  if (octets.length === 0 || octets.some((octet) => octet > 255)) return undefined;
  const [a, b, c, d] = octets as [number, number, number, number];
  return [(a << 8) | b, (c << 8) | d];
}

/** The groups on one side of `::`. An IPv4 address may stand for the last two of the whole. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups = parts.flatMap((part, index) => {
    const ipv4 = isEnd && index === parts.length - 1 ? parseIpv4(part) : undefined;
    return ipv4 ?? (/^[0-9a-f]{1,4}$/i.test(part) ? Number.parseInt(part, 16) : Number.NaN);
  });
  return groups.some(Number.isNaN) ? undefined : groups;
}

/** The longest run of zeros becomes `::`, the first of several; one zero alone stays. */
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

/** Of one group, the bits that belong to the first so many of the whole. */
function maskOf(bits: number, group: number): number {
  const inGroup = Math.min(16, Math.max(0, bits - group * 16));
  return (0xffff << (16 - inGroup)) & 0xffff;
}
