/** The SDKs of OpenAI and Anthropic over `resilientFetch`, against servers that imitate their APIs. */
import {
  classifyResponse,
  defaultClassify,
  fallback,
  isResilienceError,
  type ResilientFetch,
  resilientFetch,
  TokenBucket,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { inOrder, type Reply, type Script, testServer } from '../support/http-server.js';
import { anthropic, failed, JSON_TYPE, openai, type Provider, SSE_TYPE } from '../support/llm-providers.js';
import { defer } from '../support/promises.js';

const repeatable = () => true;
const noDelay = { backoff: () => 0 };

/** Reads a stream to its end. Returns the texts, and the error that has ended it. */
async function read(stream: AsyncIterable<string>): Promise<{ readonly texts: string[]; readonly error?: unknown }> {
  const texts: string[] = [];
  try {
    for await (const text of stream) texts.push(text);
    return { texts };
  } catch (error) {
    return { texts, error };
  }
}

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => expect.unreachable(`resolved with ${String(value)}`),
    (error: unknown) => error,
  );

/** The error of this package in a chain of causes. */
function rejectionIn(error: unknown): unknown {
  for (let link = error; link instanceof Error; link = link.cause) if (isResilienceError(link)) return link;
  return undefined;
}

const providers: [string, Provider][] = [
  ['openai', openai],
  ['@anthropic-ai/sdk', anthropic],
];

