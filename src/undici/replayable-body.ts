import { attribute } from '../core/network-error.js';

/** A body that can be read once: a stream, or a generator. */
export type OneShotBody = AsyncIterable<unknown> | Iterable<unknown>;

/**
 * A body that can be read once, made readable several times: undici's `fetch` passes every body, even text, to its
 * dispatcher as an async generator. The chunks are recorded up to a limit. Each attempt has an iterator of its own; the
 * end of an attempt does not close the source.
 */
export class ReplayableBody {
  readonly #body: OneShotBody;
  readonly #limit: number;
  #source: AsyncIterator<unknown> | undefined;
  /** The chunks that an attempt may still need. */
  #chunks: unknown[] = [];
  /** The number of chunks that were released. */
  #released = 0;
  #bytes = 0;
  #isDone = false;
  #failure: { readonly error: unknown } | undefined;
  /** The read of the source that is under way. Iterators of two attempts may wait for it. */
  #reading: Promise<void> | undefined;
  #attempts = 0;
  /** Whether the iterator of the latest attempt is in use. */
  #isBeingRead = false;
  #isLast = false;

  /** @param limit - the maximum number of bytes to record. */
  constructor(body: OneShotBody, limit: number) {
    this.#body = body;
    this.#limit = limit;
    // undici does not see the stream, so that an early failure would be an uncaught error. It is reported by the read.
    const { on } = body as { on?: unknown };
    if (typeof on === 'function') on.call(body, 'error', ignore);
  }

  /** Whether the whole body can be sent again. */
  get isReplayable(): boolean {
    return this.#bytes <= this.#limit;
  }

  /** Returns the body for one more attempt. The iterators of earlier attempts fail, so that undici does not end them. */
  next(): AsyncIterable<unknown> {
    const attempt = ++this.#attempts;
    this.#isBeingRead = false;
    let at = 0;
    const next = async (): Promise<IteratorResult<unknown>> => {
      while (attempt === this.#attempts && at >= this.#recorded && !this.#isDone) {
        this.#reading ??= this.#read();
        await this.#reading;
      }
      if (attempt !== this.#attempts) throw new Error('The body is now being sent with a later attempt');
      if (at < this.#recorded) return { done: false, value: this.#take(at++) };
      this.#endReader();
      if (this.#failure !== undefined) throw this.#failure.error;
      return END;
    };
    const end = async (): Promise<IteratorResult<unknown>> => {
      if (attempt === this.#attempts) this.#endReader();
      return END;
    };
    return {
      [Symbol.asyncIterator]: () => {
        this.#isBeingRead = attempt === this.#attempts;
        return { next, return: end };
      },
    };
  }

  /** Ends the recording: no attempt follows. The source is closed with the last attempt. */
  finish(): void {
    this.#isLast = true;
    if (!this.#isBeingRead) this.#close();
  }

  /** The number of chunks that were read from the source. */
  get #recorded(): number {
    return this.#released + this.#chunks.length;
  }

  #endReader(): void {
    this.#isBeingRead = false;
    if (this.#isLast) this.#close();
  }

  #close(): void {
    this.#chunks = [];
    if (this.#isDone) return;
    this.#isDone = true;
    // The source may be in a read. What it does when it is closed does not matter any more.
    Promise.resolve(this.#reading)
      .then(() => this.#source?.return?.())
      .catch(ignore);
  }

  /** Returns a chunk, and releases the chunks that no attempt will read again. */
  #take(at: number): unknown {
    const index = at - this.#released;
    const chunk = this.#chunks[index];
    if (this.#isLast || !this.isReplayable) {
      this.#chunks.splice(0, index + 1);
      this.#released = at + 1;
    }
    return chunk;
  }

  async #read(): Promise<void> {
    try {
      this.#source ??= iteratorOf(this.#body);
      const { done, value } = await this.#source.next();
      if (done === true) this.#isDone = true;
      else this.#add(value);
    } catch (error) {
      attribute(error, 'caller');
      this.#failure = { error };
      this.#isDone = true;
    } finally {
      this.#reading = undefined;
    }
  }

  #add(chunk: unknown): void {
    this.#bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : sizeOf(chunk);
    // The producer may use the memory of a chunk again while the chunk is still needed for a later attempt.
    this.#chunks.push(chunk instanceof Uint8Array && this.isReplayable ? new Uint8Array(chunk) : chunk);
  }
}

/** Returns the size of a chunk; `Infinity` for a value that undici rejects. */
const sizeOf = (chunk: unknown): number => (ArrayBuffer.isView(chunk) ? chunk.byteLength : Infinity);

/** Returns an iterator. That of a synchronous source may be used as an asynchronous one, since its results are awaited. */
const iteratorOf = (body: OneShotBody): AsyncIterator<unknown> =>
  Symbol.asyncIterator in body
    ? body[Symbol.asyncIterator]()
    : (body[Symbol.iterator]() as unknown as AsyncIterator<unknown>);

const END: IteratorResult<unknown> = { done: true, value: undefined };
const ignore = () => {};
