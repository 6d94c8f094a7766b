import type { Clock } from '../core/clock.js';
import { type CacheDirectives, isForAllUsers, parseCacheControl } from '../http-fields/cache-control.js';
import type { BodyMemory } from './body-memory.js';
import type { CacheRequest } from './cache-request.js';
import { type CacheStatus, formatCacheStatus } from './cache-status.js';
import { type ExchangeTimes, elapsedMs, freshnessLifetime, initialAge } from './freshness.js';
import { isHarmlessHeader } from './request-identity.js';
import { type HeaderPairs, makeResponse, type ResponseShape } from './response-shape.js';
import { varyNames } from './storable.js';

/** A stored response. It is immutable: a confirmation by a 304 makes a new one. */
export interface StoredResponse {
  /** The number of the request to the origin that brought it. A response with a higher number is newer. */
  readonly number: number;
  readonly shape: ResponseShape;
  readonly headers: HeaderPairs;
  readonly directives: CacheDirectives;
  readonly body: Uint8Array | null;
  /**
   * The values that a request must have to be served this response: by header name (null if the header is absent), or
   * by a colon and the name of a part of `RequestIdentity`.
   */
  readonly selectedBy: ReadonlyMap<string, string | null>;
  /** Whether the response may be served to all users. */
  readonly isPublic: boolean;
  /** The time of arrival on the monotonic clock. */
  readonly receivedAt: number;
  /** The time of arrival on the wall clock. */
  readonly receivedDate: number;
  readonly initialAgeMs: number;
  readonly lifetimeMs: number;
  /** The approximate memory in bytes. */
  readonly bytes: number;
}

/** A received response with the request that it belongs to. */
export interface ReceivedResponse {
  readonly request: CacheRequest;
  readonly number: number;
  readonly shape: ResponseShape;
  readonly headers: Headers;
  readonly body: Uint8Array | null;
  readonly times: ExchangeTimes;
}

/** The memory of the objects and strings of one response, in addition to its text and body. */
const OVERHEAD_BYTES = 500;

/**
 * Makes a stored response.
 * @param heuristic - the share of the time since the last modification for which a response without freshness is fresh.
 * @param before - the stored response that a 304 has confirmed. If it was for one user, the new one is as well.
 */
export function storedResponse(
  { request, number, shape, headers, body, times }: ReceivedResponse,
  heuristic: number,
  before?: StoredResponse,
): StoredResponse {
  const directives = parseCacheControl(headers.get('cache-control'));
  const kept = keptHeaders(headers, times.receivedDate);
  const isPublic = before?.isPublic !== false && isForAllUsers(directives);
  const selectedBy = new Map(selectingNames(headers, isPublic).map((name) => [name, selectingValue(request, name)]));
  const head = { status: shape.status, headers, directives };
  return {
    number,
    shape,
    headers: kept,
    directives,
    body,
    selectedBy,
    isPublic,
    receivedAt: times.receivedAt,
    receivedDate: times.receivedDate,
    initialAgeMs: initialAge(headers, times),
    lifetimeMs: freshnessLifetime(head, times.receivedDate, heuristic),
    bytes: OVERHEAD_BYTES + request.url.length + sizeOf([...kept, ...selectedBy]) + (body?.byteLength ?? 0),
  };
}

export function withBody(stored: StoredResponse, body: Uint8Array | null): StoredResponse {
  return { ...stored, body, bytes: stored.bytes + (body?.byteLength ?? 0) };
}

/** Returns an upper bound: two bytes per character. */
function sizeOf(pairs: readonly (readonly [string, string | null])[]): number {
  return pairs.reduce((sum, [name, value]) => sum + 2 * (name.length + (value?.length ?? 0)), 0);
}

/**
 * Returns the names of the request properties that must be equal for two requests to get the same response: the headers
 * in `Vary`; the members of `init` that may change the response; and the user, unless the response is `public`, because
 * one process may send requests for many users. If a public response varies by a header that an agent or a dispatcher
 * may add unseen, the connection must be equal too.
 */
function selectingNames(headers: Headers, isPublic: boolean): string[] {
  const named = [...new Set(varyNames(headers))].sort();
  if (!isPublic) return [':variant', ':user', ...named];
  return named.every(isHarmlessHeader) ? [':variant', ...named] : [':variant', ':connection', ...named];
}

/** Returns the value of a name in `selectedBy`. Spaces in the lists of `Accept*` headers are ignored. */
export function selectingValue({ headers, identity }: CacheRequest, name: string): string | null {
  if (name === ':variant') return identity.variant;
  if (name === ':user') return identity.user;
  if (name === ':connection') return identity.connection;
  const value = headers.get(name);
  return /^accept(-|$)/.test(name) ? (value?.replace(/[ \t]*,[ \t]*/g, ',') ?? null) : value;
}

export function isSelectedBy(stored: StoredResponse, request: CacheRequest): boolean {
  for (const [name, value] of stored.selectedBy) if (selectingValue(request, name) !== value) return false;
  return true;
}

/**
 * Headers that are not stored: those of the connection (RFC 9111, 3.1), `Age` (recomputed), `Set-Cookie` (used once).
 */
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

/** The monotonic clock and the wall clock of a cache. */
export interface CacheClocks {
  readonly clock: Clock;
  /** The time of day, in milliseconds since 1970. */
  readonly now: () => number;
}

/** Returns the age of the response in milliseconds, by both clocks (RFC 9111, 4.2.3). */
export function ageOf(stored: StoredResponse, { clock, now }: CacheClocks): number {
  return stored.initialAgeMs + elapsedMs(clock.now() - stored.receivedAt, now() - stored.receivedDate);
}

/** Makes a new response from a stored one, with its current `Age`. */
export function serve(
  stored: StoredResponse,
  cache: CacheClocks & { readonly name: string; readonly bodies: BodyMemory },
  status: CacheStatus,
  extra: HeaderPairs = [],
): Response {
  const ageMs = ageOf(stored, cache);
  const age = String(Math.floor(ageMs / 1000));
  const cacheStatus = formatCacheStatus(cache.name, { ttlMs: stored.lifetimeMs - ageMs, ...status });
  return makeResponse(stored.shape, cache.bodies.bodyFor(stored.body), [
    ...stored.headers,
    ...extra,
    ['age', age],
    ['cache-status', cacheStatus],
  ]);
}
