import type { Controller, ResponseFields, ResponseHandler } from './dispatcher.js';
import { Exchange } from './exchange.js';

/** An attempt in the style of undici 6. */
export class CallbackExchange extends Exchange {
  #abort: ((reason?: unknown) => void) | undefined;
  #resume: (() => void) | undefined;

  get rawHeaders(): unknown {
    return this.head?.fields ?? null;
  }

  get rawTrailers(): unknown {
    return null;
  }

  /** Has no effect: `onHeaders` and `onData` return whether the source must wait. */
  pause(): void {}

  protected unpause(): void {
    this.#resume?.();
  }

  protected close(reason: unknown): void {
    this.#abort?.(reason);
  }

  protected get isStarted(): boolean {
    return this.#abort !== undefined;
  }

  protected field(name: string): string | null {
    const fields = (this.head?.fields ?? []) as readonly { readonly length: number }[];
    const values: string[] = [];
    for (let at = 0; at + 1 < fields.length; at += 2) {
      if (fields[at]?.length === name.length && textOf(fields[at]).toLowerCase() === name) {
        values.push(textOf(fields[at + 1]));
      }
    }
    return values.length === 0 ? null : values.join(', ');
  }

  protected get handler(): ResponseHandler {
    const { receiver } = this;
    return {
      onConnect: (abort) => {
        this.#abort = abort;
        this.started();
      },
      onHeaders: (status, fields, resume, statusText) => {
        this.#resume = resume;
        return !this.respond({ status, statusText, fields }) || !this.mustWait;
      },
      onData: (chunk) => {
        this.handle({ type: 'data', chunk });
        return !this.mustWait;
      },
      onComplete: (trailers) => this.handle({ type: 'end', trailers }),
      onError: (error) => this.handle({ type: 'error', error }),
      onResponseStarted: () => receiver.notify('onResponseStarted'),
      onBodySent: (size, total) => receiver.notify('onBodySent', size, total),
      onRequestSent: () => receiver.notify('onRequestSent'),
    };
  }
}

/** An attempt in the style of undici 7 and 8. */
export class ControllerExchange extends Exchange {
  #controller: Controller | undefined;
  #rawTrailers: unknown = null;

  get rawHeaders(): unknown {
    return this.#controller?.rawHeaders ?? null;
  }

  get rawTrailers(): unknown {
    return this.#rawTrailers;
  }

  pause(): void {
    this.#controller?.pause();
  }

  protected unpause(): void {
    this.#controller?.resume();
  }

  protected close(reason: unknown): void {
    this.#controller?.abort(reason);
  }

  protected get isStarted(): boolean {
    return this.#controller !== undefined;
  }

  protected field(name: string): string | null {
    const value = (this.head?.fields as ResponseFields | undefined)?.[name];
    if (value === undefined) return null;
    return typeof value === 'string' ? value : value.join(', ');
  }

  protected get handler(): ResponseHandler {
    return {
      onRequestStart: (controller) => {
        this.#controller = controller;
        this.started();
      },
      onResponseStart: (controller, status, fields, statusText = '') => {
        if (this.respond({ status, statusText, fields }) && this.mustWait) controller.pause();
      },
      onResponseData: (controller, chunk) => {
        this.handle({ type: 'data', chunk });
        if (this.mustWait) controller.pause();
      },
      onResponseEnd: (controller, trailers) => {
        this.#rawTrailers = controller.rawTrailers ?? null;
        this.handle({ type: 'end', trailers });
      },
      onResponseError: (_controller, error) => this.handle({ type: 'error', error }),
    };
  }
}

/** Returns a name or a value of a header field. undici's own wrapper puts the values of a repeated field in an array. */
function textOf(bytes: unknown): string {
  if (Array.isArray(bytes)) return bytes.map(textOf).join(', ');
  return typeof bytes === 'string' ? bytes : Buffer.prototype.toString.call(bytes, 'latin1');
}