describe.each(providers)('%s over resilientFetch', (_name, { answer, events, errorEvent, noneLeft, client }) => {
  const answerTo = (first: readonly Reply[]): Script => inOrder(...first, answer);

  describe('Attempts', () => {
    it.each([
      ['3 times with maxRetries 0', 0, 3],
      ['9 times with maxRetries 2, because attempts of the SDK and of the fetch multiply', 2, 9],
    ])('a request that always fails is sent %s', async (_case, maxRetries, expected) => {
      await using server = await testServer(() => failed(500, { 'retry-after-ms': '1' }));
      const fetch = resilientFetch({ repeatable, retry: noDelay });
      expect(await errorOf(client(server.origin, fetch, { maxRetries }).ask())).toMatchObject({ status: 500 });
      expect(server.requests.length).toBe(expected);
    });

    it('a completion is repeated after 503 and 529, with the same body and the same credentials', async () => {
      const bodies: string[] = [];
      const replies = answerTo([failed(503), failed(529)]);
      await using server = await testServer(async (request) => {
        bodies.push(await request.text());
        return replies(request);
      });
      expect(await client(server.origin, resilientFetch({ repeatable, retry: noDelay })).ask()).toBe('Hello world');
      expect(new Set(bodies).size).toBe(1);
      expect(bodies.length).toBe(3);
      expect(new Set(server.requests.map(({ headers }) => headers.authorization)).size).toBe(1);
    });

    it('a completion is not repeated without `repeatable`, because it is a POST request', async () => {
      await using server = await testServer(answerTo([failed(529), failed(529)]));
      const fetch = resilientFetch({ retry: noDelay });
      expect(await errorOf(client(server.origin, fetch).ask())).toMatchObject({ status: 529 });
      expect(server.requests.length).toBe(1);
      expect(await client(server.origin, fetch.breakwater.with({ repeatable: true })).ask()).toBe('Hello world');
    });

    it.each([
      ['429', failed(429, { 'retry-after': '20', 'retry-after-ms': '50' })],
      ['503', failed(503, { 'retry-after': '20', 'retry-after-ms': '50' })],
    ])('a %s is repeated after `retry-after-ms`, which is more precise than `retry-after`', async (_status, reply) => {
      await using server = await testServer(answerTo([reply]));
      // After 20 s the call would be over, so it would end with the first response.
      const fetch = resilientFetch({ repeatable, retry: noDelay, timeout: '10s' });
      expect(await client(server.origin, fetch).ask()).toBe('Hello world');
      expect(server.requests.length).toBe(2);
    });

    it.each([
      ['a 429 with `x-should-retry: false` is not repeated', 429, 'false', 1],
      ['a 529 with `x-should-retry: false` is not repeated', 529, 'false', 1],
      ['a 409 with `x-should-retry: true` is repeated', 409, 'true', 2],
      ['a 409 without `x-should-retry` is not repeated', 409, undefined, 1],
    ])('%s', async (_case, status, shouldRetry, expected) => {
      const headers = {
        'retry-after-ms': '1',
        ...(shouldRetry === undefined ? {} : { 'x-should-retry': shouldRetry }),
      };
      await using server = await testServer(answerTo([failed(status, headers)]));
      const result = client(server.origin, resilientFetch({ repeatable, retry: noDelay })).ask();
      if (expected === 2) expect(await result).toBe('Hello world');
      else expect(await errorOf(result)).toMatchObject({ status });
      expect(server.requests.length).toBe(expected);
    });

    it('a broken connection is not repeated if a classify makes errors permanent, and a 503 is', async () => {
      await using server = await testServer(({ index, response }) => {
        if (index === 0) return failed(503);
        response.destroy();
        return undefined;
      });
      const fetch = resilientFetch({
        repeatable,
        retry: noDelay,
        classify: (outcome, context) => {
          const verdict = classifyResponse(outcome, context);
          return !outcome.ok && verdict === 'failure' ? 'permanent' : verdict;
        },
      });
      const error = (await errorOf(client(server.origin, fetch).ask())) as Error;
      expect(error.constructor.name).toBe('APIConnectionError');
      expect(server.requests.length).toBe(2);
    });

    it('a completion whose response breaks off after its headers is not repeated', async () => {
      await using server = await testServer(({ response }) => {
        response.writeHead(200, { ...JSON_TYPE, 'content-length': '1000' });
        response.write('{');
        setTimeout(() => response.destroy(), 20);
        return undefined;
      });
      expect(await errorOf(client(server.origin, resilientFetch({ repeatable })).ask())).toBeInstanceOf(TypeError);
      expect(server.requests.length).toBe(1);
    });

    it('a repetition has the fresh token that `beforeRetry` returns', async () => {
      const tokens: unknown[] = [];
      await using server = await testServer(({ headers }) => {
        tokens.push(headers.authorization);
        return headers.authorization === 'Bearer fresh' ? answer : failed(401);
      });
      const fetch = resilientFetch({
        repeatable,
        retry: noDelay,
        classify: (outcome) =>
          outcome.ok && (outcome.value as Response).status === 401 ? 'failure' : defaultClassify(outcome),
        beforeRetry: async () => ({ headers: { authorization: 'Bearer fresh' } }),
      });
      expect(await client(server.origin, fetch, { apiKey: 'stale' }).ask()).toBe('Hello world');
      expect(tokens).toEqual(['Bearer stale', 'Bearer fresh']);
    });
  });

  describe('Limits', () => {
    it('100 callers at once are served at 50 requests per second', { timeout: 40_000 }, async () => {
      const limit = new TokenBucket({ capacity: 50, refill: 50, per: '1s' });
      let refused = 0;
      const { promise: allHere, resolve } = defer<void>();
      await using server = await testServer(async ({ index }) => {
        if (index === 99) resolve();
        await allHere; // on any machine, the first 100 requests arrive before the first response
        if (limit.tryAcquire().allowed) return answer;
        refused++;
        return failed(429, { 'retry-after': '1' });
      });
      const changes: string[] = [];
      const fetch = resilientFetch({ repeatable, on: { stateChange: ({ to }) => changes.push(to) } });
      const sdk = client(server.origin, fetch);
      const texts = await Promise.all(Array.from({ length: 100 }, () => sdk.ask().catch(String)));
      expect(refused).toBeGreaterThanOrEqual(50);
      expect(texts.filter((text) => text === 'Hello world').length).toBeGreaterThanOrEqual(95);
      expect(changes).toEqual([]);
    });

    it('a 429 of one model does not delay the calls of another model with a key of its own', async () => {
      await using server = await testServer(({ index }) =>
        index === 0 ? failed(429, { 'retry-after': '20' }) : answer,
      );
      const fetch = resilientFetch({ repeatable, timeout: '10s' });
      const clientFor = (key: string) => client(server.origin, fetch.breakwater.with({ key }));
      expect(await errorOf(clientFor('large').ask())).toMatchObject({ status: 429 });
      expect(rejectionIn(await errorOf(clientFor('large').ask()))).toMatchObject({ code: 'ERR_RATE_LIMITED' });
      expect(await clientFor('small').ask()).toBe('Hello world');
      expect(server.requests.length).toBe(2);
    });

    it('the limits in the fields of the provider are followed, unless `followServerLimits` is false', async () => {
      await using server = await testServer(() => ({ ...answer, headers: { ...answer.headers, ...noneLeft } }));
      for (const followServerLimits of [true, false]) {
        const fetch = resilientFetch({ rateLimit: { followServerLimits, maxWait: 0 } });
        const sdk = client(server.origin, fetch);
        expect(await sdk.ask()).toBe('Hello world');
        if (followServerLimits) {
          expect(fetch.breakwater.snapshot().keys[0]?.serverLimit).toMatchObject({ allowed: false, remaining: 0 });
          expect(rejectionIn(await errorOf(sdk.ask()))).toMatchObject({ code: 'ERR_RATE_LIMITED' });
        } else {
          expect(await sdk.ask()).toBe('Hello world');
        }
      }
    });
  });

  describe('Streams', () => {
    /** A server whose streams send these events, and after them neither an event nor the end. */
    const stalling = (...sent: readonly string[]) =>
      testServer(({ response }) => {
        response.writeHead(200, SSE_TYPE);
        for (const event of sent) response.write(event);
        return undefined;
      });

    it('a stream is not ended by the timeouts of the call and of the attempt', async () => {
      const { promise: continued, resolve } = defer<void>();
      await using server = await testServer(async ({ response }) => {
        response.writeHead(200, SSE_TYPE).write(events[0]);
        await continued;
        response.end(events.slice(1).join(''));
        return undefined;
      });
      const clock = new TestClock();
      const stream = client(server.origin, resilientFetch({ clock })).stream();
      expect((await stream.next()).value).toBe('Hello');
      await clock.advance(3_600_000);
      resolve();
      expect(await read(stream)).toEqual({ texts: [' world'] });
    });

    it('a stream whose first response is 529 is repeated', async () => {
      async function* body() {
        yield* events;
      }
      const overloaded = failed(529);
      await using server = await testServer(({ index }) =>
        index === 0 ? overloaded : { headers: SSE_TYPE, body: body() },
      );
      const fetch = resilientFetch({ repeatable, retry: noDelay });
      expect(await read(client(server.origin, fetch).stream())).toEqual({ texts: ['Hello', ' world'] });
    });

    it('a stalled stream ends after bodyIdleTimeout, with a TimeoutError that the SDK does not change', async () => {
      await using server = await stalling(events[0] as string);
      const clock = new TestClock();
      const stream = client(server.origin, resilientFetch({ repeatable, bodyIdleTimeout: '30s', clock })).stream();
      expect((await stream.next()).value).toBe('Hello');
      const rest = read(stream);
      await clock.advance(30_000);
      const { texts, error } = await rest;
      expect(texts).toEqual([]);
      expect(isResilienceError(error, 'ERR_TIMEOUT') && error.policy).toBe('resilientFetch body idle');
      await server.requests[0]?.ended;
      expect(server.requests.length).toBe(1);
    });

    it('a stream whose connection breaks ends with the error of the platform, and is not repeated', async () => {
      await using server = await testServer(({ response }) => {
        response.writeHead(200, SSE_TYPE).write(events[0]);
        setTimeout(() => response.destroy(), 50);
        return undefined;
      });
      const fetch = resilientFetch({ repeatable, resume: true });
      const { texts, error } = await read(client(server.origin, fetch).stream());
      expect(texts).toEqual(['Hello']);
      expect(error).toBeInstanceOf(TypeError);
      expect(server.requests.length).toBe(1);
    });

    it('an error event after the status 200 becomes an error without a status, and is not repeated', async () => {
      await using server = await stalling(events[0] as string, errorEvent);
      const { texts, error } = await read(client(server.origin, resilientFetch({ repeatable })).stream());
      expect(texts).toEqual(['Hello']);
      expect(error).toMatchObject({ status: undefined });
      await server.requests[0]?.ended; // the SDK has closed the connection
      expect(server.requests.length).toBe(1);
    });

    it('a stream that ends early without an error is not distinguished from a complete one', async () => {
      await using server = await testServer(({ response }) => {
        response.writeHead(200, SSE_TYPE).end(events[0]);
        return undefined;
      });
      expect(await read(client(server.origin, resilientFetch()).stream())).toEqual({ texts: ['Hello'] });
    });

    it('a loop that is left early closes the connection of the stream', async () => {
      await using server = await stalling(events[0] as string);
      for await (const text of client(server.origin, resilientFetch({ bodyIdleTimeout: '10s' })).stream()) {
        expect(text).toBe('Hello');
        break;
      }
      await server.requests[0]?.ended;
    });

    it('a stream ends without an error when the caller aborts it', async () => {
      await using server = await stalling(events[0] as string);
      const controller = new AbortController();
      const stream = client(server.origin, resilientFetch({ bodyIdleTimeout: '10s' })).stream(controller.signal);
      expect((await stream.next()).value).toBe('Hello');
      setTimeout(() => controller.abort(), 20);
      expect(await read(stream)).toEqual({ texts: [] });
      await server.requests[0]?.ended;
    });
  });

  describe('Errors', () => {
    it('a CircuitOpenError is the cause of an APIConnectionError', async () => {
      await using server = await testServer(() => failed(500));
      const fetch = resilientFetch({ circuitBreaker: { consecutiveFailures: 1 } });
      const sdk = client(server.origin, fetch);
      await errorOf(sdk.ask());
      const error = await errorOf(sdk.ask());
      expect((error as Error).constructor.name).toBe('APIConnectionError');
      expect(rejectionIn(error)).toMatchObject({ code: 'ERR_CIRCUIT_OPEN', policy: server.origin });
      expect(server.requests.length).toBe(1);
    });

    it('a RateLimitedError is the cause of an APIConnectionError', async () => {
      await using server = await testServer(() => answer);
      const limiter = new TokenBucket({ capacity: 1, refill: 1, per: '1h' });
      const sdk = client(server.origin, resilientFetch({ rateLimit: { limiter: () => limiter } }));
      await sdk.ask();
      expect(rejectionIn(await errorOf(sdk.ask()))).toMatchObject({ code: 'ERR_RATE_LIMITED' });
      expect(server.requests.length).toBe(1);
    });

    it('a timeout, and the open circuit after it, become an APIConnectionTimeoutError without a cause', async () => {
      await using server = await testServer(() => undefined);
      const outcomes: unknown[] = [];
      const fetch = resilientFetch({
        retry: false,
        attemptTimeout: 200,
        circuitBreaker: { consecutiveFailures: 1, openFor: '1m' },
        on: { call: ({ outcome }) => outcomes.push(outcome.ok ? undefined : rejectionIn(outcome.error)) },
      });
      const sdk = client(server.origin, fetch);
      const isOpen = () => fetch.breakwater.snapshot().keys[0]?.circuitBreaker?.state === 'open';
      const errors: unknown[] = [];
      // A timeout while the event loop of the test was blocked is not counted.
      while (!isOpen()) errors.push(await errorOf(sdk.ask()));
      errors.push(await errorOf(sdk.ask()));
      for (const error of errors as Error[]) {
        expect(error.constructor.name).toBe('APIConnectionTimeoutError');
        expect(error.cause).toBeUndefined();
      }
      expect(outcomes.at(-2)).toMatchObject({ code: 'ERR_TIMEOUT' });
      expect(outcomes.at(-1)).toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    });

    it('a timeout is found in the chain of causes if a function around the fetch wraps it', async () => {
      await using server = await testServer(() => undefined);
      const resilient = resilientFetch({ retry: false, attemptTimeout: 50 });
      const sdk = client(server.origin, wrapRejections(resilient));
      expect(rejectionIn(await errorOf(sdk.ask()))).toMatchObject({ code: 'ERR_TIMEOUT' });
    });

    it('an abort by the caller becomes an APIUserAbortError, which no breaker counts', async () => {
      await using server = await testServer(() => undefined);
      const fetch = resilientFetch({ circuitBreaker: { consecutiveFailures: 1 } });
      const error = (await errorOf(client(server.origin, fetch).ask(AbortSignal.timeout(50)))) as Error;
      expect(error.constructor.name).toBe('APIUserAbortError');
      expect(fetch.breakwater.snapshot().keys[0]?.circuitBreaker?.state).toBe('closed');
    });
  });
});

