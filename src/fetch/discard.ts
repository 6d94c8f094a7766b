import { copyBytes } from '../core/bytes.js';
import { Alarm, type Clock } from '../core/clock.js';
import { copyResponse } from '../core/response-copy.js';

/**
 * The maximum time that the body of a discarded response may take, in milliseconds, before its connection is closed.
 */
const DRAIN_MS = 1000;

/** What happens to responses that are not returned. */
export interface UnreadResponses {
  /** Discards the body of a response that will not be read. */
  discard(response: Response): void;
  /** Reads the body of a response that may be returned later. Returns a response with what was read. */
  keep(response: Response): Response;
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

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

/**
 * Reads the body of a response that may be returned later, so that its connection can be reused meanwhile. Returns an
 * equal response with the bytes that were read. The reading of a body that is longer than the limit, or too slow, fails
 * at its end.
 */
export function keep(response: Response, limit: number, clock: Clock): Response {
  const { body } = response ?? {};
  if (!body || body.locked || typeof body.getReader !== 'function') return response;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const reader = body.getReader();
  const reading = drain(reader, limit, clock, (chunk) => chunks.push(copyBytes(chunk)));
  reading.catch(ignore); // reported by the stream
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const isWhole = await reading;
        const chunk = chunks.shift();
        if (chunk !== undefined) controller.enqueue(chunk);
        else if (isWhole) controller.close();
        else controller.error(new TypeError('The rest of the body was discarded: it was longer than "drainLimit"'));
      },
    },
    { highWaterMark: 0 },
  );
  return copyResponse(response, stream) ?? response;
}

/** Reads a body up to the limit. Returns whether it has ended by then. */
async function drain(
  reader: Reader,
  limit: number,
  clock: Clock,
  onChunk?: (chunk: Uint8Array) => void,
): Promise<boolean> {
  let isWhole = true;
  const stop = () => {
    isWhole = false;
    reader.cancel().catch(ignore);
  };
  const alarm = new Alarm(clock, DRAIN_MS, stop);
  alarm.unref();
  try {
    let bytes = 0;
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      onChunk?.(chunk.value.subarray(0, limit - bytes));
      bytes += chunk.value.byteLength;
      if (bytes > limit) {
        stop();
        break;
      }
    }
    return isWhole;
  } finally {
    alarm.clear();
  }
}

const ignore = () => {};
