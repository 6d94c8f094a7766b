/** The HTTP response to a request for which a guarded client has made no call, or has waited too long. */
import { isResilienceError } from 'breakwater';

const NOT_SENT: readonly string[] = [
  ...['ERR_CIRCUIT_OPEN', 'ERR_BULKHEAD_FULL', 'ERR_QUEUE_TIMEOUT'],
  ...['ERR_RATE_LIMITED', 'ERR_SHED', 'ERR_NO_HEALTHY_NODE'],
];
const TOO_LATE: readonly string[] = ['ERR_TIMEOUT', 'ERR_DEADLINE'];

/** Returns undefined for an error that is not one of a policy, for which the framework has its own response. */
export function refusalOf(error: unknown) {
  if (!isResilienceError(error)) return undefined;
  if (TOO_LATE.includes(error.code)) return { status: 504, headers: {}, body: { error: error.code } };
  if (!NOT_SENT.includes(error.code)) return undefined;
  const { retryAfterMs = Infinity } = error as { retryAfterMs?: number };
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  const headers = Number.isFinite(seconds) ? { 'retry-after': String(seconds) } : {};
  return { status: 503, headers, body: { error: error.code } };
}
