import type { Clock } from '../core/clock.js';
import { type CacheDirectives, isForAllUsers, parseCacheControl } from '../http-fields/cache-control.js';
import type { BodyMemory } from './body-memory.js';
import type { CacheRequest } from './cache-request.js';
import { type CacheStatus, formatCacheStatus } from './cache-status.js';
import { type ExchangeTimes, elapsedMs, freshnessLifetime, initialAge } from './freshness.js';
import { isHarmlessHeader } from './request-identity.js';
import { type HeaderPairs, makeResponse, type ResponseShape } from './response-shape.js';
import { varyNames } from './storable.js';

/** A response as it is kept. Never changed: one that was confirmed is another one. */
export interface StoredResponse {
  /** The number of the exchange that brought it: a later one has the last word. */
  readonly number: number;
  readonly shape: ResponseShape;
  readonly headers: HeaderPairs;
  readonly directives: CacheDirectives;
  readonly body: Uint8Array<ArrayBuffer> | null;
  /**
   * What a request must have to be answered by this response, by the name of a header (null for none), or of a part of
   * its `RequestIdentity`, after a colon.
   */
  readonly selectedBy: ReadonlyMap<string, string | null>;
  /** Whether it may answer all users. */
  readonly isPublic: boolean;
  /** When it came, on the monotonic clock. */
  readonly receivedAt: number;
  /** When it came, on the wall clock. */
  readonly receivedDate: number;
  readonly initialAgeMs: number;
  readonly lifetimeMs: number;
  /** About what it takes up. */
  readonly bytes: number;
}

/** What is kept of a response, and of how it came. */
export interface ReceivedResponse {
  readonly request: CacheRequest;
  readonly number: number;
  readonly shape: ResponseShape;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | null;
  readonly times: ExchangeTimes;
}

/** What the objects and strings of one response take up besides what is counted. */
const OVERHEAD_BYTES = 500;

/**
 * @param heuristic - the share of the time without a change for which a response is fresh that does not say how long.
 * @param before - the stored response that a 304 has confirmed. If that was for one user, it stays so.
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

export function withBody(stored: StoredResponse, body: Uint8Array<ArrayBuffer> | null): StoredResponse {
  return { ...stored, body, bytes: stored.bytes + (body?.byteLength ?? 0) };
}

/** Two bytes a character, at most. */
function sizeOf(pairs: readonly (readonly [string, string | null])[]): number {
  return pairs.reduce((sum, [name, value]) => sum + 2 * (name.length + (value?.length ?? 0)), 0);
}

/**
 * What two requests must have alike to get one response: the headers that its `Vary` names; members of `init` that may
 * change it; and, unless it is for all users, the user, since one process may fetch for many. Where `Vary` of a public
 * response names a header that an agent or a dispatcher may add unseen, these must be the same too.
 */
function selectingNames(headers: Headers, isPublic: boolean): string[] {
  const named = [...new Set(varyNames(headers))].sort();
  if (!isPublic) return [':variant', ':user', ...named];
  return named.every(isHarmlessHeader) ? [':variant', ...named] : [':variant', ':connection', ...named];
}

/** What a request has of a name in `selectedBy`. In lists of what it accepts spaces do not matter. */
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

/** The two clocks of a cache. */
export interface CacheClocks {
  readonly clock: Clock;
  /** The time of day, in milliseconds since 1970. */
  readonly now: () => number;
}

/** How old the response is, in milliseconds, by both clocks (RFC 9111, 4.2.3). */
export function ageOf(stored: StoredResponse, { clock, now }: CacheClocks): number {
  return stored.initialAgeMs + elapsedMs(clock.now() - stored.receivedAt, now() - stored.receivedDate);
}

/** A response of its own for each request, with the `Age` it has now. */
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
