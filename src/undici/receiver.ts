import type { Controller, ResponseFields, ResponseHandler } from './dispatcher.js';

/** The status line and the header fields of a response. */
export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  /** The fields in the form of the style in which they arrived. */
  readonly fields: readonly Uint8Array[] | ResponseFields;
}

/** The connection that a call receives its response from. */
export interface Source {
  readonly rawHeaders: unknown;
  readonly rawTrailers: unknown;
  pause(): void;
  resume(): void;
  abort(reason: unknown): void;
}

/**
 * The handler of a call, in either style, and the controller that it holds for the whole call, while attempts come and
 * go. The handler receives one response, that of the last attempt.
 */
export class Receiver implements Controller {
  /**
   * Whether the handler has the style of undici 6. undici 7 wraps such a handler in one of both styles, whose methods of
   * the later style lose the second field of a name.
   */
  readonly isOldStyle: boolean;
  aborted = false;
  reason: unknown = null;
  paused = false;
  readonly #handler: ResponseHandler;
  readonly #onAbort: (reason: unknown) => void;
  #source: Source | undefined;
  #isOver = false;

  /** @param onAbort - called when the caller aborts the call. */
  constructor(handler: ResponseHandler, onAbort: (reason: unknown) => void) {
    this.#handler = handler;
    this.isOldStyle = typeof handler.onHeaders === 'function';
    this.#onAbort = onAbort;
  }

  get rawHeaders(): unknown {
    return this.#source?.rawHeaders ?? null;
  }

  get rawTrailers(): unknown {
    return this.#source?.rawTrailers ?? null;
  }

  pause(): void {
    this.paused = true;
    this.#source?.pause();
  }

  readonly resume = (): void => {
    this.paused = false;
    this.#source?.resume();
  };

  readonly abort = (reason?: unknown): void => {
    if (this.aborted || this.#isOver) return;
    this.aborted = true;
    this.reason = reason ?? abortError();
    this.#onAbort(this.reason);
    this.#source?.abort(this.reason);
  };

  /** Starts the call. Returns whether the handler still wants a response. */
  start(): boolean {
    this.#call(() =>
      this.isOldStyle ? this.#handler.onConnect?.(this.abort, {}) : this.#handler.onRequestStart?.(this, {}),
    );
    return !this.#isOver && !this.aborted;
  }

  /** Passes an informational response (1xx) on. */
  inform({ status, statusText, fields }: ResponseHead): void {
    this.#call(() =>
      this.isOldStyle
        ? this.#handler.onHeaders?.(status, fields as readonly Uint8Array[], this.resume, statusText)
        : this.#handler.onResponseStart?.(this, status, fields as ResponseFields, statusText),
    );
  }

  /** Passes the head of the response on, and connects its source with the controller. */
  respond({ status, statusText, fields }: ResponseHead, source: Source): void {
    this.#source = source;
    this.#call(() => {
      if (!this.isOldStyle) this.#handler.onResponseStart?.(this, status, fields as ResponseFields, statusText);
      else this.#pauseIf(this.#handler.onHeaders?.(status, fields as readonly Uint8Array[], this.resume, statusText));
    });
  }

  data(chunk: Uint8Array): void {
    this.#call(() => {
      if (!this.isOldStyle) this.#handler.onResponseData?.(this, chunk);
      else this.#pauseIf(this.#handler.onData?.(chunk));
    });
  }

  end(trailers: unknown): void {
    if (this.#isOver) return;
    this.#call(() =>
      this.isOldStyle ? this.#handler.onComplete?.(trailers) : this.#handler.onResponseEnd?.(this, trailers),
    );
    this.#isOver = true;
  }

  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.isOldStyle) this.#handler.onError?.(error);
    else this.#handler.onResponseError?.(this, error);
  }

  /** Passes a notification about the request on. */
  notify(
    name: 'onResponseStarted' | 'onBodySent' | 'onRequestSent',
    ...args: [chunkSize?: unknown, sent?: number]
  ): void {
    this.#call(() => this.#handler[name]?.(...args));
  }

  #pauseIf(result: unknown): void {
    if (result === false) this.pause();
  }

  /** Calls the handler. If it throws, the response ends with that error. */
  #call(callback: () => unknown): void {
    if (this.#isOver) return;
    try {
      callback();
    } catch (error) {
      this.#source?.abort(error);
      this.fail(error);
    }
  }
}

/** Returns an error like undici's own for an abort without a reason. */
function abortError(): Error {
  const error = Object.assign(new Error('Request aborted'), { code: 'UND_ERR_ABORTED' });
  error.name = 'AbortError';
  return error;
}
