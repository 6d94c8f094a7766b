/**
 * A body that can be read once, made readable several times: undici's fetch gives every body, even text, to its
 * dispatcher as an async generator. The chunks are kept up to a limit. Each attempt has an iterator of its own; the end
 * of an attempt does not close the source.
 */
export class ReplayableBody {
  readonly #body: AsyncIterable<unknown>;
  readonly #limit: number;
  #source: AsyncIterator<unknown> | undefined;
  #chunks: unknown[] = [];
  #bytes = 0;
  #isDone = false;
  #failure: { readonly error: unknown } | undefined;
  /** The read of the source that is under way. Two attempts may wait for it. */
  #reading: Promise<void> | undefined;
  #readers = 0;
  #isBeingRead = false;
  #isLast = false;
  /** The number of chunks that were released. */
  #released = 0;

  /** @param limit - the largest number of bytes that are kept. */
  constructor(body: AsyncIterable<unknown>, limit: number) {
    this.#body = body;
    this.#limit = limit;
  }

  /** Whether the whole body can be read again. */
  get isReplayable(): boolean {
    return this.#bytes <= this.#limit;
  }

  /** Returns the body for one more attempt. The iterators of earlier attempts end. */
  next(): AsyncIterable<unknown> {
    const reader = ++this.#readers;
    let at = 0;
    this.#isBeingRead = false;
    const read = async (): Promise<IteratorResult<unknown>> => {
      while (at >= this.#chunks.length && !this.#isDone) {
        this.#reading ??= this.#read();
        await this.#reading;
      }
      if (reader !== this.#readers) return END;
      if (at < this.#chunks.length) return { done: false, value: this.#take(at++) };
      if (this.#failure !== undefined) throw this.#failure.error;
      return END;
    };
    const end = async (): Promise<IteratorResult<unknown>> => {
      if (reader === this.#readers) this.#endReader();
      return END;
    };
    return {
      [Symbol.asyncIterator]: () => {
        this.#isBeingRead = reader === this.#readers;
        return { next: read, return: end };
      },
    };
  }

  /** Ends the recording: no attempt follows. The source is closed with the last attempt. */
  finish(): void {
    this.#isLast = true;
    if (!this.#isBeingRead) this.#close();
  }

  #endReader(): void {
    this.#isBeingRead = false;
    if (this.#isLast) this.#close();
  }

  #close(): void {
    this.#chunks = [];
    if (this.#isDone) return;
    this.#isDone = true;
    // The result of closing a source that nothing reads any more does not matter.
    const closing = this.#source?.return?.();
    closing?.then(undefined, () => {});
  }

  /** Returns a chunk, and releases those that will not be read again. */
  #take(at: number): unknown {
    const chunk = this.#chunks[at];
    if (this.#isLast || !this.isReplayable) {
      while (this.#released <= at) this.#chunks[this.#released++] = undefined;
    }
    return chunk;
  }

  async #read(): Promise<void> {
    try {
      this.#source ??= this.#body[Symbol.asyncIterator]();
      const { done, value } = await this.#source.next();
      if (done === true) this.#isDone = true;
      else this.#add(value);
    } catch (error) {
      this.#failure = { error };
      this.#isDone = true;
    } finally {
      this.#reading = undefined;
    }
  }

  #add(chunk: unknown): void {
    this.#bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : (chunk as Uint8Array).byteLength;
    // The sender may write the chunk later, and the producer may use its memory again.
    this.#chunks.push(chunk instanceof Uint8Array ? new Uint8Array(chunk) : chunk);
  }
}

const END: IteratorResult<unknown> = { done: true, value: undefined };
