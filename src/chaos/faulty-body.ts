import type { AbortScope } from '../core/abort-scope.js';
import { copyBytes } from '../core/bytes.js';
import { requireGlobal } from '../core/require-global.js';
import { copyResponse } from '../core/response-copy.js';
import { type FailingBody, rejectWithStreamError } from '../core/stream-errors.js';
import type { ChaosRun } from './chaos-run.js';
import type { Hold } from './hold.js';

type Bytes = Uint8Array<ArrayBufferLike>;

/** Returns the next bytes of a body, undefined at its end. */
type Read = () => Promise<Bytes | undefined>;

/** A way to pass on the bytes of a body. */
interface Passage {
  /** Returns the next bytes, which are not empty; undefined at the end. Throws the error of the body. */
  next(read: Read): Promise<Bytes | undefined>;
  /** Releases everything when the reader cancels the body. */
  cancel?(): void;
}

/**
 * Returns the same response with a body that passes its bytes on in another way. A response without a body, or with one
 * that was read or cannot be replaced, is returned unchanged.
 */
function withPassage(original: Response, passage: Passage): Response {
  const { body } = original;
  if (typeof body?.getReader !== 'function' || body.locked) return original;
  const faulty = new FaultyBody(body, passage);
  const response = copyResponse(original, faulty.stream);
  if (response === undefined) return original;
  faulty.open();
  return rejectWithStreamError(response, faulty);
}

class FaultyBody implements FailingBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  failure: { readonly error: unknown } | undefined = undefined;
  readonly #original: ReadableStream<Uint8Array>;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined;

  constructor(original: ReadableStream<Uint8Array>, passage: Passage) {
    this.#original = original;
    this.stream = new (requireGlobal('ReadableStream'))({
      type: 'bytes',
      pull: (controller) => this.#pull(controller, passage),
      cancel: (reason) => {
        passage.cancel?.();
        return this.#reader?.cancel(reason);
      },
    });
  }

  /** Locks the original body. Nothing is read before the caller reads. */
  open(): void {
    this.#reader = this.#original.getReader();
  }

  async #pull(controller: ReadableByteStreamController, passage: Passage): Promise<void> {
    try {
      const bytes = await passage.next(this.#read);
      if (bytes !== undefined) {
        controller.enqueue(copyBytes(bytes)); // a copy: a byte stream detaches the memory of its chunks
        return;
      }
      controller.close();
      controller.byobRequest?.respond(0);
    } catch (error) {
      this.failure = { error };
      this.#reader?.cancel(error).catch(() => {});
      throw error; // errors the stream
    }
  }

  readonly #read: Read = async () => {
    for (;;) {
      const { done, value } = (await this.#reader?.read()) ?? { done: true };
      if (done) return undefined;
      if (value.byteLength > 0) return value;
    }
  };
}

/** Returns a response whose body fails after a number of bytes, or at its end if it is shorter. */
export function truncateBody(response: Response, afterBytes: number, makeError: () => unknown): Response {
  let left = afterBytes;
  return withPassage(response, {
    async next(read) {
      const bytes = left === 0 ? undefined : await read();
      if (bytes === undefined) throw makeError();
      const part = bytes.subarray(0, left);
      left -= part.byteLength;
      return part;
    },
  });
}

/** The number of pieces per second in which a slow body arrives, if its bandwidth allows. */
const PIECES_PER_SECOND = 10;

/** Returns a response whose body arrives with a limited bandwidth as long as the chaos lasts. */
export function slowBody(
  response: Response,
  bytesPerSecond: number,
  chaos: ChaosRun,
  scope: () => AbortScope | undefined,
): Response {
  const pieceBytes = Math.max(1, Math.floor(bytesPerSecond / PIECES_PER_SECOND));
  let rest: Bytes | undefined;
  let hold: Hold | undefined;
  return withPassage(response, {
    async next(read) {
      rest ??= await read();
      if (rest === undefined) return undefined;
      hold = chaos.hold(scope(), (Math.min(pieceBytes, rest.byteLength) / bytesPerSecond) * 1000);
      await hold?.done;
      const piece = rest.subarray(0, pieceBytes);
      rest = rest.byteLength > pieceBytes ? rest.subarray(pieceBytes) : undefined;
      return piece;
    },
    cancel: () => hold?.release(),
  });
}

/** Returns a response with other header fields. */
export function changeHeaders(original: Response, changes: Readonly<Record<string, string | null>>): Response {
  const response =
    original.body === null
      ? (copyResponse(original, null) ?? original)
      : withPassage(original, { next: (read) => read() });
  if (response === original) return original;
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) response.headers.delete(name);
    else response.headers.set(name, value);
  }
  return response;
}
