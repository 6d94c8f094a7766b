import { bindAsyncContext } from '../core/async-context.js';
import type { CallContext } from '../core/call-context.js';
import type { Classify, Outcome } from '../core/outcome.js';
import type { Policy } from '../core/policy.js';
import type { BeforeRetry, ChangeableCall, ChangeableOperation } from './before-retry.js';
import { changedRequest } from './changed-request.js';
import { asRequest, type CapturedRequest, FIELDS_OF_ORIGIN, withHeaders, withUrl } from './request.js';

/** Supplies the rest of a body whose source has failed. */
export interface BodyContinuation {
  /** Whether the result of a read is a part of the body, as far as it was announced. Counts its bytes if so. */
  accepts(result: ReadableStreamReadResult<Uint8Array>): boolean;
  /** Records the error of the source. It ends the body if the body cannot be continued. */
  fail(error: unknown): void;
  /**
   * Returns the rest of the body; undefined if nothing is missing.
   * @throws the error that was recorded last.
   */
  continue(signal: AbortSignal): Promise<ReadableStream<Uint8Array> | undefined>;
}

/** The policies of resumptions. */
export interface ResumePolicies {
  /** The largest number of resumptions of one body. */
  readonly maxAttempts: number;
  /** Creates the policy that repeats resumptions: with the delays, the budget and the listeners of the retry. */
  retrying(maxAttempts: number): Policy;
  /** Discards the body of a response that will not be read. */
  discard(response: Response): void;
}

/** The call whose body is resumed. */
export interface ResumedCall {
  /** The request as it was sent last. */
  readonly request: CapturedRequest;
  readonly classify: Classify;
  /** Returns the key of a request. */
  keyOf(request: CapturedRequest): string;
  /** Sends the request for the rest of the body as one attempt. */
  send(request: CapturedRequest, key: string, signal: AbortSignal): Promise<Response>;
}

/**
 * Returns the request with `Accept-Encoding: identity`, unless the caller has set that field: `fetch` decodes a body
 * that was compressed, and a range counts the bytes before they are decoded. Returns undefined for a request whose
 * response is never resumed.
 */
export function asResumable(request: CapturedRequest): CapturedRequest | undefined {
  const { method, init, input, requestHeaders } = request;
  const integrity = init?.integrity ?? (asRequest(input) as { integrity?: unknown } | undefined)?.integrity;
  // The platform checks the integrity of a whole response.
  if (method !== 'GET' || integrity) return undefined;
  try {
    const headers = new Headers((init?.headers ?? requestHeaders) as HeadersInit | undefined);
    if (headers.has('range')) return undefined;
    if (headers.has('accept-encoding')) return request;
    return withHeaders(request, { ...Object.fromEntries(headers), 'accept-encoding': 'identity' });
  } catch {
    return undefined; // fetch rejects the headers with its own error
  }
}

/** The part of a body that a response has announced. */
interface Part {
  /** The offset of the first byte after the part. */
  readonly end: number;
  /** The size of the whole body in bytes. */
  readonly total: number;
}

/**
 * Resumes a body after a failure, by range requests (RFC 9110, 14) for the bytes that are missing. `If-Range` and the
 * strong `ETag` ensure that all parts belong to one representation.
 */
export class Resumption implements BodyContinuation, ChangeableCall {
  readonly #call: ResumedCall;
  #request: CapturedRequest;
  /** The URL that the response has come from after redirects; undefined without one, and after a change of the URL. */
  #finalUrl: string | undefined;
  readonly #etag: string;
  readonly #policies: ResumePolicies;
  /** The size of the whole body in bytes; undefined while it is unknown. */
  #total: number | undefined;
  /** The number of bytes that were passed on. */
  #offset = 0;
  /** Where the current part ends. The platform itself checks the length of the first one. */
  #partEnd: number | undefined = undefined;
  #attemptsLeft: number;
  /** The error that interrupted the body. */
  #error: unknown = undefined;
  /** Whether the server has sent more bytes than it announced. */
  #isTooLong = false;
  #task = (): void => {};
  #runInContext!: () => void;

  private constructor(
    call: ResumedCall,
    finalUrl: string | undefined,
    head: { readonly etag: string; readonly total: number | undefined },
    policies: ResumePolicies,
  ) {
    this.#call = call;
    this.#request = call.request;
    this.#finalUrl = finalUrl;
    this.#etag = head.etag;
    this.#total = head.total;
    this.#policies = policies;
    this.#attemptsLeft = policies.maxAttempts;
    this.#bind();
  }

  /**
   * Returns the resumption of a response; undefined if the response cannot be resumed.
   *
   * @param isRouted - whether the `route` option chooses the URL of each attempt.
   */
  static of(
    call: ResumedCall,
    response: Response,
    isRouted: boolean,
    policies: ResumePolicies,
  ): Resumption | undefined {
    const head = resumableHead(response);
    const finalUrl = response.redirected && !isRouted ? response.url : undefined;
    return head && new Resumption(call, finalUrl || undefined, head, policies);
  }

  get method(): string {
    return this.#request.method;
  }

  /** A body that is resumed has been sent in part: its rest is requested once at a time. */
  get mayOverlap(): boolean {
    return false;
  }

