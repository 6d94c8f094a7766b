import { type Checksum, checksum, hasStrongEtag, NO_BYTES } from './checksum.js';

/** Header fields that describe a representation. The caller has read those of the shared response. */
const DESCRIBING_FIELDS = ['etag', 'last-modified', 'content-type', 'content-encoding', 'content-length'];

/**
 * The rest of a shared body for a reader that has fallen behind, from a request of its own. The bytes that the reader
 * has read are skipped. The reader gets the rest only if it belongs to the same representation: the fields that describe
 * it are equal, and so are the skipped bytes, by a strong `ETag` or by their checksum. Otherwise reading rejects, because
 * parts of two representations must not be mixed.
 */
export class OwnBody {
  readonly #shared: Response;
  readonly #checksum: Checksum;
  readonly #controller = new AbortController();
  readonly #response: Promise<Response>;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined;
  /** The number of bytes that are still to be skipped, and the checksum of those that were. */
  #toSkip: number;
  #skipped = NO_BYTES;

  /**
   * @param readBytes - the number of bytes that the reader has read.
   * @param readChecksum - their checksum.
   */
  constructor(
    shared: Response,
    readBytes: number,
    readChecksum: Checksum,
    send: (signal: AbortSignal) => Promise<Response>,
  ) {
    this.#shared = shared;
    this.#toSkip = readBytes;
    this.#checksum = readChecksum;
    this.#response = send(this.#controller.signal);
  }

  /** Returns the next chunk; undefined at the end. */
  async read(): Promise<Uint8Array | undefined> {
    const reader = this.#reader ?? (await this.#open());
    for (;;) {
      const { done, value } = await reader.read();
      if (done && this.#toSkip > 0) throw this.#differs();
      if (done) return undefined;
      const rest = this.#skip(value);
      if (rest.byteLength > 0) return rest;
    }
  }

  cancel(reason: unknown): void {
    this.#controller.abort(reason);
    this.#reader?.cancel(reason).catch(() => {});
  }

  async #open(): Promise<ReadableStreamDefaultReader<Uint8Array>> {
    const { status, headers, body } = await this.#response;
    const isSame =
      status === this.#shared.status &&
      DESCRIBING_FIELDS.every((name) => headers.get(name) === this.#shared.headers.get(name));
    if (!isSame || body === null || this.#controller.signal.aborted) {
      body?.cancel().catch(() => {});
      throw this.#differs();
    }
    this.#reader = body.getReader();
    return this.#reader;
  }

  /** Returns the part of a chunk that the reader has not read. */
  #skip(chunk: Uint8Array): Uint8Array {
    if (this.#toSkip === 0) return chunk;
    const old = chunk.subarray(0, this.#toSkip);
    this.#toSkip -= old.byteLength;
    const isIdentified = hasStrongEtag(this.#shared);
    if (!isIdentified) this.#skipped = checksum(this.#skipped, old);
    const { one, other } = this.#checksum;
    const isEqual = isIdentified || (this.#skipped.one === one && this.#skipped.other === other);
    if (this.#toSkip === 0 && !isEqual) {
      const error = this.#differs();
      this.cancel(error);
      throw error;
    }
    return chunk.subarray(old.byteLength);
  }

  #differs(): Error {
    return new Error(
      'The reader of a shared response fell behind by more than maxBuffer bytes, and its own request got another response',
    );
  }
}
