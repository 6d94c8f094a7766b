import { describe, expect, it } from 'vitest';
import { defer, microtasks, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';
import { answerOf, type OriginCall, ok, setUp, URL_A } from './setup.js';

const FRESH = { 'cache-control': 'max-age=60' };

/** An origin whose replies the test resolves through `replies`. */
function slow(options = {}) {
  const replies: ReturnType<typeof defer<Response>>[] = [];
  const made = setUp(() => {
    replies.push(defer<Response>());
    return replies.at(-1)!.promise;
  }, options);
  return { ...made, replies };
}

/** A response whose body the test sends chunk by chunk. */
function streamed(headers: Record<string, string> = FRESH) {
  let cancelled: unknown = 'not';
  const sent: ReadableStreamDefaultController<Uint8Array>[] = [];
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => void sent.push(controller),
    cancel: (reason) => {
      cancelled = reason;
    },
  });
  const controller = sent[0]!;
  return {
    response: new Response(stream, { headers }),
    send: (text: string) => controller.enqueue(new TextEncoder().encode(text)),
    close: () => controller.close(),
    fail: (error: unknown) => controller.error(error),
    cancelled: () => cancelled,
  };
}

const read = async (reader: ReadableStreamDefaultReader<Uint8Array>) => {
  const { done, value } = await reader.read();
  return done ? undefined : new TextDecoder().decode(value);
};

