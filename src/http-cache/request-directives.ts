import { type CacheDirectives, parseCacheControl, secondsOf } from '../http-fields/cache-control.js';

/** What a request asks of the cache, be it in its headers (RFC 9111, 5.2.1) or in `init.cache`, as `fetch` has it. */
export interface RequestDirectives {
  readonly directives: CacheDirectives;
  /** Goes past the cache: nothing is looked up, nothing kept. */
  readonly bypasses: boolean;
  /** Only what the origin confirms, or sends, from now on. */
  readonly fromOrigin: boolean;
  /** Not even to be confirmed: the origin is to send it again. */
  readonly isReload: boolean;
  /** However old it is. */
  readonly anyAge: boolean;
  /** What becomes of it when nothing stored will do: a request, a response 504, or a failure as browsers have it. */
  readonly onMiss: 'forward' | 'timeout' | 'reject';
}

export function readRequestDirectives(headers: Headers, mode: unknown): RequestDirectives {
  const control = headers.get('cache-control');
  const directives = parseCacheControl(control);
  // Pragma counts only where there is no Cache-Control (5.4).
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

/** For how long beyond its lifetime the request takes a response, in milliseconds: `max-stale`. */
export function acceptedStaleness(directives: CacheDirectives): number {
  return directives.get('max-stale') === null ? Infinity : (secondsOf(directives, 'max-stale') ?? 0) * 1000;
}