  async prepare(beforeRetry: BeforeRetry, attempt: number, outcome: Outcome, context: CallContext): Promise<void> {
    const old = this.#request;
    this.#request = await changedRequest(beforeRetry, old, attempt, outcome, context);
    if (this.#request.url.href !== old.url.href) this.#finalUrl = undefined;
  }

  accepts({ done, value }: ReadableStreamReadResult<Uint8Array>): boolean {
    if (done) return this.#partEnd === undefined || this.#offset === this.#total;
    const end = this.#offset + value.byteLength;
    this.#isTooLong = this.#partEnd !== undefined && end > this.#partEnd;
    if (this.#isTooLong) return false;
    this.#offset = end;
    return true;
  }

  fail(error: unknown): void {
    this.#error = error;
  }

  /** Runs in the async context of the call. */
  continue(signal: AbortSignal): Promise<ReadableStream<Uint8Array> | undefined> {
    return new Promise((resolve, reject) => {
      this.#task = () => void this.#continue(signal).then(resolve, reject);
      this.#runInContext();
    });
  }

  #bind(): void {
    this.#runInContext = bindAsyncContext(() => {
      this.#bind();
      this.#task();
    });
  }

  async #continue(signal: AbortSignal): Promise<ReadableStream<Uint8Array> | undefined> {
    if (this.#isTooLong) throw this.#error;
    if (this.#offset === this.#total) return undefined;
    if (this.#attemptsLeft <= 0) throw this.#error;
    try {
      const rest = await this.#sendUntilAccepted(signal);
      if (rest !== undefined) return rest.stream;
    } catch {
      // The reader gets the error that interrupted the body, and not the one of a resumption.
    }
    throw this.#error;
  }

  /** Repeats the request for the rest of the body. Its first attempt is the one that has failed. */
  async #sendUntilAccepted(signal: AbortSignal): Promise<Rest | undefined> {
    let rest: Rest | undefined;
    let isFirst = true;
    const classify: Classify = (outcome, context) => {
      if (isFirst) return 'failure';
      if (rest !== undefined) return 'success';
      const verdict = this.#call.classify(outcome, context);
      return verdict === 'success' ? 'permanent' : verdict;
    };
    const attempt: ChangeableOperation = async (context) => {
      isFirst = context.attempt === 1;
      if (isFirst) throw this.#error;
      this.#attemptsLeft--;
      const response = await this.#call.send(this.#requestForRest(), this.#call.keyOf(this.#request), context.signal);
      rest = this.#restIn(response);
      return response;
    };
    attempt.changeable = this;
    const options = { signal, classify, key: this.#call.keyOf(this.#request) };
    const response = await this.#policies.retrying(this.#attemptsLeft + 1).execute(attempt, options);
    if (rest?.stream === undefined) this.#policies.discard(response);
    return rest;
  }

  /** Returns a range request for the URL that the response has come from. */
  #requestForRest(): CapturedRequest {
    const { init, input, requestHeaders, url: requested } = this.#request;
    const headers = new Headers((init?.headers ?? requestHeaders) as HeadersInit | undefined);
    headers.set('range', `bytes=${this.#offset}-`);
    headers.set('if-range', this.#etag);
    if (this.#finalUrl === undefined) return withHeaders(this.#request, Object.fromEntries(headers));
    const url = new URL(this.#finalUrl);
    if (url.origin !== requested.origin) for (const name of FIELDS_OF_ORIGIN) headers.delete(name);
    const redirected = { ...this.#request, url, input: withUrl(input, url), target: undefined };
    return withHeaders(redirected, Object.fromEntries(headers));
  }

  /** Returns the rest of the body if the response has it; a rest without a stream if nothing is missing. */
  #restIn(response: Response): Rest | undefined {
    const [etag, range] = ['etag', 'content-range'].map((name) => response.headers.get(name));
    if (response.status === 416 && (etag ?? this.#etag) === this.#etag) {
      const isAtEnd = range?.trim() === `bytes */${this.#offset}` && this.#total === undefined;
      return isAtEnd ? { stream: undefined } : undefined;
    }
    const part = response.status === 206 && etag === this.#etag ? this.#partIn(response.headers) : undefined;
    if (part === undefined || response.body === null) return undefined;
    this.#partEnd = part.end;
    this.#total = part.total;
    return { stream: response.body };
  }

  #partIn(headers: Headers): Part | undefined {
    const [, first, last, size] =
      /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(headers.get('content-range')?.trim() ?? '') ?? [];
    const end = Number(last) + 1;
    const total = size === '*' ? this.#total : Number(size);
    const length = headers.get('content-length');
    const isMatching =
      Number(first) === this.#offset &&
      end > this.#offset &&
      total === (this.#total ?? total) &&
      (length === null || Number(length) === end - this.#offset);
    return isMatching && total !== undefined && end <= total && !headers.has('content-encoding')
      ? { end, total }
      : undefined;
  }
}

/** The rest of a body; without a stream if nothing is missing. */
interface Rest {
  readonly stream: ReadableStream<Uint8Array> | undefined;
}

/** Returns what identifies the representation, if its parts can be requested and put together. */
function resumableHead({ status, headers, body }: Response) {
  const etag = headers.get('etag') ?? '';
  const isResumable =
    status === 200 &&
    body !== null &&
    /^"[^"]*"$/.test(etag) && // a weak one does not promise equal bytes
    !headers.has('content-encoding') &&
    headers.get('accept-ranges')?.trim().toLowerCase() !== 'none';
  const length = headers.get('content-length') ?? '';
  return isResumable ? { etag, total: /^\d+$/.test(length) ? Number(length) : undefined } : undefined;
}
