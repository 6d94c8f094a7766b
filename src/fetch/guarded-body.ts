import { type FailingBody, rejectWithStreamError } from '../core/stream-errors.js';
import { BodyGuard } from './body-guard.js';
import { guardReaders } from './guarded-readers.js';

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
  const response = withBody(original, guard.stream);
  if (response.body !== guard.stream) return undefined;
  guard.open();
  return { response: rejectWithStreamError(response, guard), guard };
}

/**
 * Returns a copy of a response with another body. The copy has the class of the original, such as undici's Response for
 * undici's fetch.
 */
export function withBody(original: Response, body: ReadableStream): Response {
  const { headers, status } = original;
  const { constructor: Make } = original as unknown as { constructor: typeof Response };
  const init = { headers, status: status >= 200 && status <= 599 ? status : 200 };
  return likeOriginal(makeWith(Make, body, init), original);
}

/**
 * Creates a response. HTTP parsers accept header fields that the Response constructor rejects; in that case the
 * original's headers replace those of the new response.
 */
function makeWith(
  Make: typeof Response,
  body: ReadableStream,
  { headers, status }: { headers: Headers; status: number },
) {
  try {
    return new Make(body, { headers, status });
  } catch {
    return Object.defineProperty(new Make(body, { status }), 'headers', { value: headers });
  }
}

/**
 * Copies properties that the Response constructor does not accept. Clones would lose them, so `clone` is replaced too.
 */
function likeOriginal(copy: Response, original: Response): Response {
  const { url, redirected, type, status, statusText, ok } = original;
  const clone = () => likeOriginal(Object.getPrototypeOf(copy).clone.call(copy), original);
  for (const [name, value] of Object.entries({ url, redirected, type, status, statusText, ok, clone })) {
    Object.defineProperty(copy, name, { value, configurable: true });
  }
  return copy;
}

/** A stream that passes on the chunks of another one and can be ended from outside. */
class GuardedStream extends BodyGuard implements FailingBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  failure: { readonly error: unknown } | undefined = undefined;
  readonly #source: ReadableStream<Uint8Array>;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined;
  #controller: ReadableByteStreamController | undefined = undefined;

  constructor(source: ReadableStream<Uint8Array>) {
    super();
    this.#source = source;
    this.stream = new ReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: (reason) => {
        this.end();
        return this.#reader?.cancel(reason);
      },
    });
  }

  /** Locks the original body. Nothing is read before the caller reads. */
  open(): void {
    this.#reader = this.#source.getReader();
  }

  protected override onCutOff(reason: unknown): void {
    this.failure = { error: reason };
    this.#controller?.error(reason);
    this.#reader?.cancel(reason).catch(() => {});
  }

  protected override release(): (() => void) | undefined {
    const reader = this.#reader;
    return reader && (() => void reader.cancel().catch(() => {}));
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
      const { done, value } = (await this.#reader?.read()) ?? { done: true, value: undefined };
      if (done) return undefined;
      if (value.byteLength > 0) return value.slice();
    }
  }
}
