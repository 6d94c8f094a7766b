/** The reason why a request was forwarded to the origin (RFC 9211, 2.2). */
export type ForwardReason = 'uri-miss' | 'vary-miss' | 'stale' | 'request';

/** The parameters of a `Cache-Status` member (RFC 9211). */
export interface CacheStatus {
  /** The reason for forwarding; undefined for a hit. */
  readonly fwd?: ForwardReason | undefined;
  readonly fwdStatus?: number | undefined;
  /** The remaining freshness in milliseconds; negative if the response is stale. */
  readonly ttlMs?: number | undefined;
  readonly stored?: boolean | undefined;
  /** Whether the request was served by another caller's request. */
  readonly collapsed?: boolean | undefined;
  readonly detail?: string | undefined;
}

/** Formats the member of this cache in a `Cache-Status` field. */
export function formatCacheStatus(name: string, status: CacheStatus): string {
  const { fwd, fwdStatus, ttlMs, stored, collapsed, detail } = status;
  return [
    name,
    fwd === undefined ? 'hit' : `fwd=${fwd}`,
    fwdStatus !== undefined && `fwd-status=${fwdStatus}`,
    ttlMs !== undefined && `ttl=${Math.floor(ttlMs / 1000)}`,
    stored && 'stored',
    collapsed && 'collapsed',
    detail !== undefined && `detail=${detail}`,
  ]
    .filter(Boolean)
    .join('; ');
}
