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
  resilientFetch,
  retry,
  timeout,
} from 'breakwater';
import * as undici from 'undici';
import { describe, expectTypeOf, it } from 'vitest';

describe('resilientFetch', () => {
  it('is exactly the fetch of the platform', () => {
    expectTypeOf(resilientFetch()).toEqualTypeOf<typeof globalThis.fetch>();
    expectTypeOf(resilientFetch({ timeout: '5s', retry: false })).toEqualTypeOf<typeof globalThis.fetch>();
    expectTypeOf(resilientFetch({ fetch: globalThis.fetch })).toEqualTypeOf<typeof globalThis.fetch>();
    expectTypeOf(resilientFetch({ fetch: undefined })).toEqualTypeOf<typeof globalThis.fetch>();
  });

  it('is exactly the fetch it is given', async () => {
    const fetch = resilientFetch({ fetch: undici.fetch });
    expectTypeOf(fetch).toEqualTypeOf<typeof undici.fetch>();
    const dispatcher = new undici.Agent();
    expectTypeOf(await fetch('https://example.com', { dispatcher })).toEqualTypeOf<undici.Response>();

    const mock = async (url: string, init?: { readonly method?: string }) =>
      Object.assign(new Response(init?.method), { url, mocked: true });
    expectTypeOf(resilientFetch({ fetch: mock })).toEqualTypeOf<typeof mock>();
  });

  it('takes what fetch takes', () => {
    const fetch = resilientFetch();
    const { signal }: { signal: AbortSignal | null } = new AbortController();
    fetch(new URL('https://example.com'), { signal, body: new ReadableStream(), method: 'POST' });
    fetch(new Request('https://example.com'));
    // @ts-expect-error: no more than that
    fetch('https://example.com', { timeout: 5000 });
    // @ts-expect-error: a stream of Node's is no body
    fetch('https://example.com', { body: Readable.from('text') });
  });

  it('can be wrapped once more', () => {
    expectTypeOf(resilientFetch({ fetch: resilientFetch() })).toEqualTypeOf<typeof globalThis.fetch>();
  });

  it('is not what somebody would like it to be', () => {
    // @ts-expect-error: nobody gave it such a fetch
    const wish: (id: number) => Promise<{ status: 200; headers: Headers; body: null; user: string }> = resilientFetch();
    expectTypeOf(wish).toBeFunction();
  });
});

describe('its options', () => {
  it('switch its policies off, or adjust them', () => {
    resilientFetch({ retry: false, circuitBreaker: false, bulkhead: false });
    resilientFetch({ retry: { maxAttempts: 5 }, circuitBreaker: { openFor: '1s' }, bulkhead: { maxQueue: 0 } });
    resilientFetch({ bulkhead: { holdUntil: 'body' }, bodyTimeout: '30s' });
    // @ts-expect-error: to switch them on there is nothing to do
    resilientFetch({ retry: true });
    // @ts-expect-error: one clock for all of them
    resilientFetch({ retry: { clock: undefined } });
    // @ts-expect-error: no such end
    resilientFetch({ bulkhead: { holdUntil: 'trailers' } });
    // @ts-expect-error: not a duration
    resilientFetch({ timeout: 'soon' });
    // @ts-expect-error: no such option
    resilientFetch({ retries: 3 });
    // @ts-expect-error: no fetch
    resilientFetch({ fetch: (url: string) => url });
  });

  it('show what is asked for', () => {
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

  it('take a policy that answers nothing of its own', () => {
    resilientFetch({ policy: pipeline(timeout('5s'), retry()) });
    // @ts-expect-error: what it would answer is no response
    resilientFetch({ policy: fallback('none') });
  });
});

it('the pieces', () => {
  expectTypeOf(classifyResponse).toExtend<Classify>();
  expectTypeOf(parseRetryAfter(new Headers().get('retry-after'))).toEqualTypeOf<number | undefined>();
  expectTypeOf(isIdempotent(new Request('https://example.com'))).toEqualTypeOf<boolean>();
  expectTypeOf(isIdempotent({ method: undefined, headers: { 'idempotency-key': '1' } })).toEqualTypeOf<boolean>();
});
