import { type CacheDirectives, parseCacheControl, secondsOf } from '../http-fields/cache-control.js';

/** The cache directives of a request: from its headers (RFC 9111, 5.2.1), or from `init.cache` of `fetch`. */
export interface RequestDirectives {
  readonly directives: CacheDirectives;
  /** Whether the request bypasses the cache: no lookup, and the response is not stored. */
  readonly bypasses: boolean;
  /** Whether the response must be confirmed or sent by the origin. */
  readonly fromOrigin: boolean;
  /** Whether the origin must send the response again, without a revalidation. */
  readonly isReload: boolean;
  /** Whether a stored response of any age is acceptable. */
  readonly anyAge: boolean;
  /** The result if no stored response is usable: a request to the origin, a 504 response, or a rejection. */
  readonly onMiss: 'forward' | 'timeout' | 'reject';
}

export function readRequestDirectives(headers: Headers, mode: unknown): RequestDirectives {
  const control = headers.get('cache-control');
  const directives = parseCacheControl(control);
  // Pragma is considered only without Cache-Control (RFC 9111, 5.4).
  const isNoCache =
    directives.has('no-cache') || (control === null && parseCacheControl(headers.get('pragma')).has('no-cache'));
  const isOnlyIfCached = directives.has('only-if-cached');
  const anyAge = mode === 'force-cache' || mode === 'only-if-cached';
  return {
    directives,
    bypasses: mode === 'no-store' || (directives.has('no-store') && !isOnlyIfCached && !anyAge),
    fromOrigin: isNoCache || mode === 'no-cache' || mode === 'reload',
    isReload: mode === 'reload',
    anyAge,
    onMiss: mode === 'only-if-cached' ? 'reject' : isOnlyIfCached ? 'timeout' : 'forward',
  };
}

/** Returns the staleness that the request accepts, in milliseconds: `max-stale`. */
export function acceptedStaleness(directives: CacheDirectives): number {
  return directives.get('max-stale') === null ? Infinity : (secondsOf(directives, 'max-stale') ?? 0) * 1000;
}
