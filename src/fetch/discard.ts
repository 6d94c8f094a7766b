import { Alarm, type Clock } from '../core/clock.js';

/**
 * The maximum time that the body of a discarded response may take, in milliseconds, before its connection is closed.
 */
const DRAIN_MS = 1000;

/**
 * Discards a response that will not be read, so that its connection can be reused: a short body is read to its end; a
 * longer or slower one is cancelled, which closes the connection. Has no effect on a body that is being read.
 */
export function discard(response: unknown, limit: number, clock: Clock): void {
  const { body, headers } = (response ?? {}) as Partial<Response>;
  if (!body || body.locked || typeof body.getReader !== 'function') return;
  if (Number(headers?.get?.('content-length') ?? 0) > limit) body.cancel().catch(ignore);
  else drain(body.getReader(), limit, clock).catch(ignore);
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>, limit: number, clock: Clock): Promise<void> {
  const alarm = new Alarm(clock, DRAIN_MS, () => reader.cancel().catch(ignore));
  alarm.unref();
  try {
    let bytes = 0;
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      bytes += chunk.value.byteLength;
      if (bytes > limit) {
        await reader.cancel();
        return;
      }
    }
  } finally {
    alarm.clear();
  }
}

const ignore = () => {};
