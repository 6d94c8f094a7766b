import { Resolver } from 'node:dns/promises';
import { type Clock, checkClock } from '../../core/clock.js';
import { type Duration, toMs } from '../../core/duration.js';
import { InvalidOptionError } from '../../core/errors.js';
import {
  checkFunction,
  checkInteger,
  checkMethods,
  checkNumber,
  checkOneOf,
  checkOptionalFunction,
  readOptions,
} from '../../core/options.js';
import { checkRandom, type Random } from '../../core/random.js';
import type { NodeSource } from '../node-source.js';
import type { BalancerNode } from '../nodes.js';
import { DnsFeed, type DnsRules, type Question } from './dns-feed.js';
import { type DnsRecord, type DnsResolver, readAddresses, readSrv } from './dns-records.js';

/** The options of `dnsNodes`. */
export interface DnsNodesOptions {
  /**
   * The type of the records. `'A+AAAA'` asks for both kinds of addresses. SRV records have a port, a weight and a
   * priority of their own. @defaultValue 'A'
   */
  readonly records?: 'A' | 'AAAA' | 'A+AAAA' | 'SRV' | undefined;
  /** The port of the nodes: an integer from 1 to 65535. Not allowed for SRV. @defaultValue none */
  readonly port?: number | undefined;
  /**
   * Creates the node for a record. A name alone gets the weight and the priority of the record; so does an object
   * without these fields. @defaultValue `({ authority }) => authority`, for example `10.0.0.1:8080`
   */
  readonly toNode?: ((record: DnsRecord) => BalancerNode) | undefined;
  /** The shortest time from an answer to the next lookup, also if its TTL is shorter: above 0. @defaultValue '5s' */
  readonly minTtl?: Duration | undefined;
  /** The longest time from an answer to the next lookup, at least `minTtl`. @defaultValue '5m' */
  readonly maxTtl?: Duration | undefined;
  /** The TTL of an answer without one, such as SRV records in Node: above 0. @defaultValue '30s' */
  readonly defaultTtl?: Duration | undefined;
  /**
   * The largest random extension of the time between lookups, as a share of it from 0 to 1, so that many processes do
   * not ask at the same time. @defaultValue 0.1
   */
  readonly jitter?: number | undefined;
  /** The time after which a lookup has failed: above 0. A later answer is ignored. @defaultValue '5s' */
  readonly timeout?: Duration | undefined;
  /**
   * The time for which a node that is missing in the answers remains in the list with weight 0: it gets no new calls, but
   * keeps its counters and its health if it comes back. It is removed with the first answer after this time; with 0 it
   * is removed immediately. @defaultValue '1m'
   */
  readonly grace?: Duration | undefined;
  /** Called with the error of each lookup that failed or found no records. @defaultValue none */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** The resolver, for example one with `setServers`. @defaultValue a new `Resolver` of `node:dns/promises` */
  readonly resolver?: DnsResolver | undefined;
  /** The clock for TTLs, the timeout and the grace. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** The source of random numbers from 0 to 1 (exclusive), for the jitter. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

const OWNER = 'dnsNodes';

/**
 * Creates a source of nodes from DNS. Pass it to `LoadBalancer` instead of a list. It yields a list when an answer
 * differs from the one before, sorted by name, so that rotated answers change nothing.
 *
 * Lookups repeat when the answer expires, within `minTtl` and `maxTtl`. After a failed, slow or empty answer, the last
 * list stays and the lookup is repeated after `minTtl`, then after twice that time, and so on up to `maxTtl`. Names in
 * `/etc/hosts` are not found, because the DNS is asked directly. The timer does not keep the process alive, and without
 * a balancer there are no lookups and no timer.
 *
 * @param host - The name to look up, for SRV for example `_http._tcp.users.internal`.
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const source = dnsNodes('users.internal', { port: 8080, toNode: ({ authority }) => `http://${authority}` });
 * using balancer = new LoadBalancer(source, { outlier: {} });
 * await balancer.ready(); // the first answer has arrived
 * ```
 */
export function dnsNodes(host: string, options?: DnsNodesOptions): NodeSource {
  if (typeof host !== 'string' || host === '') {
    throw new InvalidOptionError(OWNER, 'host', 'must be a string that is not empty', host);
  }
  const defaults = {
    records: 'A',
    port: undefined,
    toNode: ({ authority }: DnsRecord): BalancerNode => authority,
    minTtl: '5s',
    maxTtl: '5m',
    defaultTtl: '30s',
    jitter: 0.1,
    timeout: '5s',
    grace: '1m',
    onError: undefined,
    resolver: undefined,
    clock: undefined,
    random: undefined,
  } as const;
  const own = readOptions<DnsNodesOptions, typeof defaults>(OWNER, options, defaults);
  const records = checkOneOf(OWNER, 'records', own.records, ['A', 'AAAA', 'A+AAAA', 'SRV']);
  const port = own.port === undefined ? undefined : checkInteger(OWNER, 'port', own.port, { min: 1, max: 65_535 });
  if (records === 'SRV' && port !== undefined) {
    throw new InvalidOptionError(OWNER, 'port', 'must not be set for SRV records, which have ports', port);
  }
  const methods = methodsOf(records);
  const resolver = own.resolver === undefined ? undefined : checkMethods(OWNER, 'resolver', own.resolver, methods);
  const minTtlMs = toMs(OWNER, 'minTtl', own.minTtl);
  const timeoutMs = toMs(OWNER, 'timeout', own.timeout);
  const rules: DnsRules = {
    subject: `${records} records of ${host}`,
    toNode: checkFunction(OWNER, 'toNode', own.toNode),
    minTtlMs,
    maxTtlMs: toMs(OWNER, 'maxTtl', own.maxTtl, { min: minTtlMs }),
    defaultTtlMs: toMs(OWNER, 'defaultTtl', own.defaultTtl),
    jitter: checkNumber(OWNER, 'jitter', own.jitter, { min: 0, max: 1 }),
    timeoutMs,
    graceMs: toMs(OWNER, 'grace', own.grace, { orZero: true }),
    onError: checkOptionalFunction(OWNER, 'onError', own.onError),
    clock: checkClock(OWNER, own.clock),
    random: checkRandom(OWNER, own.random),
  };
  return {
    [Symbol.asyncIterator]() {
      if (resolver !== undefined) return new DnsFeed(rules, questionsFor(resolver, methods, host, port));
      // Within the timeout, a lost packet is sent again twice: c-ares doubles the time for each try, 1 + 2 + 4 = 7.
      const ownResolver = new Resolver({ timeout: Math.ceil(timeoutMs / 7), tries: 3 });
      return new DnsFeed(rules, questionsFor(ownResolver, methods, host, port), () => ownResolver.cancel());
    },
  };
}

type Method = keyof DnsResolver & string;

function methodsOf(records: 'A' | 'AAAA' | 'A+AAAA' | 'SRV'): readonly Method[] {
  if (records === 'SRV') return ['resolveSrv'];
  return records === 'A+AAAA' ? ['resolve4', 'resolve6'] : [records === 'A' ? 'resolve4' : 'resolve6'];
}

/** Returns one question for each method, for example for A and for AAAA. The resolver has all of these methods. */
function questionsFor(
  resolver: DnsResolver,
  methods: readonly Method[],
  host: string,
  port: number | undefined,
): readonly Question[] {
  const ttl = { ttl: true } as const;
  const questions: Record<Method, Question> = {
    resolve4: async () => readAddresses((await resolver.resolve4?.(host, ttl)) ?? [], port),
    resolve6: async () => readAddresses((await resolver.resolve6?.(host, ttl)) ?? [], port),
    resolveSrv: async () => readSrv((await resolver.resolveSrv?.(host)) ?? []),
  };
  return methods.map((method) => questions[method]);
}