describe('concurrent callers', () => {
  it('Concurrent callers cause one request and receive separate responses', async () => {
    const { fetch, get, replies, calls } = slow();
    const pendingCalls = Array.from({ length: 100 }, () => get());
    await settle();
    replies[0]!.resolve(ok(FRESH, 'one'));
    const answers = await Promise.all(pendingCalls);
    expect(calls).toHaveLength(1);
    expect(new Set(answers.map(({ response }) => response)).size).toBe(100);
    expect(answers.every(({ text }) => text === 'one')).toBe(true);
    expect(answers[0]!.cacheStatus).toBe('fwd=uri-miss; fwd-status=200; ttl=60; stored');
    expect(answers[99]!.cacheStatus).toBe('fwd=uri-miss; ttl=60; collapsed');
    expect(fetch.cache.stats).toMatchObject({ forwards: 1, collapsed: 99, hits: 0, staleHits: 0 });
  });

  it('Concurrent callers cause one request even if no body is read', async () => {
    const { fetch, replies, calls } = slow();
    const pendingCalls = Promise.all([fetch(URL_A), fetch(URL_A)]);
    replies[0]!.resolve(ok(FRESH, 'x'.repeat(1_000_000)));
    const [first, second] = await pendingCalls;
    expect(calls).toHaveLength(1);
    expect((await second.text()).length).toBe(1_000_000);
    expect((await first.text()).length).toBe(1_000_000);
  });

  it('Waiters send their own requests when the response is not storable', async () => {
    const { get, replies, calls } = slow();
    const pendingCalls = [get(), get(), get()];
    await settle();
    replies[0]!.resolve(ok({ 'cache-control': 'no-store' }, '1'));
    await settle();
    expect(calls).toHaveLength(3);
    replies[1]!.resolve(ok({ 'cache-control': 'no-store' }, '2'));
    replies[2]!.resolve(ok({ 'cache-control': 'no-store' }, '3'));
    expect((await Promise.all(pendingCalls)).map(({ text }) => text)).toEqual(['1', '2', '3']);
  });

  it('Waiters send their own requests concurrently when the response must be validated each time', async () => {
    const { get, replies, calls } = slow();
    const pendingCalls = [get(), get(), get()];
    await settle();
    replies[0]!.resolve(ok({ 'cache-control': 'no-cache', etag: '"1"' }, '1'));
    await settle();
    expect(calls).toHaveLength(3);
    for (const reply of replies.slice(1)) reply.resolve(new Response(null, { status: 304 }));
    expect((await Promise.all(pendingCalls)).map(({ text }) => text)).toEqual(['1', '1', '1']);
  });

  it('Waiters share one request per variant once the Vary of the response is known', async () => {
    const { get, replies, calls } = slow();
    const vary = { ...FRESH, vary: 'accept-language' };
    const ask = (language: string) => get({ headers: { 'accept-language': language } });
    const pendingCalls = ['en', 'de', 'en', 'de', 'de'].map(ask);
    await settle();
    expect(calls).toHaveLength(1);
    replies[0]!.resolve(ok(vary, 'en'));
    await settle();
    expect(calls).toHaveLength(2);
    replies[1]!.resolve(ok(vary, 'de'));
    expect((await Promise.all(pendingCalls)).map(({ text }) => text)).toEqual(['en', 'de', 'en', 'de', 'de']);
    expect(calls).toHaveLength(2);
  });

  it('Waiters share a failure, and the failure is not cached', async () => {
    const { fetch, replies, calls, get } = slow();
    const pendingCalls = [watch(fetch(URL_A)), watch(fetch(URL_A))];
    const error = new TypeError('fetch failed');
    replies[0]!.reject(error);
    await Promise.all(pendingCalls.map(({ done }) => done));
    expect(pendingCalls.map((it) => it.error)).toEqual([error, error]);
    const next = get();
    replies[1]!.resolve(ok(FRESH, 'well'));
    expect((await next).text).toBe('well');
    expect(calls).toHaveLength(2);
  });

  it('All waiters receive the stored response when the origin fails within stale-if-error', async () => {
    const { get, replies, clock, calls } = slow();
    const first = get();
    replies[0]!.resolve(ok({ 'cache-control': 'max-age=1, stale-if-error=60' }, 'old'));
    await first;
    await clock.advance(1000);
    const pendingCalls = [get(), get()];
    await settle();
    replies[1]!.resolve(ok({}, 'error', 503));
    expect((await Promise.all(pendingCalls)).map(({ text }) => text)).toEqual(['old', 'old']);
    expect(calls).toHaveLength(2);
  });

  it('Only the waiter whose request allows stale-if-error receives the stored response', async () => {
    const { get, replies, clock, calls } = slow();
    const first = get();
    replies[0]!.resolve(ok({ 'cache-control': 'max-age=1', etag: '"1"' }, 'old'));
    await first;
    await clock.advance(1000);
    const pendingCalls = [get(), get({ headers: { 'cache-control': 'stale-if-error=60' } })];
    await settle();
    replies[1]!.resolve(ok({}, 'error', 503));
    expect((await Promise.all(pendingCalls)).map(({ text }) => text)).toEqual(['error', 'old']);
    expect(calls).toHaveLength(2);
  });

  it.each([500, 503, 520])('Waiters share a %i in separate responses, and the error is not stored', async (status) => {
    const { fetch, get, replies, calls } = slow();
    const pendingCalls = Array.from({ length: 20 }, () => get());
    await settle();
    replies[0]!.resolve(ok({ 'set-cookie': 'session=1', 'x-kept': '1' }, 'error', status));
    const answers = await Promise.all(pendingCalls);
    expect(calls).toHaveLength(1);
    expect(answers.map((answer) => [answer.status, answer.text])).toEqual(Array(20).fill([status, 'error']));
    expect(new Set(answers.map(({ response }) => response)).size).toBe(20);
    expect(answers[0]!.cacheStatus).toBe(`fwd=uri-miss; fwd-status=${status}`);
    expect(answers[19]!.cacheStatus).toBe('fwd=uri-miss; collapsed');
    const cookies = answers.map(({ response }) => response.headers.get('set-cookie'));
    expect([cookies[0], ...new Set(cookies.slice(1))]).toEqual(['session=1', null]);
    expect(answers[19]!.response.headers.get('x-kept')).toBe('1');
    expect(fetch.cache.stats).toMatchObject({ forwards: 1, collapsed: 19, stored: 0 });
    watch(get());
    expect(calls).toHaveLength(2);
  });

  it.each<[string, Record<string, string>, string]>([
    ['is not storable', { 'cache-control': 'no-store' }, 'error'],
    ['varies by *', { vary: '*' }, 'error'],
    ['is too long', {}, 'a longer error'],
    ['declares a length that is too long', { 'content-length': '14' }, 'a longer error'],
    ['breaks off', { 'content-length': '9' }, 'error'],
  ])('Waiters send their own requests when the error response %s', async (_, headers, body) => {
    const { get, replies, calls } = slow({ maxEntryBytes: 10 });
    const pendingCalls = [get(), get(), get()];
    await settle();
    replies[0]!.resolve(ok(headers, body, 503));
    await settle();
    expect(calls).toHaveLength(3);
    for (const reply of replies.slice(1)) reply.resolve(ok(FRESH, 'well'));
    expect((await Promise.all(pendingCalls)).map(({ text }) => text)).toEqual([body, 'well', 'well']);
  });

  it('Waiters do not wait for the body of an error response that declares a length that is too long', async () => {
    const { get, replies, calls } = slow({ maxEntryBytes: 10 });
    for (let i = 0; i < 2; i++) watch(get());
    await settle();
    const { response } = streamed({ 'content-length': '11' });
    replies[0]!.resolve(new Response(response.body, { status: 503, headers: response.headers }));
    await settle();
    expect(calls).toHaveLength(2);
  });

  it('A 520 is not replaced by a stale response, since stale-if-error excludes it', async () => {
    const { get, replies, clock } = slow();
    const first = get();
    replies[0]!.resolve(ok({ 'cache-control': 'max-age=1, stale-if-error=60' }, 'old'));
    await first;
    await clock.advance(1000);
    const pendingCalls = [get(), get()];
    await settle();
    replies[1]!.resolve(ok({}, 'error', 520));
    expect((await Promise.all(pendingCalls)).map(({ text }) => text)).toEqual(['error', 'error']);
  });

  it('An error response is shared only by callers of the same user and variant', async () => {
    const { get, replies, calls } = slow();
    const ask = (authorization: string, language: string) =>
      get({ headers: { authorization, 'accept-language': language } });
    const pendingCalls = [ask('ada', 'en'), ask('ada', 'de'), ask('ada', 'en'), ask('bob', 'en')];
    await settle();
    expect(calls).toHaveLength(2);
    replies[0]!.resolve(ok({ vary: 'accept-language' }, 'for Ada in English', 503));
    replies[1]!.resolve(ok({}, 'for Bob', 503));
    await settle();
    expect(calls).toHaveLength(3);
    replies[2]!.resolve(ok({}, 'for Ada in German', 503));
    expect((await Promise.all(pendingCalls)).map(({ text }) => text)).toEqual([
      ...['for Ada in English', 'for Ada in German', 'for Ada in English', 'for Bob'],
    ]);
  });

  it('Waiters share the error response of a background revalidation and of a caller that receives a stale response', async () => {
    const { get, replies, clock, calls } = slow();
    const first = get();
    replies[0]!.resolve(ok({ 'cache-control': 'max-age=1, stale-while-revalidate=60' }, 'old'));
    await first;
    await clock.advance(1000);
    await get();
    const waiting = [1, 2].map(() => get({ headers: { 'cache-control': 'max-age=0' } }));
    await settle();
    replies[1]!.resolve(ok(FRESH, 'error', 503));
    expect((await Promise.all(waiting)).map(({ text }) => text)).toEqual(['error', 'error']);
    const spared = get({ headers: { 'cache-control': 'max-age=0, stale-if-error=60' } });
    const others = [1, 2].map(() => get({ headers: { 'cache-control': 'max-age=0' } }));
    await settle();
    replies[2]!.resolve(ok({}, 'error', 503));
    expect((await Promise.all([spared, ...others])).map(({ text }) => text)).toEqual(['old', 'error', 'error']);
    expect(calls).toHaveLength(3);
  });

  it('The body of an error response without waiters is streamed as it is read', async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(1000));
      },
    });
    const { fetch } = setUp(() => new Response(endless, { status: 503 }));
    await fetch(URL_A);
    await settle();
    expect(pulled).toBeLessThan(5);
  });

  it('The body of an error response that a stale response replaces is cancelled', async () => {
    const { get, replies, clock } = slow();
    const first = get();
    replies[0]!.resolve(ok({ 'cache-control': 'max-age=1, stale-if-error=60' }, 'old'));
    await first;
    await clock.advance(1000);
    const pendingCalls = get();
    const { response, cancelled } = streamed();
    replies[1]!.resolve(Object.defineProperty(response, 'status', { value: 503 }));
    expect((await pendingCalls).text).toBe('old');
    expect(cancelled()).not.toBe('not');
  });

  it('A caller with cache no-cache does not join an earlier request', async () => {
    const { get, replies, calls } = slow();
    const [before, now] = [get(), get({ cache: 'no-cache' })];
    await settle();
    expect(calls).toHaveLength(2);
    replies[0]!.resolve(ok(FRESH, 'before'));
    replies[1]!.resolve(ok(FRESH, 'now'));
    expect([(await before).text, (await now).text]).toEqual(['before', 'now']);
  });

  it('Waiters stop waiting for a body as soon as it exceeds maxEntryBytes', async () => {
    const { get, replies, calls } = slow({ maxEntryBytes: 3 });
    const [first, second] = [get(), get()];
    await settle();
    const { response, send, close } = streamed();
    replies[0]!.resolve(response);
    send('abcd');
    await settle();
    expect(calls).toHaveLength(2);
    send('efgh');
    close();
    replies[1]!.resolve(ok(FRESH, 'ijkl'));
    expect([(await first).text, (await second).text]).toEqual(['abcdefgh', 'ijkl']);
  });
});

