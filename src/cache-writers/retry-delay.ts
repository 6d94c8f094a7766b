import { checkDelay, exponentialBackoff } from '../core/backoff.js';
import { reportUncaught } from '../core/events.js';
import type { Failure } from './cache-updater.js';
import type { PendingKey } from './pending-writes.js';
import type { WriteBehindSettings } from './write-behind-options.js';

/**
 * How long keys that have failed together wait, together, by the one of them that has failed most often; undefined to give
 * up. A backoff that throws must not cost a write.
 */
export function delayAfter<K, V>(
  failed: readonly PendingKey<K, V>[],
  { error }: Failure,
  { name, backoff, random }: Pick<WriteBehindSettings<K, V>, 'name' | 'backoff' | 'random'>,
): number | undefined {
  let attempt = 0;
  let previousDelayMs: number | undefined;
  for (const pending of failed) {
    attempt = Math.max(attempt, ++pending.failures);
    if (pending.delayMs !== undefined) previousDelayMs = Math.max(previousDelayMs ?? 0, pending.delayMs);
  }
  const event = { attempt, previousDelayMs, outcome: { ok: false, error }, random } as const;
  let delayMs: number | undefined;
  try {
    delayMs = backoff(event);
    if (delayMs !== undefined) checkDelay(name, 'backoff', delayMs);
  } catch (thrown) {
    reportUncaught(thrown);
    delayMs = exponentialBackoff()(event);
  }
  for (const pending of failed) pending.delayMs = delayMs;
  return delayMs;
}
