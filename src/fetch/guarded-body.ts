import { AbortNode, scopeOf } from '../core/abort-scope.js';
import { Deadline, type DeadlineList } from '../core/deadline-list.js';
import { TimeoutError } from '../core/errors.js';
import { weakly, whenCollected } from '../core/weak.js';

/** By the responses that were made for them. */
const bodies = new WeakMap<object, GuardedBody>();

/** The guarded body of a response, if it has one. */
export const guardedBodyOf = (response: object): GuardedBody | undefined => bodies.get(response);

/**
 * The same response with a body that can be cut off, and whose end can be told: for all that lasts longer than the
 * headers. What has no body to read, or is no real Response, is returned as it is.
 */
export function guardBody(original: Response): Response {
  const { body, headers, status } = original;
  if (typeof body?.getReader !== 'function' || body.locked) return original;
  const guarded = new GuardedBody(body);
  try {
    // Of the same make as the original: undici's Response for undici's fetch.
    const { constructor: Make } = original as unknown as { constructor: typeof Response };
    const init = { headers, status: status >= 200 && status <= 599 ? status : 200 };
    const response = likeOriginal(new Make(guarded.stream, init), original);
    if (response.body !== guarded.stream) return original;
    guarded.open();
    bodies.set(response, guarded);
    return response;
  } catch {
    return original;
  }
}

/** What cannot be given to a Response as it is made; its clones would lose it again. */
function likeOriginal(copy: Response, original: Response): Response {
  const { url, redirected, type, status, statusText, ok } = original;
  const clone = () => likeOriginal(Object.getPrototypeOf(copy).clone.call(copy), original);
  for (const [name, value] of Object.entries({ url, redirected, type, status, statusText, ok, clone })) {
    Object.defineProperty(copy, name, { value });
  }
  return copy;
}

/** A stream that passes on another one, and can be ended from outside. */
export class GuardedBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #source: ReadableStream<Uint8Array>;
  readonly #onEnd: (() => void)[] = [];
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined;
  #controller: ReadableByteStreamController | undefined = undefined;
  #ended = false;

  constructor(source: ReadableStream<Uint8Array>) {
    this.#source = source;
    this.stream = new ReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: (reason) => {
        this.#end();
        return this.#reader?.cancel(reason);
      },
    });
  }

  /** Takes hold of the original body. Nothing is read before somebody reads. */
  open(): void {
    this.#reader = this.#source.getReader();
  }

  /** Calls back once: when the body has been read, has failed, or was cancelled. */
  whenEnded(callback: () => void): void {
    if (this.#ended) callback();
    else this.#onEnd.push(callback);
  }

  /** Cuts the body off when the signal aborts. */
  follow(signal: AbortSignal): void {
    if (this.#ended) return;
    if (signal.aborted) {
      this.cutOff(signal.reason);
      return;
    }
    const link = new SignalLink(this);
    scopeOf(signal).enter(link);
    this.whenEnded(() => link.leave());
    if (this.#reader !== undefined) forgotten.register(this, { link, source: this.#reader });
  }

  /** Cuts the body off after the time of the list. */
  limit(deadlines: DeadlineList): void {
    if (this.#ended) return;
    const deadline = new ReadingTime(this, deadlines.durationMs);
    deadlines.add(deadline);
    this.whenEnded(() => deadlines.remove(deadline));
  }

  cutOff(reason: unknown): void {
    if (this.#ended) return;
    this.#end();
    this.#controller?.error(reason);
    this.#reader?.cancel(reason).catch(() => {});
  }

  async #pull(): Promise<void> {
    try {
      const chunk = await this.#next();
      if (this.#ended) return;
      if (chunk !== undefined) this.#controller?.enqueue(chunk);
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

  /** The next chunk with something in it. A copy: a byte stream takes the memory of what it is given from its maker. */
  async #next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const { done, value } = (await this.#reader?.read()) ?? { done: true, value: undefined };
      if (done) return undefined;
      if (value.byteLength > 0) return value.slice();
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const callback of this.#onEnd) callback();
  }
}

/** Holds the body weakly: a signal may live for ever, and bodies that nobody reads must not live as long. */
class SignalLink extends AbortNode {
  readonly #body: Pick<WeakRef<GuardedBody>, 'deref'>;

  constructor(body: GuardedBody) {
    super();
    this.#body = weakly(body);
  }

  onAbort(reason: unknown): void {
    this.#body.deref()?.cutOff(reason);
  }
}

/** Lets go of what a body held that was dropped unread: its place behind the signal, and its connection. */
const forgotten = /* @__PURE__ */ whenCollected<Forgotten>(({ link, source }) => {
  link.leave();
  source.cancel().catch(() => {});
});

interface Forgotten {
  readonly link: SignalLink;
  readonly source: ReadableStreamDefaultReader<Uint8Array>;
}

class ReadingTime extends Deadline {
  readonly #body: GuardedBody;
  readonly #timeoutMs: number;

  constructor(body: GuardedBody, timeoutMs: number) {
    super();
    this.#body = body;
    this.#timeoutMs = timeoutMs;
  }

  onDue(): void {
    this.#body.cutOff(new TimeoutError({ policy: 'resilientFetch body', timeoutMs: this.#timeoutMs }));
  }
}
