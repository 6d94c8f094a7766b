/** The functions of `node:dns/promises` that are used. A `Resolver` has them, and so has the module itself. */
export interface DnsResolver {
  /** Returns the IPv4 addresses of a name, with or without their TTLs in seconds. */
  resolve4?(hostname: string, options: { readonly ttl: true }): PromiseLike<readonly DnsAddress[]>;
  /** Returns the IPv6 addresses of a name, with or without their TTLs in seconds. */
  resolve6?(hostname: string, options: { readonly ttl: true }): PromiseLike<readonly DnsAddress[]>;
  /** Returns the SRV records of a name. Node reports no TTL for them. */
  resolveSrv?(hostname: string): PromiseLike<readonly SrvAnswer[]>;
}

/** An address in the answer of a resolver. */
export type DnsAddress = string | { readonly address: string; readonly ttl?: number | undefined };

/** An SRV record in the answer of a resolver. */
export interface SrvAnswer {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
  readonly ttl?: number | undefined;
}

/** A record from which a node is made. */
export interface DnsRecord {
  /** The address, or the target of an SRV record in lower case and without the final dot. */
  readonly host: string;
  /** The port of an SRV record, otherwise the `port` option. */
  readonly port: number | undefined;
  /** `host:port`, or `[host]:port` for an IPv6 address; without a port only the host. */
  readonly authority: string;
  /** The priority of an SRV record, 0 is the most preferred; 0 for an address. */
  readonly priority: number;
  /**
   * The weight for the balancer: 1 for an address. The SRV records of one priority with weight 0 share a weight of 1:
   * in RFC 2782 they have a very small share of the calls, and in a balancer a node of weight 0 has none.
   */
  readonly weight: number;
}

/** The records of one answer, and the time in milliseconds for which it is valid; undefined if it is not known. */
export interface DnsAnswer {
  readonly records: readonly DnsRecord[];
  readonly ttlMs: number | undefined;
}

/** Reads an answer with addresses. Duplicates count once. */
export function readAddresses(answer: readonly DnsAddress[], port: number | undefined): DnsAnswer {
  const entries = answer.map((one) => (typeof one === 'string' ? { address: one } : one));
  const hosts = new Set(entries.map(({ address }) => address).filter(isName));
  return {
    records: [...hosts].map((host) => ({ host, port, authority: authorityOf(host, port), priority: 0, weight: 1 })),
    ttlMs: shortestTtl(entries),
  };
}

/**
 * Reads an answer with SRV records (RFC 2782). A record with the target `.` means that there is no service, and is
 * skipped. If a target and port occurs several times, the most preferred priority counts, with the sum of its weights.
 */
export function readSrv(answer: readonly SrvAnswer[]): DnsAnswer {
  const merged = new Map<string, SrvAnswer>();
  for (const one of answer) {
    const name = typeof one.name === 'string' ? one.name.toLowerCase().replace(/\.$/, '') : '';
    if (!isName(name) || !isUint16(one.port) || !isUint16(one.priority) || !isUint16(one.weight)) continue;
    const authority = authorityOf(name, one.port);
    const other = merged.get(authority);
    if (other !== undefined && other.priority < one.priority) continue;
    const weight = other?.priority === one.priority ? other.weight + one.weight : one.weight;
    merged.set(authority, { ...one, name, weight });
  }
  const records = [...merged];
  const weightless = new Map<number, number>();
  for (const [, { priority, weight }] of records) {
    if (weight === 0) weightless.set(priority, (weightless.get(priority) ?? 0) + 1);
  }
  return {
    records: records.map(([authority, { name, port, priority, weight }]) => {
      const share = weight > 0 ? weight : 1 / (weightless.get(priority) as number);
      return { host: name, port, authority, priority, weight: share };
    }),
    ttlMs: shortestTtl(answer),
  };
}

const isName = (name: unknown): boolean => typeof name === 'string' && name !== '';

const isUint16 = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff;

function authorityOf(host: string, port: number | undefined): string {
  if (port === undefined) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The answer expires with its first record. */
function shortestTtl(entries: readonly { readonly ttl?: number | undefined }[]): number | undefined {
  const ttls = entries.map(({ ttl }) => ttl).filter((ttl) => typeof ttl === 'number' && ttl >= 0);
  return ttls.length === 0
    ? undefined
    : ttls.reduce((least: number, ttl) => Math.min(least, ttl as number), Infinity) * 1000;
}
