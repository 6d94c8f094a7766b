/** The HTTP cache around fetches whose bodies are streams of Node's, over real sockets. */
import { once } from 'node:events';
import { cachedFetch } from 'breakwater';
import crossFetch from 'cross-fetch';
import nodeFetch from 'node-fetch';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { testServer } from '../support/http-server.js';
import { countingController } from '../support/signals.js';

const FRESH = { 'cache-control': 'max-age=60' };

/** The part of the fetch and response types of these packages that the tests use. */
type StreamFetch = (
  url: string,
  init?: { readonly signal?: AbortSignal; readonly headers?: Record<string, string> },
) => Promise<Response>;

/** A server that sends half of a body and never ends it. */
const halfServer = () =>
  testServer(({ response }) => {
    response.writeHead(200, FRESH);
    response.write('half');
    return undefined;
  });

describe.each<[string, StreamFetch]>([
  ['node-fetch', nodeFetch as unknown as StreamFetch],
  ['cross-fetch', crossFetch as unknown as StreamFetch],
  ['the platform’s fetch', globalThis.fetch],
])('a cachedFetch around %s', (_, inner) => {
  it('An abort ends a body that is being read', async () => {
    await using server = await halfServer();
    const controller = new AbortController();
    const response = await cachedFetch(inner)(server.origin, { signal: controller.signal });
    const text = response.text();
    controller.abort();
    await expect(text).rejects.toMatchObject({ name: 'AbortError' });
    await server.requests[0]!.ended;
  });

  it('An abort ends a body that is not read yet', async () => {
    await using server = await halfServer();
    const controller = new AbortController();
    await cachedFetch(inner)(server.origin, { signal: controller.signal });
    controller.abort();
    await server.requests[0]!.ended;
  });

  it('An abort ends a request before its response', async () => {
    await using server = await testServer(() => undefined);
    const controller = new AbortController();
    const pendingCalls = cachedFetch(inner)(server.origin, { signal: controller.signal });
    await eventually(() => expect(server.requests).toHaveLength(1));
    controller.abort('enough');
    await expect(pendingCalls).rejects.toBe('enough');
    await server.requests[0]!.ended;
  });

  it('The abort of one caller ends only the body of this caller', async () => {
    await using server = await testServer(async ({ index, response }) => {
      response.writeHead(200, { ...FRESH, 'content-length': '8' });
      response.write('half');
      if (index > 0) setTimeout(() => response.end('half'), 50);
      return undefined;
    });
    const fetch = cachedFetch(inner, { lockTimeout: 0 });
    const controller = new AbortController();
    const first = await fetch(server.origin, { signal: controller.signal });
    const second = await fetch(server.origin);
    const [one, other] = [first.text(), second.text()];
    controller.abort();
    await expect(one).rejects.toMatchObject({ name: 'AbortError' });
    expect(await other).toBe('halfhalf');
  });

  it('No listener remains on the signal once the body has been read', async () => {
    await using server = await testServer(() => ({ headers: FRESH, body: 'whole' }));
    const { controller, listeners } = countingController();
    const response = await cachedFetch(inner)(server.origin, { signal: controller.signal });
    expect(await response.text()).toBe('whole');
    await eventually(() => expect(listeners()).toBe(0));
  });

  it('Users receive only their own responses', async () => {
    await using server = await testServer(({ headers }) => ({
      headers: { 'cache-control': 'private, max-age=60' },
      body: `for ${headers.authorization}`,
    }));
    const fetch = cachedFetch(inner);
    const as = async (authorization: string) => (await fetch(server.origin, { headers: { authorization } })).text();
    expect(await Promise.all(['ada', 'bob', 'ada'].map(as))).toEqual(['for ada', 'for bob', 'for ada']);
    expect(await Promise.all(['bob', 'ada'].map(as))).toEqual(['for bob', 'for ada']);
  });
});

it('The response of node-fetch is passed on with its Node.js stream as body', async () => {
  await using server = await testServer(() => ({ headers: FRESH, body: 'whole' }));
  const { body } = await cachedFetch(nodeFetch)(server.origin);
  const chunks: string[] = [];
  body?.on('data', (chunk: Buffer) => chunks.push(String(chunk)));
  if (body !== null) await once(body, 'end');
  expect(chunks.join('')).toBe('whole');
});
