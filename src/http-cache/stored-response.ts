import type { Clock } from '../core/clock.js';
import { type CacheDirectives, parseCacheControl } from './cache-control.js';
import type { CacheRequest } from './cache-request.js';
import { type CacheStatus, formatCacheStatus } from './cache-status.js';
import { type ExchangeTimes, freshnessLifetime, initialAge } from './freshness.js';
import { type HeaderPairs, makeResponse, type ResponseShape } from './shape.js';
import { varyNames } from './storable.js';

/** A response as it is kept. Never changed: one that was confirmed is another one. */
export interface StoredResponse {
  /** The number of the exchange that brought it: a later one has the last word. */
  readonly number: number;
  readonly shape: ResponseShape;
  readonly headers: HeaderPairs;
  readonly directives: CacheDirectives;
  readonly body: Uint8Array<ArrayBuffer> | null;
  /** What the request had in the headers that select this response; null for none. */
  readonly selectedBy: ReadonlyMap<string, string | null>;
  readonly receivedAt: number;
  readonly initialAgeMs: number;
  readonly lifetimeMs: number;
  /** About what it takes up. */
  readonly bytes: number;
}

/** What is kept of a response, and of how it came. */
export interface Arrived {
  readonly request: CacheRequest;
  readonly number: number;
  readonly shape: ResponseShape;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | null;
  readonly times: ExchangeTimes;
}

/** What all instances of one cache agree on. */
export interface StoringRules {
  readonly heuristic: number;
  /** Request headers that tell users apart. */
  readonly userHeaders: readonly string[];
}

/** What the objects and strings of one response take up besides what is counted. */
const OVERHEAD_BYTES = 500;

export function storedResponse(
  { request, number, shape, headers, body, times }: Arrived,
  rules: StoringRules,
): StoredResponse {
  const directives = parseCacheControl(headers.get('cache-control'));
  const kept = keptHeaders(headers, times.receivedDate);
  const names = selectingNames(headers, directives, rules.userHeaders);
  const selectedBy = new Map(names.map((name) => [name, selectingValue(request.headers, name)]));
  const head = { status: shape.status, headers, directives };
  return {
    number,
    shape,
    headers: kept,
    directives,
    body,
    selectedBy,
    receivedAt: times.receivedAt,
    initialAgeMs: initialAge(headers, times),
    lifetimeMs: freshnessLifetime(head, times.receivedDate, rules.heuristic),
    bytes: OVERHEAD_BYTES + request.url.length + sizeOf([...kept, ...selectedBy]) + (body?.byteLength ?? 0),
  };
}

export function withBody(stored: StoredResponse, body: Uint8Array<ArrayBuffer> | null): StoredResponse {
  return { ...stored, body, bytes: stored.bytes + (body?.byteLength ?? 0) };
}

/** Two bytes a character, at most. */
function sizeOf(pairs: readonly (readonly [string, string | null])[]): number {
  return pairs.reduce((sum, [name, value]) => sum + 2 * (name.length + (value?.length ?? 0)), 0);
}

/**
 * The headers that a request must have alike to be answered by the response: those of its `Vary`, and, unless it is
 * `public`, those that tell users apart, since one process may fetch for many.
 */
function selectingNames(headers: Headers, directives: CacheDirectives, userHeaders: readonly string[]): string[] {
  const named = varyNames(headers) ?? [];
  return [...new Set(directives.has('public') ? named : [...named, ...userHeaders])].sort();
}

/** What a request has in the header; null if it has none. In lists of what it accepts spaces do not matter. */
export function selectingValue(headers: Headers, name: string): string | null {
  const value = headers.get(name);
  return /^accept(-|$)/.test(name) ? (value?.replace(/[ \t]*,[ \t]*/g, ',') ?? null) : value;
}

export function isSelectedBy(stored: StoredResponse, request: CacheRequest): boolean {
  for (const [name, value] of stored.selectedBy) if (selectingValue(request.headers, name) !== value) return false;
  return true;
}

/** Fields of the connection (RFC 9111, 3.1); `Age`, which is worked out anew; `Set-Cookie`, which is for one answer only. */
const NOT_KEPT = [
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization'],
  ...['proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'age', 'set-cookie'],
];

function keptHeaders(headers: Headers, receivedDate: number): HeaderPairs {
  const ofConnection = (headers.get('connection') ?? '').split(',').map((name) => name.trim().toLowerCase());
  const kept = [...headers].filter(([name]) => !NOT_KEPT.includes(name) && !ofConnection.includes(name));
  if (!headers.has('date')) kept.push(['date', new Date(receivedDate).toUTCString()]);
  return kept;
}

export function ageOf(stored: StoredResponse, now: number): number {
  return stored.initialAgeMs + Math.max(0, now - stored.receivedAt);
}

/** A response of its own for whoever asks, with the `Age` it has now. */
export function serve(
  stored: StoredResponse,
  { name, clock }: ServingCache,
  status: CacheStatus,
  extra: HeaderPairs = [],
): Response {
  const ageMs = ageOf(stored, clock.now());
  const age = String(Math.floor(ageMs / 1000));
  const cacheStatus = formatCacheStatus(name, { ttlMs: stored.lifetimeMs - ageMs, ...status });
  return makeResponse(stored.shape, stored.body, [
    ...stored.headers,
    ...extra,
    ['age', age],
    ['cache-status', cacheStatus],
  ]);
}

interface ServingCache {
  readonly name: string;
  readonly clock: Clock;
}
