/** Why a request went on to the origin (RFC 9211, 2.2). */
export type ForwardReason = 'uri-miss' | 'vary-miss' | 'stale' | 'request';

/** What one answer is told to have been: the parameters of RFC 9211. */
export interface CacheStatus {
  /** Not set for a hit. */
  readonly fwd?: ForwardReason | undefined;
  readonly fwdStatus?: number | undefined;
  /** What is left of the lifetime, in milliseconds; below 0 when it is stale. */
  readonly ttlMs?: number | undefined;
  readonly stored?: boolean | undefined;
  /** Whether it was another caller's request that went on. */
  readonly collapsed?: boolean | undefined;
  readonly detail?: string | undefined;
}

/** The member that a response gets in its `Cache-Status` field. */
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