describe('bodies in flight', () => {
  it('The first caller receives the body as it arrives', async () => {
    const { fetch, replies } = slow();
    const pendingCalls = fetch(URL_A);
    const { response, send, close } = streamed();
    replies[0]!.resolve(response);
    const reader = (await pendingCalls).body!.getReader();
    send('one');
    expect(await read(reader)).toBe('one');
    send('two');
    expect(await read(reader)).toBe('two');
    close();
    expect(await read(reader)).toBeUndefined();
  });

  it('A body that breaks off is not stored and fails for its reader', async () => {
    const { fetch, get, replies, calls } = slow();
    const pendingCalls = fetch(URL_A);
    const { response, send, fail } = streamed();
    replies[0]!.resolve(response);
    const body = (await pendingCalls).text();
    send('half');
    fail(new TypeError('terminated'));
    await expect(body).rejects.toThrow('terminated');
    watch(get());
    expect(calls).toHaveLength(2);
  });

  it.each<[string, Record<string, string>, number]>([
    ['A body shorter than its Content-Length is not stored', { 'content-length': '5' }, 2],
    ['A body longer than its Content-Length is not stored', { 'content-length': '3' }, 2],
    ['A body of exactly its Content-Length is stored', { 'content-length': '4' }, 1],
    [
      'A decoded body is stored despite another Content-Length',
      { 'content-length': '9', 'content-encoding': 'gzip' },
      1,
    ],
  ])('%s', async (_, headers, requests) => {
    const { get, calls } = setUp(() => ok({ ...FRESH, ...headers }, 'body'));
    expect((await get()).text).toBe('body');
    expect((await get()).text).toBe('body');
    expect(calls).toHaveLength(requests);
  });

  it('A body above maxEntryBytes is pulled only as fast as it is read', async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(1000));
      },
    });
    const { fetch } = setUp(() => new Response(endless, { headers: FRESH }), { maxEntryBytes: 10_000 });
    const reader = (await fetch(URL_A)).body!.getReader();
    await settle();
    expect(pulled).toBeLessThan(15);
    for (let i = 0; i < 100; i++) expect((await reader.read()).value?.byteLength).toBe(1000);
    await reader.cancel();
    expect(pulled).toBeGreaterThanOrEqual(100);
    expect(pulled).toBeLessThan(105);
  });

  it('A body can be read to the end with a BYOB reader', async () => {
    const { fetch } = setUp(() => ok(FRESH, 'body'));
    const reader = (await fetch(URL_A)).body!.getReader({ mode: 'byob' });
    const { value } = await reader.read(new Uint8Array(10));
    expect(new TextDecoder().decode(value)).toBe('body');
    expect((await reader.read(new Uint8Array(10))).done).toBe(true);
  });

  it('A reader that modifies the body does not change the stored response', async () => {
    const { fetch, get } = setUp(() => ok(FRESH, 'body'));
    new Uint8Array(await (await fetch(URL_A)).arrayBuffer()).fill(0);
    new Uint8Array(await (await fetch(URL_A)).arrayBuffer()).fill(0);
    expect((await get()).text).toBe('body');
  });

  it('A cancelled body is not stored, and the request is aborted', async () => {
    const { fetch, replies, calls, get } = slow();
    const pendingCalls = fetch(URL_A);
    const { response, send, cancelled } = streamed();
    replies[0]!.resolve(response);
    const { body } = await pendingCalls;
    send('half');
    await body!.cancel('enough');
    await settle();
    expect(cancelled()).not.toBe('not');
    expect(calls[0]!.signal?.aborted).toBe(true);
    watch(get());
    expect(calls).toHaveLength(2);
  });

  it('A body that one reader cancels continues for waiters', async () => {
    const { fetch, replies, get, calls } = slow();
    const [pendingCalls, waiting] = [fetch(URL_A), get()];
    const { response, send, close, cancelled } = streamed();
    replies[0]!.resolve(response);
    await (await pendingCalls).body!.cancel();
    send('whole');
    close();
    expect((await waiting).text).toBe('whole');
    expect([calls.length, cancelled()]).toEqual([1, 'not']);
  });

  it('Cancelling a body that is not stored cancels the origin and leaves no listener', async () => {
    const { fetch, replies } = slow();
    const { controller, listeners } = countingController();
    const pendingCalls = fetch(URL_A, { signal: controller.signal });
    const { response, cancelled } = streamed({ 'cache-control': 'no-store' });
    replies[0]!.resolve(response);
    await (await pendingCalls).body!.cancel('enough');
    expect([cancelled(), listeners()]).toEqual(['enough', 0]);
  });

  it('A body that is not stored is cancelled if its caller has aborted before it arrived', async () => {
    const { fetch, get, replies } = slow();
    const controller = new AbortController();
    const first = watch(fetch(URL_A, { signal: controller.signal }));
    const second = get();
    controller.abort();
    await first.done;
    const { response, cancelled } = streamed({ 'cache-control': 'no-store' });
    replies[0]!.resolve(response);
    await settle();
    expect(cancelled()).not.toBe('not');
    replies[1]!.resolve(ok(FRESH, 'second'));
    expect((await second).text).toBe('second');
  });
});

