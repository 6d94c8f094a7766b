import { InvalidOptionError } from '../core/errors.js';
import type { RequestInitCopy } from '../core/request-init.js';
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
  ...['user-agent', 'traceparent', 'tracestate', 'baggage', 'b3', 'sentry-trace', 'x-request-id', 'x-correlation-id'],
  ...['x-amzn-trace-id', 'idempotency-key'],
]);

/** Whether a request header, in lower case, never names a user. */
export const isHarmlessHeader = (name: string): boolean => HARMLESS_HEADERS.has(name) || name.startsWith('x-b3-');

/** Members of `init` that the cache handles itself, or that change neither the response nor its user. */
const HARMLESS_MEMBERS: ReadonlySet<PropertyKey> = /* @__PURE__ */ new Set([
  ...['method', 'headers', 'body', 'signal', 'cache', 'integrity', 'duplex', 'keepalive', 'priority', 'window'],
]);

/** Members of a `Request`, with their default values. */
const REQUEST_MEMBERS: Readonly<Record<string, unknown>> = {
  ...{ credentials: 'same-origin', mode: 'cors', redirect: 'follow', referrer: 'about:client', referrerPolicy: '' },
  cf: undefined,
};

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
  if (request === undefined && !init) return NO_MEMBERS;
  const members = request === undefined ? (init as RequestInitCopy) : { ...membersOf(request), ...init };
  const names = Reflect.ownKeys(members).filter((name) => !HARMLESS_MEMBERS.has(name));
  if (names.length === 0) return NO_MEMBERS;
  let [variant, connection, redirect] = ['', '', ''];
  for (const name of names.sort(byName)) {
    const value = members[name as string];
    if (value === undefined || value === REQUEST_MEMBERS[name as string]) continue;
    const text = `${formatName(name)}:${JSON.stringify(name === 'cf' ? contentOf(value) : formatValue(value))};`;
    if (name === 'redirect') redirect = text;
    else if (name === 'credentials' || (isReference(value) && name !== 'cf')) connection += text;
    else variant += text;
  }
  return { variant, connection, redirect };
}

/** Returns the members of a `Request`: standard ones, those of polyfills, and the dispatcher if undici exposes it. */
function membersOf(request: Request): Record<PropertyKey, unknown> {
  const members: Record<PropertyKey, unknown> = {};
  for (const name of Object.keys(REQUEST_MEMBERS)) members[name] = (request as unknown as typeof members)[name];
  for (const name of Reflect.ownKeys(request)) {
    const isShown = typeof name === 'string' || name.description === 'dispatcher';
    if (isShown) members[typeof name === 'string' ? name : 'dispatcher'] = Reflect.get(request, name);
  }
  // undici uses null for no dispatcher.
  if (members.dispatcher === null) delete members.dispatcher;
  return members;
}

const formatName = (name: PropertyKey): string =>
  typeof name === 'symbol' ? `symbol ${idOf(name)}` : JSON.stringify(name);

const byName = (one: PropertyKey, other: PropertyKey): number => (formatName(one) < formatName(other) ? -1 : 1);

const isReference = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

function formatValue(value: unknown): string {
  if (isReference(value) || typeof value === 'symbol') return `#${idOf(value)}`;
  return `${typeof value} ${String(value)}`;
}

/** Cloudflare's `cf` is plain data and often a literal, so it is compared by content. */
function contentOf(value: unknown): string {
  try {
    return `json ${JSON.stringify(value)}`;
  } catch {
    return formatValue(value);
  }
}

const ids = /* @__PURE__ */ new WeakMap<object, number>();
let lastId = 0;

/** Returns a number that identifies an object or symbol: always the same one, and different from all others. */
function idOf(value: object | symbol): number | string {
  // Registered symbols cannot be weak keys; their text identifies them.
  const text = typeof value === 'symbol' ? Symbol.keyFor(value) : undefined;
  if (text !== undefined) return JSON.stringify(text);
  const key = value as object;
  let id = ids.get(key);
  if (id === undefined) {
    id = ++lastId;
    try {
      ids.set(key, id);
    } catch {
      // The engine does not support symbols as weak keys: the request shares nothing.
    }
  }
  return id;
}
