import { type CachedFetchOptions, cachedFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';

/** The wall clock when the TestClock is at 0: a whole second, as dates in headers are. */
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
  /** What this cache says in `Cache-Status`, without its name. */
  readonly said: string;
  readonly age: string | null;
  readonly response: Response;
}

export const URL_A = 'https://example.com/a';

/** A cached fetch in front of an origin that answers by a script; each body says by which call it came. */
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
  const said = (headers.get('cache-status') ?? '').replace(/^.*breakwater; /, '');
  return { status, text: await response.clone().text(), said, age: headers.get('age'), response };
}

type HeadersOf = Readonly<Record<string, string>>;

/** An answer with the date of now, unless the headers say another one. */
export function ok(headers: HeadersOf, body = 'body', status = 200): Response {
  return new Response(body, { status, headers });
}

/** Always the same answer, whose body tells the number of the call. */
export const always =
  (headers: HeadersOf, status = 200) =>
  ({ number }: OriginCall): Response =>
    ok(headers, `body ${number}`, status);

export const dateAt = (ms: number): string => new Date(START + ms).toUTCString();

/** An origin that answers by 304 to whoever has the current version, and can be told to fail. */
export function versioned(headers: HeadersOf) {
  const state = { version: 1, fails: undefined as number | 'network' | undefined };
  const script = ({ headers: asked }: OriginCall): Response => {
    if (state.fails === 'network') throw new TypeError('fetch failed');
    if (state.fails !== undefined) return ok({}, 'error', state.fails);
    const etag = `"v${state.version}"`;
    if (asked.get('if-none-match') === etag) return new Response(null, { status: 304, headers: { ...headers, etag } });
    return ok({ ...headers, etag }, `version ${state.version}`);
  };
  return { state, script };
}