/** Wraps the errors of policies, so that the SDKs do not find the text of a timeout in them. */
function wrapRejections(fetch: ResilientFetch): typeof globalThis.fetch {
  return async (input, init) => {
    try {
      return await fetch(input, init);
    } catch (error) {
      if (!isResilienceError(error)) throw error;
      throw new Error('no response', { cause: new Error('rejected by a policy', { cause: error }) });
    }
  };
}

describe('A fallback to another provider', () => {
  it('answers while the first one fails, and costs no request once its circuit is open', async () => {
    await using down = await testServer(() => failed(503));
    await using up = await testServer(() => anthropic.answer);
    const fetch = resilientFetch({ repeatable, retry: noDelay, circuitBreaker: { consecutiveFailures: 3 } });
    const [first, second] = [openai.client(down.origin, fetch), anthropic.client(up.origin, fetch)];
    const other = fallback((_outcome, { signal }) => second.ask(signal), { classify: defaultClassify });
    for (let call = 1; call <= 3; call++) {
      expect(await other.execute(({ signal }) => first.ask(signal))).toBe('Hello world');
    }
    expect([down.requests.length, up.requests.length]).toEqual([3, 3]);
    const states = fetch.breakwater.snapshot().keys.map(({ key, circuitBreaker }) => [key, circuitBreaker?.state]);
    expect(Object.fromEntries(states)).toEqual({ [down.origin]: 'open', [up.origin]: 'closed' });
  });

  it('does not answer a request that the first provider rejects as invalid', async () => {
    await using server = await testServer(() => failed(400));
    const sdk = openai.client(server.origin, resilientFetch({ repeatable }));
    const other = fallback('another model', { classify: defaultClassify });
    expect(await errorOf(other.execute(({ signal }) => sdk.ask(signal)))).toMatchObject({ status: 400 });
  });
});
