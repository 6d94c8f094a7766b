/** `defaultClassify` judges what HTTP clients throw and return, from a real server. */
import Anthropic from '@anthropic-ai/sdk';
import axios from 'axios';
import { defaultClassify, type Outcome } from 'breakwater';
import got from 'got';
import ky from 'ky';
import OpenAI from 'openai';
import createClient from 'openapi-fetch';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestServer, testServer } from '../support/http-server.js';
import { closedPort, running } from './support.js';

let server: TestServer;
let refused: string;

beforeAll(async () => {
  server = await testServer(({ path, response }) => {
    if (path.includes('hang')) return undefined;
    if (path.includes('reset')) {
      response.destroy();
      return undefined;
    }
    const status = Number(/\d{3}/.exec(path)?.[0] ?? 200);
    const headers = { 'content-type': 'application/json', 'retry-after': '3' };
    return { status, headers, body: path.includes('html') ? '<html>' : '{"error":{"message":"m","type":"t"}}' };
  });
  refused = `http://127.0.0.1:${await closedPort()}`;
});
afterAll(() => server.close());

/** Each client calls a URL with a signal, without retries of its own. */
type Call = (url: string, signal?: AbortSignal) => PromiseLike<unknown>;

const clients: Record<string, Call> = {
  axios: (url, signal) => axios.get(url, { signal: signal as never, timeout: 300, proxy: false }),
  'axios with the fetch adapter': (url, signal) =>
    axios.get(url, { signal: signal as never, timeout: 300, adapter: 'fetch' }),
  got: (url, signal) =>
    got(url, {
      ...(signal && { signal }),
      timeout: { request: 300 },
      retry: { limit: 0 },
      throwHttpErrors: true,
    }).json(),
  ky: (url, signal) => ky(url, { signal: signal ?? null, timeout: 300, retry: 0 }).json(),
  'undici.request': (url, signal) => request(url, { ...(signal && { signal }), headersTimeout: 300 }),
  OpenAI: (url, signal) =>
    new OpenAI({ apiKey: 'k', baseURL: url, maxRetries: 0, timeout: 300 }).models.list(signal && { signal }),
  Anthropic: (url, signal) =>
    new Anthropic({ apiKey: 'k', baseURL: url, maxRetries: 0, timeout: 300 }).models.list(
      undefined,
      signal && { signal },
    ),
};

const outcomeOf = (promise: PromiseLike<unknown>): Promise<Outcome> =>
  Promise.resolve(promise).then(
    (value) => ({ ok: true, value }) as const,
    (error: unknown) => ({ ok: false, error }) as const,
  );

describe.each(Object.entries(clients))('The outcome of %s', (_name, call) => {
  it.each([
    [400, 'success'],
    [401, 'success'],
    [404, 'success'],
    [408, 'failure'],
    [409, 'success'],
    [422, 'success'],
    [429, 'throttled'],
    [500, 'failure'],
    [501, 'success'],
    [503, 'failure'],
    [504, 'failure'],
  ] as const)('a response with status %i is judged %s', async (status, verdict) => {
    const outcome = await outcomeOf(call(`${server.origin}/s${status}`));
    expect(defaultClassify(outcome, running)).toBe(verdict);
  });

  it('a good response is a success', async () => {
    expect(defaultClassify(await outcomeOf(call(`${server.origin}/s200`)), running)).toBe('success');
  });

  it('a refused connection, a reset connection and a timeout of the client are failures', async () => {
    for (const url of [refused, `${server.origin}/reset`, `${server.origin}/hang`]) {
      expect(defaultClassify(await outcomeOf(call(url)), running)).toBe('failure');
    }
  });

  it('an abort by the signal of the call is ignored, and an abort by another signal is a failure', async () => {
    const controller = new AbortController();
    const pending = outcomeOf(call(`${server.origin}/hang`, controller.signal));
    controller.abort();
    const outcome = await pending;
    expect(outcome.ok).toBe(false);
    expect(defaultClassify(outcome, { ...running, signal: controller.signal })).toBe('ignore');
    expect(defaultClassify(outcome, running)).toBe('failure');
  });
});

describe('A client that returns the response', () => {
  it('the result of openapi-fetch is a value without a status of its own, which classifyResponse of its fetch judges', async () => {
    const client = createClient<{
      '/s503': { get: { responses: { 200: { content: { 'application/json': object } } } } };
    }>({ baseUrl: server.origin });
    const outcome = await outcomeOf(client.GET('/s503'));
    expect(defaultClassify(outcome, running)).toBe('success');
  });

  it('a body that is no JSON is a failure: a proxy has answered instead of the server (E62)', async () => {
    for (const call of [clients.got!, clients.ky!]) {
      expect(defaultClassify(await outcomeOf(call(`${server.origin}/html`)), running)).toBe('failure');
    }
  });
});
