import { cachedFetch } from 'breakwater/http-cache';
import { Agent, interceptors, request, fetch as undiciFetch } from 'undici';
import { type Bench, floor, ours, type Prepare, peer } from './bench.js';
import { read, serverUrl } from './requests.js';

/** One request after the other, after one that fills the cache. */
const hits =
  (makeSend: () => (url: string) => Promise<string>): Prepare =>
  async () => {
    const send = makeSend();
    const url = `${await serverUrl()}?cacheable`;
    await send(url);
    await new Promise((resolve) => setTimeout(resolve, 50)); // undici stores a response after it was read
    return () => send(url);
  };

const BODY = new TextEncoder().encode('x'.repeat(550));
const UNDICI_REQUEST = 'undici.request with its cache interceptor';

/** Answers from an HTTP cache, with their bodies read. The floor is a response that is made and read. */
export const bench: Bench = {
  unit: 'hit',
  candidates: {
    'new Response().text()': floor(hits(() => () => new Response(BODY).text())),
    'cached fetch': ours(
      hits(() => {
        const fetch = cachedFetch(globalThis.fetch);
        return async (url) => read(await fetch(url));
      }),
    ),
    [UNDICI_REQUEST]: peer(
      hits(() => {
        const dispatcher = new Agent().compose(interceptors.cache());
        return async (url) => (await request(url, { dispatcher })).body.text();
      }),
    ),
    'undici.fetch with its cache interceptor': peer(
      hits(() => {
        const dispatcher = new Agent().compose(interceptors.cache());
        return async (url) => read(await undiciFetch(url, { dispatcher }));
      }),
    ),
  },
  targets: { peers: { [UNDICI_REQUEST]: 1 } },
};
