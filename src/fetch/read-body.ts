import { joinBytes } from '../core/bytes.js';

/** The beginning of a body, and what follows it. */
export interface ReadBody {
  /** The bytes that were read. */
  readonly bytes: Uint8Array;
  /** The whole body, read bytes included, if it is longer than the limit. It can be sent once. */
  readonly stream: ReadableStream<Uint8Array> | undefined;
}

/** Reads a body up to a limit, to send it again later. */
export class BodyReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #limit: number;
  #isDone = false;

  /** @param limit - the largest number of bytes that are kept. */
  constructor(body: ReadableStream<Uint8Array>, limit: number) {
    this.#reader = body.getReader();
    this.#limit = limit;
  }

  /** Reads the body. Rejects with the error of the body. */
  async read(): Promise<ReadBody> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    while (length <= this.#limit) {
      const { done, value } = await this.#reader.read();
      if (done) {
        this.#isDone = true;
        return { bytes: joinBytes(chunks, length), stream: undefined };
      }
      chunks.push(value);
      length += value.byteLength;
    }
    this.#isDone = true;
    return { bytes: joinBytes([], 0), stream: continued(chunks, this.#reader) };
  }

  /** Cancels the body if it is still being read. */
  cancel(reason: unknown): void {
    if (!this.#isDone) this.#reader.cancel(reason).catch(() => {});
  }
}

/** Returns a stream of the chunks and of the rest of the body, which is read only as fast as the stream is. */
function continued(chunks: Uint8Array[], reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = chunks.shift() ?? (await reader.read()).value;
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
