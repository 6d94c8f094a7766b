import { copyBytes } from '../core/bytes.js';
import type { FailingBody } from '../core/stream-errors.js';
import { whenCollected } from '../core/weak.js';
import { type Checksum, checksum, hasStrongEtag, NO_BYTES } from './checksum.js';
import { OwnBody } from './own-body.js';

type Send = (signal: AbortSignal) => Promise<Response>;

/** A chunk, and the checksum of the body up to its end. */
interface Chunk {
  readonly bytes: Uint8Array;
  readonly checksum: Checksum;
}

/**
 * One body for several readers. The fastest reader drives the source. Each other one has a queue of the chunks that it
 * has not read; the chunks themselves are in memory once. If the queue of a reader would exceed the limit, the reader has
 * fallen behind: its queue is dropped, and it gets the rest from a request of its own.
 */
export class SharedBody {
  readonly #response: Response;
  readonly #maxBuffer: number;
  readonly #queues = new Set<ReaderQueue>();
  #source: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined;
  #isReading = false;
  #checksum = NO_BYTES;

  constructor(response: Response, maxBuffer: number) {
    this.#response = response;
    this.#maxBuffer = maxBuffer;
  }

  /** @param send - sends the reader's own request, in its async context. */
  addReader(send: Send): BodyReader {
    const queue = new ReaderQueue(this);
    this.#queues.add(queue);
    return new BodyReader(queue, this.#response, send);
  }

  /** Locks the source. Nothing is read before a reader reads. */
  open(): void {
    this.#source = this.#response.body?.getReader();
  }

  /** Reads the next chunk of the source for all readers, unless that is being done. */
  advance(): void {
    if (!this.#isReading) this.#read();
  }

  /** Removes a reader. The source is cancelled if it was the last one. */
  remove(queue: ReaderQueue, reason: unknown): void {
    if (!this.#queues.delete(queue) || this.#queues.size > 0) return;
    this.#source?.cancel(reason).catch(() => {});
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      const { done, value } = (await this.#source?.read()) ?? { done: true, value: undefined };
      this.#isReading = false;
      if (done) this.#end({});
      else this.#pass(value);
    } catch (error) {
      this.#end({ error });
    }
  }

  #pass(bytes: Uint8Array): void {
    // The last reader cannot fall behind, and a strong ETag identifies the bytes without a checksum.
    if (this.#queues.size > 1 && !hasStrongEtag(this.#response)) this.#checksum = checksum(this.#checksum, bytes);
    for (const queue of this.#queues) {
      if (!queue.push({ bytes, checksum: this.#checksum }, this.#maxBuffer)) this.#queues.delete(queue);
    }
  }

  #end(end: { readonly error?: unknown }): void {
    const queues = [...this.#queues];
    this.#queues.clear();
    for (const queue of queues) queue.finish(end);
  }
}

/** The chunks that one reader has not read. It does not reference the reader, so that the reader can be collected. */
class ReaderQueue {
  readonly #shared: SharedBody;
  #chunks: Chunk[] = [];
  #bytes = 0;
  #wake: (() => void) | undefined = undefined;
  /** The bytes that the reader has read, and their checksum. */
  readBytes = 0;
  readChecksum = NO_BYTES;
  /** Whether chunks were dropped because the reader had fallen behind. */
  hasFallenBehind = false;
  /** The end of the source; undefined before it. */
  end: { readonly error?: unknown } | undefined = undefined;
  /** The reader's own body, after it has fallen behind. */
  own: OwnBody | undefined = undefined;

  constructor(shared: SharedBody) {
    this.#shared = shared;
  }

  /** Adds a chunk. Returns false if the reader has fallen behind. */
  push(chunk: Chunk, maxBuffer: number): boolean {
    if (chunk.bytes.byteLength > 0) {
      this.#chunks.push(chunk);
      this.#bytes += chunk.bytes.byteLength;
    }
    // A chunk that a read is waiting for is not buffered.
    this.hasFallenBehind = this.#wake === undefined && this.#bytes > maxBuffer;
    if (this.hasFallenBehind) this.#chunks = [];
    this.#notify();
    return !this.hasFallenBehind;
  }

  /** Removes and returns the next chunk; undefined if there is none yet. */
  take(): Uint8Array | undefined {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return undefined;
    this.#bytes -= chunk.bytes.byteLength;
    this.readBytes += chunk.bytes.byteLength;
    this.readChecksum = chunk.checksum;
    return chunk.bytes;
  }

  /** Resolves when the source has another chunk, or has ended. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#shared.advance();
    });
  }

  finish(end: { readonly error?: unknown }): void {
    this.end = end;
    this.#notify();
  }

  /** Ends the part of this reader. */
  leave(reason: unknown): void {
    this.#chunks = [];
    this.#shared.remove(this, reason);
    this.own?.cancel(reason);
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** Makes readers leave that were dropped unread and garbage-collected. */
const dropped = /* @__PURE__ */ whenCollected<ReaderQueue>((queue) => queue.leave(undefined));

/** The body of one caller: a copy of the shared one. */
export class BodyReader implements FailingBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  failure: { readonly error: unknown } | undefined = undefined;
  readonly #queue: ReaderQueue;
  readonly #response: Response;
  readonly #send: Send;
  #controller: ReadableByteStreamController | undefined = undefined;
  #hasLeft = false;

  constructor(queue: ReaderQueue, response: Response, send: Send) {
    this.#queue = queue;
    this.#response = response;
    this.#send = send;
    this.stream = new ReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: (reason) => {
        this.#hasLeft = true;
        queue.leave(reason);
      },
    });
    dropped.register(this, queue);
  }

  async #pull(): Promise<void> {
    try {
      const chunk = await this.#next();
      if (this.#hasLeft) return;
      // A copy, because a byte stream detaches the memory of its chunks, and the other readers get this chunk too.
      if (chunk !== undefined) this.#controller?.enqueue(copyBytes(chunk));
      else {
        this.#controller?.close();
        this.#controller?.byobRequest?.respond(0);
      }
    } catch (error) {
      this.failure = { error };
      throw error; // errors the stream
    }
  }

  /** Returns the next chunk; undefined at the end. */
  async #next(): Promise<Uint8Array | undefined> {
    for (const queue = this.#queue; !this.#hasLeft; ) {
      const chunk = queue.take();
      if (chunk !== undefined) return chunk;
      if (queue.hasFallenBehind) {
        queue.own ??= new OwnBody(this.#response, queue.readBytes, queue.readChecksum, this.#send);
        return queue.own.read();
      }
      if (queue.end !== undefined) {
        if ('error' in queue.end) throw queue.end.error;
        return undefined;
      }
      await queue.next();
    }
    return undefined;
  }
}
