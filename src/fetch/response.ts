import { AbortNode, scopeOf } from '../core/abort-scope.js';
import { Alarm, type Clock } from '../core/clock.js';
import { TimeoutError } from '../core/errors.js';

/** How long a discarded body may take to arrive before its connection is given up. */
const DRAIN_MS = 1000;

/**
 * Gets rid of a response that nobody will read, in a way that lets its connection be used again: short bodies are read
 * to their end, longer or slower ones are cancelled, which closes the connection. Harmless when it is being read.
 */
export function discard(response: unknown, limit: number, clock: Clock): void {
  const { body, headers } = (response ?? {}) as Partial<Response>;
  if (!body || body.locked || typeof body.getReader !== 'function') return;
  if (Number(headers?.get('content-length') ?? 0) > limit) body.cancel().catch(ignore);
  else drain(body.getReader(), limit, clock).catch(ignore);
}

async function drain(reader: Reader, limit: number, clock: Clock): Promise<void> {
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

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

export interface BodyGuard {
  readonly clock: Clock;
  /** Aborts the reading of the body. */
  readonly signal?: AbortSignal | null | undefined;
  /** How long the reading of the body may take. */
  readonly timeoutMs?: number | undefined;
  /** Called once, when the body has ended, failed or been cancelled; at once if there is none. */
  readonly onEnd?: (() => void) | undefined;
}

/** The same response with a body that is watched while it is read. */
export function guardBody(response: Response, guard: BodyGuard): Response {
  if (response.body === null || response.body === undefined) {
    guard.onEnd?.();
    return response;
  }
  const body = new GuardedBody(response.body.getReader(), guard);
  // Of the same make as the original: undici's Response for undici's fetch.
  const { constructor: Make } = response as unknown as { constructor: typeof Response };
  const { status, statusText, headers } = response;
  return likeOriginal(new Make(body.stream, { status, statusText, headers }), response);
}

/** A response made by hand has no URL of its own, and neither have its clones. */
function likeOriginal(copy: Response, { url, redirected, type }: Response): Response {
  const clone = () => likeOriginal(Object.getPrototypeOf(copy).clone.call(copy), { url, redirected, type } as Response);
  return Object.defineProperties(copy, {
    url: { value: url },
    redirected: { value: redirected },
    type: { value: type },
    clone: { value: clone },
  });
}

/** A stream that passes on another one, and can be ended from outside. */
class GuardedBody extends AbortNode {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #source: Reader;
  readonly #guard: BodyGuard;
  readonly #alarm: Alarm | undefined;
  #controller: ReadableByteStreamController | undefined = undefined;
  #ended = false;

  constructor(source: Reader, guard: BodyGuard) {
    super();
    this.#source = source;
    this.#guard = guard;
    const { clock, signal, timeoutMs = Infinity } = guard;
    this.stream = new ReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: (reason) => {
        this.#end();
        return source.cancel(reason);
      },
    });
    if (timeoutMs < Infinity) {
      const error = () => new TimeoutError({ policy: 'resilientFetch body', timeoutMs });
      this.#alarm = new Alarm(clock, timeoutMs, () => this.onAbort(error()));
    }
    if (signal?.aborted) this.onAbort(signal.reason);
    else if (signal) scopeOf(signal).enter(this);
  }

  onAbort(reason: unknown): void {
    if (this.#ended) return;
    this.#end();
    this.#controller?.error(reason);
    this.#source.cancel(reason).catch(ignore);
  }

  async #pull(): Promise<void> {
    try {
      const { done, value } = await this.#source.read();
      if (this.#ended) return;
      if (!done) this.#controller?.enqueue(value);
      else {
        this.#end();
        this.#controller?.close();
        this.#controller?.byobRequest?.respond(0);
      }
    } catch (error) {
      this.#end();
      throw error; // errors the stream
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#alarm?.clear();
    this.leave();
    this.#guard.onEnd?.();
  }
}
