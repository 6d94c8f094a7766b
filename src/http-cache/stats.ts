/** The counters of an HTTP cache since it was made. */
export interface HttpCacheStats {
  /** Requests that were served a fresh stored response. */
  readonly hits: number;
  /** Requests that were served a stale stored response: because a directive allows it, or because the origin failed. */
  readonly staleHits: number;
  /** Requests that were sent to the origin because no stored response was usable, including background refreshes. */
  readonly forwards: number;
  /** Forwarded requests that the origin answered with 304: the stored response is still valid. */
  readonly validations: number;
  /**
   * Requests that were served the result of another caller's request in flight: a stored response or an origin error.
   */
  readonly collapsed: number;
  /** GETs that bypassed the cache: `no-store`, ranges, or conditions of the caller. */
  readonly bypassed: number;
  /** Responses that were stored, including those that a 304 has confirmed. */
  readonly stored: number;
}

export type MutableHttpCacheStats = { -readonly [S in keyof HttpCacheStats]: HttpCacheStats[S] };
