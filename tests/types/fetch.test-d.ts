import { Readable } from 'node:stream';
import {
  type CallContext,
  type Classify,
  classifyResponse,
  fallback,
  isIdempotent,
  type OutgoingRequest,
  parseRetryAfter,
  pipeline,
  type ResilientFetch,
  resilientFetch,
  retry,
  timeout,
} from 'breakwater';
import * as undici from 'undici';
import { describe, expectTypeOf, it } from 'vitest';

describe('resilientFetch', () => {
  it("resilientFetch has the type of the platform's fetch", () => {
    expectTypeOf(resilientFetch()).toEqualTypeOf<ResilientFetch>();
    expectTypeOf(resilientFetch({ timeout: '5s', retry: false })).toEqualTypeOf<ResilientFetch>();
    expectTypeOf(resilientFetch({ fetch: globalThis.fetch })).toEqualTypeOf<ResilientFetch>();
    expectTypeOf(resilientFetch({ fetch: undefined })).toEqualTypeOf<ResilientFetch>();
  });

  it('resilientFetch has the type of the given fetch', async () => {
    const fetch = resilientFetch({ fetch: undici.fetch });
    expectTypeOf(fetch).toEqualTypeOf<ResilientFetch<typeof undici.fetch>>();
    expectTypeOf(fetch).toExtend<typeof undici.fetch>();
    const dispatcher = new undici.Agent();
    expectTypeOf(await fetch('https://example.com', { dispatcher })).toEqualTypeOf<undici.Response>();

    const mock = async (url: string, init?: { readonly method?: string }) =>
      Object.assign(new Response(init?.method), { url, mocked: true });
    expectTypeOf(resilientFetch({ fetch: mock })).toEqualTypeOf<ResilientFetch<typeof mock>>();
  });

  it('resilientFetch accepts the arguments of fetch', () => {
    const fetch = resilientFetch();
    const { signal }: { signal: AbortSignal | null } = new AbortController();
    fetch(new URL('https://example.com'), { signal, body: new ReadableStream(), method: 'POST' });
    fetch(new Request('https://example.com'));
    // @ts-expect-error: not an option of fetch
    fetch('https://example.com', { timeout: 5000 });
    // @ts-expect-error: a Node stream is not a body
    fetch('https://example.com', { body: Readable.from('text') });
  });

  it('resilientFetch accepts options of a call, which plain fetch does not', () => {
    const fetch = resilientFetch();
    expectTypeOf(fetch).toExtend<typeof globalThis.fetch>();
    const classify: Classify<Response> = (outcome) =>
      outcome.ok && outcome.value.status < 400 ? 'success' : 'failure';
    fetch('https://example.com', {
      method: 'POST',
      breakwater: { timeout: '5s', repeatable: true, key: 'a', classify },
    });
    fetch(new Request('https://example.com'), { breakwater: { priority: 1, attemptTimeout: 500 } });
    expectTypeOf(fetch.breakwater.with({ timeout: '1m' })).toEqualTypeOf<ResilientFetch>();
    // @ts-expect-error: retry is no option of a call
    fetch('https://example.com', { breakwater: { retry: false } });
    // @ts-expect-error: plain fetch has no such member
    globalThis.fetch('https://example.com', { breakwater: { timeout: 5 } });
    const withDispatcher = resilientFetch({ fetch: undici.fetch });
    withDispatcher('https://example.com', { dispatcher: new undici.Agent(), breakwater: { timeout: 5 } });
  });

  it('beforeRetry may return nothing, changes, or a promise of them', () => {
    resilientFetch({ beforeRetry: () => undefined });
    resilientFetch({ beforeRetry: async () => {} });
    resilientFetch({ beforeRetry: async ({ signal }) => ({ headers: { authorization: String(signal.aborted) } }) });
    resilientFetch({ beforeRetry: ({ request }) => ({ url: new URL('/other', request.url) }) });
    // @ts-expect-error: not a change
    resilientFetch({ beforeRetry: () => ({ header: {} }) });
  });

  it('resilientFetch can wrap itself', () => {
    expectTypeOf(resilientFetch({ fetch: resilientFetch() })).toEqualTypeOf<ResilientFetch<ResilientFetch>>();
  });

  it('resilientFetch does not have another type', () => {
    // @ts-expect-error: no fetch of this type was given
    const other: (id: number) => Promise<{ status: 200; headers: Headers; body: null; user: string }> =
      resilientFetch();
    expectTypeOf(other).toBeFunction();
  });
});

describe('The options of resilientFetch', () => {
  it('the policies can be disabled or configured', () => {
    resilientFetch({ retry: false, circuitBreaker: false, bulkhead: false });
    resilientFetch({ retry: { maxAttempts: 5 }, circuitBreaker: { openFor: '1s' }, bulkhead: { maxQueue: 0 } });
    resilientFetch({ bulkhead: { holdUntil: 'body' }, bodyTimeout: '30s' });
    // @ts-expect-error: policies are enabled by default
    resilientFetch({ retry: true });
    // @ts-expect-error: the clock is an option of resilientFetch
    resilientFetch({ retry: { clock: undefined } });
    // @ts-expect-error: unknown end
    resilientFetch({ bulkhead: { holdUntil: 'trailers' } });
    // @ts-expect-error: not a duration
    resilientFetch({ timeout: 'soon' });
    // @ts-expect-error: no such option
    resilientFetch({ retries: 3 });
    // @ts-expect-error: not a fetch
    resilientFetch({ fetch: (url: string) => url });
  });

  it('the key and route functions receive the request and the context', () => {
    resilientFetch({
      key: (request) => {
        expectTypeOf(request).toEqualTypeOf<OutgoingRequest>();
        return request.url.host;
      },
      route: async (request, context) => {
        expectTypeOf(request).toEqualTypeOf<OutgoingRequest>();
        expectTypeOf(context).toEqualTypeOf<CallContext>();
        return { url: request.url, release: (outcome) => expectTypeOf(outcome.ok).toEqualTypeOf<boolean>() };
      },
    });
  });

  it('the policy option accepts a policy that returns no value of its own', () => {
    resilientFetch({ policy: pipeline(timeout('5s'), retry()) });
    // @ts-expect-error: the fallback value is not a response
    resilientFetch({ policy: fallback('none') });
  });
});

it('the exported helper functions have their documented types', () => {
  expectTypeOf(classifyResponse).toExtend<Classify>();
  expectTypeOf(parseRetryAfter(new Headers().get('retry-after'))).toEqualTypeOf<number | undefined>();
  expectTypeOf(isIdempotent(new Request('https://example.com'))).toEqualTypeOf<boolean>();
  expectTypeOf(isIdempotent({ method: undefined, headers: { 'idempotency-key': '1' } })).toEqualTypeOf<boolean>();
});