describe('responses', () => {
  it('Responses from origin and store, and their clones, have the properties of the original response', async () => {
    const { fetch } = setUp(() => {
      const response = new Response('gone', { status: 410, statusText: 'Gone', headers: FRESH });
      return Object.defineProperties(response, { url: { value: `${URL_A}?x` }, type: { value: 'cors' } });
    });
    for (const expected of ['fwd', 'hit']) {
      const response = await fetch(URL_A);
      for (const one of [response, response.clone(), response.clone().clone()]) {
        expect(one).toBeInstanceOf(Response);
        const { status, statusText, url, type, redirected, ok: isOk } = one;
        expect({ status, statusText, url, type, redirected, isOk }).toEqual({
          ...{ status: 410, statusText: 'Gone', url: `${URL_A}?x`, type: 'cors', redirected: false, isOk: false },
        });
        expect(one.headers.get('cache-status')).toContain(expected);
        expect(await one.clone().text()).toBe('gone');
      }
    }
  });

  it('A stored response without a body has no body', async () => {
    const { fetch } = setUp(() => new Response(null, { status: 204, headers: FRESH }));
    for (const cacheStatus of ['fwd', 'hit']) {
      const { body, status, headers } = await fetch(URL_A);
      expect([body, status]).toEqual([null, 204]);
      expect(headers.get('cache-status')).toContain(cacheStatus);
    }
  });

  it.each<[string, () => unknown]>([
    ['is not a Response', () => ({ status: 200, headers: new Map([['cache-control', 'max-age=60']]), body: null })],
    [
      'cannot be constructed again',
      () =>
        new (class extends Response {
          constructor(body?: BodyInit | null) {
            if (body !== 'x') throw new Error('no');
            super(body, { headers: FRESH });
          }
        })('x'),
    ],
    ['is a network error', () => Response.error()],
  ])('A result that %s is passed through and not stored', async (_, make) => {
    const given: unknown[] = [];
    const { fetch } = setUp(() => {
      given.push(make());
      return given.at(-1) as Response;
    });
    for (let i = 0; i < 2; i++) expect(await fetch(URL_A)).toBe(given[i]);
    const all = await Promise.all([fetch(URL_A), fetch(URL_A)]);
    expect(all).toEqual([given[2], given[3]]);
  });
});

