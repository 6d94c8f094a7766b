/** Many callers at once, or within some seconds, against servers that limit requests. In virtual time. */
import { type ResilientFetchOptions, resilientFetch } from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import { createServer, type ServerOptions } from './servers.js';

/** The callers and the servers of one run. */
export interface Storm {
  readonly name: string;
  /** The number of callers. @defaultValue 100 */
  readonly callers?: number;
  /** The time in which the callers arrive, in milliseconds. @defaultValue 0 */
  readonly withinMs?: number;
  readonly server?: ServerOptions;
  /** One server, and so one key, for each element. @defaultValue one */
  readonly servers?: readonly ServerOptions[];
  /** What must happen: the share of the callers that must be served. Undefined for servers that serve nobody. */
  readonly least?: number;
}

/** The 23 types of servers. `least` is 0.95 up to 50 % load and `Retry-After` ≤ 1 s, else 0.85 up to 70 % load. */
export const STORMS: readonly Storm[] = [
  { name: 'fixed window 10/s', least: 0.95 },
  { name: 'bucket 10/s, burst 10', server: { limit: 'bucket' }, least: 0.95 },
  { name: 'bucket 10/s, burst 1', server: { limit: 'bucket', burst: 1 }, least: 0.95 },
  { name: 'sliding log 10/s', server: { limit: 'log' }, least: 0.95 },
  { name: 'no Retry-After', server: { retryAfter: 'none' }, least: 0.95 },
  { name: 'Retry-After 5 always', server: { retryAfter: 5 }, least: 0.85 },
  { name: 'RateLimit fields', server: { fields: true }, least: 0.95 },
  { name: 'others take 5/s of 10', server: { limit: 'log', others: 5 }, least: 0.85 },
  { name: '200 callers', callers: 200, least: 0.85 },
  { name: '250 callers within 20 s', callers: 250, withinMs: 20_000, least: 0.95 },
  { name: '100/s falls to 5/s', withinMs: 6000, server: { rate: 100, falls: { atMs: 2000, rate: 5 } }, least: 0.95 },
  { name: '100 per 10 s, 150 callers', callers: 150, server: { limit: 'ten-seconds' }, least: 0.95 },
  {
    name: '3 keys: 2, 10, 50/s, 150 callers',
    callers: 150,
    servers: [{ rate: 2 }, { rate: 10 }, { rate: 50 }],
    least: 0.85,
  },
  { name: 'at most 10 at once', server: { limit: 'concurrency' }, least: 0.95 },
  { name: 'sick: 503, Retry-After 1', server: { sick: 1 } },
  { name: '10 % 503, and 10/s', server: { sick: 0.1 }, least: 0.95 },
  { name: 'lies: 429, Retry-After 1', server: { lies: true, retryAfter: 1 } },
  { name: 'lies: 429, Retry-After 0', server: { lies: true, retryAfter: 0 } },
  { name: 'round trip 300 ms', server: { latencyMs: 150 }, least: 0.95 },
  { name: 'bucket 10/s, burst 5', server: { limit: 'bucket', burst: 5 }, least: 0.95 },
  { name: '1/s, 25 callers', callers: 25, server: { rate: 1 }, least: 0.85 },
  { name: '100/s, 1200 callers', callers: 1200, server: { rate: 100 }, least: 0.95 },
  { name: 'no limit, 50 callers', callers: 50, server: { limit: 'none' }, least: 1 },
];

/** The result of one run. */
export interface StormResult {
  readonly served: number;
  /** The number of calls by their end: a status or an error code. */
  readonly ends: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly refused: number;
  /** The requests that were sent after the first 429 had arrived, and the refused ones of them. */
  readonly sentLater: number;
  readonly refusedLater: number;
  /** The time of the last success, and of the end of the last call, in milliseconds. */
  readonly lastServedAt: number;
  readonly lastEndAt: number;
  /** The times at which the calls that were not served have ended. */
  readonly failedAt: readonly number[];
  /** The number of calls that have not ended, and of timers that are left. */
  readonly pending: number;
  readonly timers: number;
  readonly opened: number;
  /** The share of pairs of calls that were served out of order. */
  readonly disorder: number;
}

export type FetchOptions = Omit<ResilientFetchOptions, 'fetch' | 'clock' | 'random'>;

/** Runs a storm for 40 s of virtual time. */
export async function run(storm: Storm, seed: number, options: FetchOptions = {}): Promise<StormResult> {
  const { callers = 100, withinMs = 0, server = {}, servers: all = [server] } = storm;
  const clock = new TestClock();
  const random = seededRandom(seed);
  const servers = all.map((one) => createServer(clock, random, one));
  let opened = 0;
  const fetch = resilientFetch({
    ...options,
    clock,
    random,
    fetch: (url: string, init?: { readonly signal?: AbortSignal | null }) =>
      servers[Number(new URL(url).hostname.slice(1))]!.fetch(url, init),
    on: { ...options.on, stateChange: ({ to }) => (opened += to === 'open' ? 1 : 0) },
  });
  const ends: Record<string, number> = {};
  const order: number[] = [];
  const failedAt: number[] = [];
  let ended = 0;
  let lastServedAt = 0;
  let lastEndAt = 0;
  const call = async (index: number) => {
    const end = await fetch(`http://s${index % servers.length}/`).then(
      ({ status }) => String(status),
      (error) => error.code ?? error.name,
    );
    ends[end] = (ends[end] ?? 0) + 1;
    ended++;
    lastEndAt = clock.now();
    if (end !== '200') {
      failedAt.push(clock.now());
      return;
    }
    order.push(index);
    lastServedAt = clock.now();
  };
  for (let index = 0; index < callers; index++) {
    if (withinMs === 0) void call(index);
    else clock.setTimeout(() => void call(index), random() * withinMs);
  }
  await clock.advance(40_000);
  const total = (name: keyof (typeof servers)[0]['counts']) => servers.reduce((sum, one) => sum + one.counts[name], 0);
  const others = all.filter((one) => (one.others ?? 0) > 0).length;
  return {
    served: ends['200'] ?? 0,
    ends,
    requests: total('requests'),
    refused: total('refused'),
    sentLater: total('sentLater'),
    refusedLater: total('refusedLater'),
    lastServedAt,
    lastEndAt,
    failedAt,
    pending: callers - ended,
    timers: clock.pendingTimers - others,
    opened,
    disorder: disorderOf(order),
  };
}

function disorderOf(order: readonly number[]): number {
  let pairs = 0;
  let swapped = 0;
  for (const [at, first] of order.entries()) {
    for (const second of order.slice(at + 1)) {
      pairs++;
      if (first > second) swapped++;
    }
  }
  return pairs === 0 ? 0 : swapped / pairs;
}
