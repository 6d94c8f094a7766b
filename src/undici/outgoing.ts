import { copyHeaders } from '../core/request-init.js';
import type { OutgoingRequest } from '../fetch/request.js';
import { copyBody, kindOfBody, sizeOfBody } from '../fetch/request-body.js';
import type { DispatchOptions } from './dispatcher.js';
import { copyFields, isRecord, pairsOf } from './fields.js';
import type { OneShotBody } from './replayable-body.js';

/** Stands for the origin of requests that go through a dispatcher with an origin of its own, such as a `Pool`. */
const UNKNOWN_ORIGIN = 'http://origin.invalid';

/** A request as `key` and `repeatable` see it. Its URL is parsed on the first read. */
export class DispatchedRequest implements OutgoingRequest {
  readonly method: string;
  readonly #options: DispatchOptions;

  constructor(options: DispatchOptions, method: string) {
    this.#options = options;
    this.method = method;
  }

  /** The origin; undefined if only the dispatcher knows it, as a `Pool` does. */
  get origin(): string | undefined {
    const { origin } = this.#options;
    if (origin === undefined || origin === null) return undefined;
    return typeof origin === 'object' ? origin.origin : new URL(origin).origin;
  }

  get url(): URL {
    const url = new URL(this.#options.path, this.#options.origin ?? UNKNOWN_ORIGIN);
    for (const [name, value] of Object.entries(this.#options.query ?? {})) {
      for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one ?? ''));
    }
    return url;
  }

  /** Returns a request that the caller may keep and change, without an effect on this one. */
  copy(): OutgoingRequest {
    const { url, method, init } = this;
    return { url, method, input: url.href, init: { ...init, headers: copyHeaders(init.headers) } };
  }

  get input(): string {
    return this.url.href;
  }

  get init() {
    const { headers, body } = this.#options;
    return { method: this.method, headers: isRecord(headers) ? headers : pairsOf(headers), body };
  }
}

/**
 * Returns the options with copies of everything that the caller can change before a later attempt.
 *
 * @param replayLimit - the size of the largest body that is copied, in bytes.
 */
export function captureOptions(options: DispatchOptions, replayLimit: number): DispatchOptions {
  const { headers, body } = options;
  return { ...options, headers: copyFields(headers), body: mustCopy(body, replayLimit) ? copyBody(body) : body };
}

const mustCopy = (body: unknown, replayLimit: number): boolean =>
  kindOfBody(body) === 'mutable' && sizeOfBody(body) <= replayLimit;

/** Whether the body can be read only once. undici's `fetch` passes every body as a generator. */
export function isOneShot(body: unknown): body is OneShotBody {
  if (kindOfBody(body) !== 'stream' || typeof body !== 'object') return false;
  return Symbol.asyncIterator in (body as object) || Symbol.iterator in (body as object);
}

/** Whether the body can be sent any number of times: text, a Blob, or a copy that was made of it. */
export function isReusable(body: unknown, replayLimit: number): boolean {
  const kind = kindOfBody(body);
  return kind === 'none' || kind === 'immutable' || (kind === 'mutable' && sizeOfBody(body) <= replayLimit);
}