describe('abort', () => {
  it('A signal that is already aborted rejects the call without a request, even for a hit', async () => {
    const { fetch, get, replies, calls } = slow();
    const first = get();
    replies[0]!.resolve(ok(FRESH));
    await first;
    await expect(fetch(URL_A, { signal: AbortSignal.abort('over') })).rejects.toBe('over');
    expect(calls).toHaveLength(1);
  });

  it('An abort ends one wait, and the request is aborted with its last waiter', async () => {
    const { fetch, calls } = slow();
    const controllers = [new AbortController(), new AbortController()];
    const pendingCalls = controllers.map(({ signal }) => watch(fetch(URL_A, { signal })));
    await settle();
    controllers[0]!.abort('first');
    await microtasks(12);
    expect(pendingCalls.map(({ state }) => state)).toEqual(['rejected', 'pending']);
    expect([pendingCalls[0]!.error, calls[0]!.signal?.aborted]).toEqual(['first', false]);
    controllers[1]!.abort('second');
    await microtasks(12);
    expect([pendingCalls[1]!.error, calls[0]!.signal?.aborted]).toEqual(['second', true]);
  });

  it('The abort of the first caller leaves the response to the others', async () => {
    const { fetch, get, replies, calls } = slow();
    const controller = new AbortController();
    const first = watch(fetch(URL_A, { signal: controller.signal }));
    const second = get();
    controller.abort();
    await first.done;
    replies[0]!.resolve(ok(FRESH, 'body'));
    expect((await second).text).toBe('body');
    expect((await get()).cacheStatus).toBe('hit; ttl=60');
    expect(calls).toHaveLength(1);
  });

  it('A call after the last abort sends a new request, and a late response of the aborted one is discarded', async () => {
    const { fetch, get, replies, calls } = slow();
    const controller = new AbortController();
    const first = watch(fetch(URL_A, { signal: controller.signal }));
    controller.abort();
    await first.done;
    const second = get();
    const late = streamed();
    replies[0]!.resolve(late.response);
    await settle();
    expect(late.cancelled()).not.toBe('not');
    replies[1]!.resolve(ok(FRESH, 'second'));
    expect((await second).text).toBe('second');
    expect(calls).toHaveLength(2);
  });

  it('An abort ends the body of its caller and the request', async () => {
    const { fetch, replies, calls } = slow();
    const { controller, listeners } = countingController();
    const pendingCalls = fetch(URL_A, { signal: controller.signal });
    const { response, send, cancelled } = streamed();
    replies[0]!.resolve(response);
    const reader = (await pendingCalls).body!.getReader();
    send('half');
    expect(await read(reader)).toBe('half');
    controller.abort('enough');
    await expect(reader.read()).rejects.toBe('enough');
    await settle();
    expect([calls[0]!.signal?.aborted, cancelled() !== 'not', listeners()]).toEqual([true, true, 0]);
  });

  it.each(Array.from({ length: 16 }, (_, count) => count))(
    'An abort %i microtasks after the response rejects the reader of a partial body',
    async (count) => {
      for (const headers of [FRESH, { 'cache-control': 'no-store' }]) {
        const { fetch, replies } = slow();
        const controller = new AbortController();
        const text = watch(fetch(URL_A, { signal: controller.signal }).then((response) => response.text()));
        await settle();
        const { response, send, cancelled } = streamed(headers);
        send('half');
        replies[0]!.resolve(response);
        await microtasks(count);
        controller.abort('left');
        await settle();
        expect(text).toMatchObject({ state: 'rejected', error: 'left' });
        expect(cancelled()).not.toBe('not');
      }
    },
  );

  it.each(Array.from({ length: 14 }, (_, count) => count))(
    'An abort by another response, %i microtasks before the response, rejects the reader of a partial body',
    async (count) => {
      const { fetch, replies } = slow();
      const controller = new AbortController();
      const first = fetch('https://example.com/first');
      const text = watch(fetch(URL_A, { signal: controller.signal }).then((response) => response.text()));
      first.then(() => controller.abort('hedged'));
      await settle();
      const { response, send } = streamed();
      send('half');
      replies[0]!.resolve(ok(FRESH));
      await microtasks(count);
      replies[1]!.resolve(response);
      await settle();
      expect(text).toMatchObject({ state: 'rejected', error: 'hedged' });
    },
  );

  it('An abort in the turn of the response leaves the complete response to other callers', async () => {
    const { fetch, get, replies, calls } = slow();
    const controller = new AbortController();
    const left = watch(fetch(URL_A, { signal: controller.signal }));
    const other = get();
    await settle();
    controller.abort('left');
    replies[0]!.resolve(ok(FRESH, 'whole'));
    expect((await other).text).toBe('whole');
    expect([left.error, calls.length]).toEqual(['left', 1]);
  });

  it('An abort ends a body that is not stored', async () => {
    const { fetch, replies } = slow();
    const controller = new AbortController();
    const pendingCalls = fetch(URL_A, { signal: controller.signal });
    const { response, cancelled } = streamed({});
    replies[0]!.resolve(response);
    const body = (await pendingCalls).text();
    controller.abort('enough');
    await expect(body).rejects.toBe('enough');
    expect(cancelled()).toBe('enough');
  });

  it('No listener remains on the signal once the body has arrived, read or not', async () => {
    const { fetch, replies } = slow();
    const { controller, listeners } = countingController();
    const pendingCalls = fetch(URL_A, { signal: controller.signal });
    expect(listeners()).toBe(1);
    replies[0]!.resolve(ok(FRESH, 'body'));
    const response = await pendingCalls;
    await settle();
    expect(listeners()).toBe(0);
    controller.abort();
    expect(await response.text()).toBe('body');
  });

  it('An abort is not replaced by a stale response', async () => {
    const { fetch, get, replies, clock } = slow();
    const first = get();
    replies[0]!.resolve(ok({ 'cache-control': 'max-age=1, stale-if-error=60' }));
    await first;
    await clock.advance(1000);
    const controller = new AbortController();
    const pendingCalls = fetch(URL_A, { signal: controller.signal });
    controller.abort('enough');
    await expect(pendingCalls).rejects.toBe('enough');
  });

  it('The signal of a Request is followed unless init has a signal', async () => {
    const { fetch } = slow();
    const request = () => new Request(URL_A, { signal: AbortSignal.abort('over') });
    await expect(fetch(request())).rejects.toBe('over');
    const without = watch(fetch(request(), { signal: null }));
    await settle();
    expect(without.state).toBe('pending');
  });
});

