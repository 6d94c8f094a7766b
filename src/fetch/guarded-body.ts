import { copyBytes } from '../core/bytes.js';
import { requireGlobal } from '../core/require-global.js';
import { copyResponse } from '../core/response-copy.js';
import { type FailingBody, rejectWithStreamError } from '../core/stream-errors.js';
import { BodyGuard } from './body-guard.js';
import { guardReaders } from './guarded-readers.js';
import type { BodyContinuation } from './resumption.js';

/** The body guard of each response. */
const guards = new WeakMap<object, BodyGuard>();

/** Returns the guard of a response's body, if it has one. */
export const bodyGuardOf = (response: object): BodyGuard | undefined => guards.get(response);

/**
 * Returns the same response with a body that can be cut off and whose end is known, for everything that lasts longer
 * than the headers. A response without a body, or with one that cannot be guarded, is returned unchanged.
 */
export function guardBody(original: Response): Response {
  const { body } = original;
  if (body === null) return original;
  try {
    const guarded = typeof body?.getReader === 'function' ? guardStream(original, body) : guardReaders(original);
    if (guarded === undefined) return original;
    guards.set(guarded.response, guarded.guard);
    return guarded.response;
  } catch {
    return original;
  }
}

function guardStream(
  original: Response,
  body: ReadableStream<Uint8Array>,
): { readonly response: Response; readonly guard: BodyGuard } | undefined {
  if (body.locked) return undefined;
  const guard = new GuardedStream(body);
  const response = copyResponse(original, guard.stream);
  if (response === undefined) return undefined;
  guard.open();
  return { response: rejectWithStreamError(response, guard), guard };
}

type ReadResult = ReadableStreamReadResult<Uint8Array>;

/**
 * A stream that passes on the chunks of another one and can be ended from outside. If the other one fails, a
 * continuation may supply the rest of the body.
 */
class GuardedStream extends BodyGuard implements FailingBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  failure: { readonly error: unknown } | undefined = undefined;
  readonly #original: ReadableStream<Uint8Array>;
  /** The source of the chunks. It is replaced when the body is resumed. */
  readonly #source: { reader: ReadableStreamDefaultReader<Uint8Array> | undefined } = { reader: undefined };
  #controller: ReadableByteStreamController | undefined = undefined;
  #continuation: BodyContinuation | undefined = undefined;
  /** Aborts the continuation while it runs. */
  #continuing: AbortController | undefined = undefined;
  /** The error of a source that was cancelled because it was idle. */
  #idleError: { readonly error: unknown } | undefined = undefined;

  constructor(original: ReadableStream<Uint8Array>) {
    super();
    this.#original = original;
    this.stream = new (requireGlobal('ReadableStream'))({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: (reason) => {
        this.end();
        this.#continuing?.abort(reason);
        return this.#source.reader?.cancel(reason);
      },
    });
  }

  /** Locks the original body. Nothing is read before the caller reads. */
  open(): void {
    this.#source.reader = this.#original.getReader();
  }

  override continueWith(continuation: BodyContinuation): void {
    this.#continuation = continuation;
  }

  override onIdle(error: unknown): void {
    this.#idleError = { error };
    this.#cancelSource(error); // the pending read ends, and then rejects with the error
  }

  protected override onCutOff(reason: unknown): void {
    this.failure = { error: reason };
    this.#controller?.error(reason);
    this.#continuing?.abort(reason);
    this.#cancelSource(reason);
  }

  protected override release(): (() => void) | undefined {
    const source = this.#source; // and not this guard, which could then never be collected
    return () => void source.reader?.cancel().catch(() => {});
  }

  #cancelSource(reason: unknown): void {
    this.#source.reader?.cancel(reason).catch(() => {});
  }

  async #pull(): Promise<void> {
    this.beginReading();
    try {
      const chunk = await this.#next();
      if (this.hasEnded) return;
      if (chunk !== undefined) this.#controller?.enqueue(chunk);
      else {
        this.end();
        this.#controller?.close();
        this.#controller?.byobRequest?.respond(0);
      }
    } catch (error) {
      this.end();
      this.failure ??= { error };
      throw error; // errors the stream
    } finally {
      this.endReading();
    }
  }

  /** Returns the next chunk that is not empty, as a copy: a byte stream detaches the memory of its chunks. */
  async #next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const { done, value } = await (this.#continuation === undefined ? this.#read() : this.#readOrContinue());
      if (done) return undefined;
      if (value.byteLength !== 0) return copyBytes(value);
    }
  }

  #read(): Promise<ReadResult> {
    const { reader } = this.#source;
    if (reader === undefined) return Promise.resolve({ done: true, value: undefined });
    return this.isLimitedIdle ? this.#readWatched(reader) : reader.read();
  }

  async #readWatched(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ReadResult> {
    this.beginWaiting();
    try {
      const result = await reader.read();
      const idle = this.#idleError;
      this.#idleError = undefined;
      if (idle !== undefined) throw idle.error;
      return result;
    } finally {
      this.endWaiting();
    }
  }

  /** Reads the next chunk. If the source fails or ends too early, replaces it by one with the rest of the body. */
  async #readOrContinue(): Promise<ReadResult> {
    const continuation = this.#continuation as BodyContinuation;
    for (;;) {
      try {
        const result = await this.#read();
        if (this.hasEnded || continuation.accepts(result)) return result;
      } catch (error) {
        continuation.fail(error);
      }
      if (this.hasEnded) return { done: true, value: undefined };
      const { reader } = this.#source;
      this.#source.reader = undefined;
      this.endSource();
      reader?.cancel().catch(() => {});
      const rest = await this.#continue(continuation);
      if (rest === undefined) return { done: true, value: undefined };
      this.#source.reader = rest.getReader();
      if (this.hasEnded) this.#cancelSource(undefined); // ended while the response with the rest was on its way
    }
  }

  async #continue(continuation: BodyContinuation): Promise<ReadableStream<Uint8Array> | undefined> {
    const controller = new AbortController();
    this.#continuing = controller;
    try {
      return await continuation.continue(controller.signal);
    } finally {
      this.#continuing = undefined;
    }
  }
}
