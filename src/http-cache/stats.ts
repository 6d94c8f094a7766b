/** How often what has happened since the cache was made. */
export interface HttpCacheStats {
  /** Answered from what is stored, fresh. */
  readonly hits: number;
  /** Answered from what is stored, stale: since the request or the response allows it, or the origin had failed. */
  readonly staleHits: number;
  /** Requests sent to the origin for want of a stored response that would do, refreshes in the background among them. */
  readonly forwards: number;
  /** Of these, how many the origin answered by 304: what is stored still holds. */
  readonly validations: number;
  /** Answered by what another caller's request, already under way, has brought: stored, or an error of the origin. */
  readonly collapsed: number;
  /** GETs that went past the cache: `no-store`, ranges, conditions of the caller's own. */
  readonly bypassed: number;
  /** Responses stored, those confirmed among them. */
  readonly stored: number;
}

export type MutableHttpCacheStats = { -readonly [S in keyof HttpCacheStats]: HttpCacheStats[S] };