describe('the origin and the store', () => {
  it('The inner fetch may call the cached fetch for another URL', async () => {
    const { fetch } = setUp(async ({ url }: OriginCall) => {
      if (url === URL_A) return ok(FRESH, `a and ${await (await fetch('https://example.com/b')).text()}`);
      return ok(FRESH, 'b');
    });
    expect((await answerOf(await fetch(URL_A))).text).toBe('a and b');
  });

  it('An error thrown by set of the store is reported as uncaught and the caller receives the response', async () => {
    const store = {
      get: () => undefined,
      set: () => {
        throw new Error('full');
      },
      delete: () => false,
    };
    const { get } = setUp(() => ok(FRESH, 'body'), { store });
    using uncaught = catchUncaught();
    expect((await get()).text).toBe('body');
    await settle();
    expect(uncaught.errors).toEqual([expect.objectContaining({ message: 'full' })]);
  });

  it.each(['get', 'delete'] as const)(
    'An error thrown by %s of the store is reported as uncaught and the callers receive responses',
    async (method) => {
      const store = new Map();
      store[method] = () => {
        throw new Error('broken');
      };
      const { get, fetch } = setUp(({ method }) => ok(method === 'PUT' ? {} : FRESH, 'body'), { store });
      using uncaught = catchUncaught();
      expect((await get()).text).toBe('body');
      expect((await fetch(URL_A, { method: 'PUT' })).status).toBe(200);
      expect((await get()).text).toBe('body');
      await settle();
      expect(new Set(uncaught.errors.map((error) => (error as Error).message))).toEqual(new Set(['broken']));
    },
  );
});
