import { safeGet } from './inspect.js';

/**
 * Reads and drops the body of a response of `undici.request` that is not used any more, up to undici's limit of 128 KiB.
 * Its connection could not be used again otherwise. Has no effect on any other value.
 */
export function discardBody(value: unknown): void {
  const body = typeof value === 'object' && value !== null ? safeGet(value, 'body') : undefined;
  const dump = typeof body === 'object' && body !== null ? safeGet(body, 'dump') : undefined;
  if (typeof dump === 'function') drop(() => dump.call(body));
}

/**
 * Discards a value that no code has seen: the body of a response of `undici.request` is dropped, and that of a web
 * `Response` is cancelled, which frees its connection. Has no effect on any other value.
 */
export function discardResponse(value: unknown): void {
  discardBody(value);
  const body = typeof value === 'object' && value !== null ? safeGet(value, 'body') : undefined;
  if (typeof body !== 'object' || body === null || safeGet(body, 'locked') !== false) return;
  const cancel = safeGet(body, 'cancel');
  if (typeof cancel === 'function') drop(() => cancel.call(body));
}

/** Calls a function whose result and error do not matter. */
async function drop(dump: () => unknown): Promise<void> {
  try {
    await dump();
  } catch {
    // The body was read, or its connection has failed.
  }
}
