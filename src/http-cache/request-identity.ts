import { InvalidOptionError } from '../core/errors.js';
import { isReference, requestMembers } from '../core/request-members.js';
import { isTracingHeader } from '../http-fields/tracing-headers.js';
import type { FetchCall } from './fetch-call.js';

/** The request as the `user` option receives it. */
export interface CacheUserRequest {
  /** The URL without its fragment. */
  readonly url: string;
  /** A copy of the request headers. */
  readonly headers: Headers;
  /** A copy of the second argument of `fetch`; empty if there is none. */
  readonly init: Readonly<Record<PropertyKey, unknown>>;
}

/** The options that distinguish the requests of different users. */
export interface UserRules {
  readonly user: ((request: CacheUserRequest) => string) | undefined;
  /** The distinguishing headers; undefined for all request headers except the harmless ones. */
  readonly userHeaders: readonly string[] | undefined;
}

/**
 * Request headers that never name a user: the CORS-safelisted ones, the conditional, range and preference fields of
 * RFC 9110, the directives for caches of RFC 9111, and the identifiers that tracing adds to each request.
 */
const HARMLESS_HEADERS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...['accept', 'accept-language', 'content-language', 'content-type', 'accept-charset', 'accept-encoding', 'range'],
  ...['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'cache-control', 'pragma'],
  ...['user-agent', 'baggage', 'idempotency-key'],
]);

/** Whether a request header, in lower case, never names a user. */
export const isHarmlessHeader = (name: string): boolean => HARMLESS_HEADERS.has(name) || isTracingHeader(name);

/**
 * Members of `init` that the cache handles itself, or that change neither the response nor its user: `breakwater` has
 * options of a call of `resilientFetch`.
 */
const HARMLESS_MEMBERS: ReadonlySet<PropertyKey> = /* @__PURE__ */ new Set([
  ...['method', 'headers', 'body', 'signal', 'cache', 'integrity', 'duplex', 'keepalive', 'priority', 'window'],
  'breakwater',
]);

/**
 * The properties that distinguish requests for one URL, besides the headers in `Vary`. Each part is a string that is
 * equal for requests that need not be distinguished. Each part is computed on its first use, from copies of the
 * arguments.
 */
export class RequestIdentity {
  readonly #call: FetchCall;
  readonly #url: string;
  readonly #headers: Headers;
  readonly #rules: UserRules;
  #members: MemberParts | undefined = undefined;
  #user: string | undefined = undefined;

  constructor(call: FetchCall, url: string, headers: Headers, rules: UserRules) {
    this.#call = call;
    this.#url = url;
    this.#headers = headers;
    this.#rules = rules;
  }

  /** Members of `init` that may change the response for every user: strings, numbers, `cf`. */
  get variant(): string {
    return this.#parts.variant;
  }

  /** Members of `init` that may carry credentials unseen by the cache: agents, dispatchers, clients, `credentials`. */
  get connection(): string {
    return this.#parts.connection;
  }

  /**
   * All members of `init` that may change the result. Only requests with equal values share a request to the origin.
   */
  get exchange(): string {
    const { variant, connection, redirect } = this.#parts;
    return JSON.stringify([variant, connection, redirect]);
  }

  /** The user: the result of the `user` option, or all headers and connections that may identify a user. */
  get user(): string {
    this.#user ??= this.#nameUser();
    return this.#user;
  }

  get #parts(): MemberParts {
    this.#members ??= readMembers(this.#call);
    return this.#members;
  }

  #nameUser(): string {
    const { user, userHeaders } = this.#rules;
    if (user === undefined) return JSON.stringify([this.connection, ...this.#userHeaders(userHeaders)]);
    const request = { url: this.#url, headers: new Headers(this.#headers), init: { ...this.#call.init } };
    const name: unknown = user(request);
    if (typeof name !== 'string') throw new InvalidOptionError('cachedFetch', 'user', 'must return a string', name);
    return JSON.stringify([name, ...this.#userHeaders(userHeaders ?? [])]);
  }

  #userHeaders(names: readonly string[] | undefined): (string | null)[] {
    if (names !== undefined) return names.map((name) => this.#headers.get(name));
    const distinguishing: string[] = [];
    for (const [name, value] of this.#headers) if (!isHarmlessHeader(name)) distinguishing.push(name, value);
    return distinguishing;
  }
}

interface MemberParts {
  readonly variant: string;
  readonly connection: string;
  readonly redirect: string;
}

const NO_MEMBERS: MemberParts = { variant: '', connection: '', redirect: '' };

function readMembers({ init, request }: FetchCall): MemberParts {
  const members = requestMembers(request, init, HARMLESS_MEMBERS);
  if (members.length === 0) return NO_MEMBERS;
  let [variant, connection, redirect] = ['', '', ''];
  for (const { name, value, text } of members) {
    if (name === 'redirect') redirect = text;
    else if (name === 'credentials' || (isReference(value) && name !== 'cf')) connection += text;
    else variant += text;
  }
  return { variant, connection, redirect };
}
