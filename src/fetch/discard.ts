import { Alarm, type Clock } from '../core/clock.js';

/** How long a discarded body may take to arrive before its connection is given up. */
const DRAIN_MS = 1000;

/**
 * Gets rid of a response that nobody will read, in a way that lets its connection be used again: short bodies are read
 * to their end, longer or slower ones are cancelled, which closes the connection. Harmless when it is being read.
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
