import { type CachedFetchOptions, cachedFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';

/** The wall clock time at which the TestClock is 0: a whole second, since dates in headers have no fraction. */
export const START = Date.UTC(2026, 0, 1);

export interface OriginCall {
  /** Counted from 1. */
  readonly number: number;
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
}

export type Reply = Response | Promise<Response>;

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The member of this cache in `Cache-Status`, without its name. */
  readonly cacheStatus: string;
  readonly age: string | null;
  readonly response: Response;
}

export const URL_A = 'https://example.com/a';

/** A cached fetch in front of an origin whose responses a script returns. */
export function setUp(script: (call: OriginCall) => Reply, options: CachedFetchOptions = {}) {
  const clock = new TestClock();
  const calls: OriginCall[] = [];
  const origin = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const { method, url, headers } = request;
    const call = { number: calls.length + 1, method, url, headers, signal: init?.signal ?? undefined };
    calls.push(call);
    return script(call);
  };
  const fetch = cachedFetch(origin, { clock, now: () => START + clock.now(), ...options });
  const get = async (init?: RequestInit, url: string = URL_A): Promise<Answer> => answerOf(await fetch(url, init));
  return { clock, calls, origin, fetch, get };
}

export async function answerOf(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const cacheStatus = (headers.get('cache-status') ?? '').replace(/^.*breakwater; /, '');
  return { status, text: await response.clone().text(), cacheStatus, age: headers.get('age'), response };
}

type HeadersOf = Readonly<Record<string, string>>;

/** A response with these headers, a body and a status. */
export function ok(headers: HeadersOf, body = 'body', status = 200): Response {
  return new Response(body, { status, headers });
}

/** A script that returns the same response each time, with the number of the call as body. */
export const always =
  (headers: HeadersOf, status = 200) =>
  ({ number }: OriginCall): Response =>
    ok(headers, `body ${number}`, status);

export const dateAt = (ms: number): string => new Date(START + ms).toUTCString();

/** An origin that answers a request with the current ETag by 304, and fails as `state.fails` says. */
export function versioned(headers: HeadersOf) {
  const state = { version: 1, fails: undefined as number | 'network' | undefined };
  const script = ({ headers: requestHeaders }: OriginCall): Response => {
    if (state.fails === 'network') throw new TypeError('fetch failed');
    if (state.fails !== undefined) return ok({}, 'error', state.fails);
    const etag = `"v${state.version}"`;
    if (requestHeaders.get('if-none-match') === etag)
      return new Response(null, { status: 304, headers: { ...headers, etag } });
    return ok({ ...headers, etag }, `version ${state.version}`);
  };
  return { state, script };
}
