import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ChaosError, circuitBreaker, classifyResponse, defaultClassify, resilientFetch, retry } from 'breakwater';
import { chaosControl, chaosFetch, type HttpFault } from 'breakwater/chaos';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { wasNeverSent } from '../../src/core/never-sent.js';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const BODY = 'x'.repeat(1000);

/** What the server does with a request, by its path. */
const answers: Record<string, (response: ServerResponse) => void> = {
  '/good': (response) => response.end(BODY),
  '/503': (response) => response.writeHead(503, { 'retry-after': '0' }).end('overloaded'),
  '/429': (response) => response.writeHead(429, { 'retry-after-ms': '5' }).end('slow down'),
  '/reset': (response) => response.socket?.resetAndDestroy(),
  '/truncated': (response) => {
    response.writeHead(200, { 'content-length': BODY.length });
    response.write(BODY.slice(0, 500), () => response.socket?.end());
  },
  '/truncated-chunks': (response) => {
    response.write(BODY.slice(0, 500), () => response.socket?.end());
  },
};

let origin = '';
let refusing = '';
let requests = 0;
const server = createServer((request, response) => {
  requests++;
  answers[request.url ?? '']?.(response);
});

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const closed = createServer();
  await once(closed.listen(0, '127.0.0.1'), 'listening');
  refusing = `http://127.0.0.1:${(closed.address() as AddressInfo).port}/`;
  closed.close();
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

function faulty(...faults: HttpFault[]) {
  const control = chaosControl({ enabled: true });
  return { control, fetch: chaosFetch(globalThis.fetch, { control, faults }) };
}

/** Everything that code can judge an error by. */
function shapeOf(error: unknown): object {
  const { name, message, code, syscall, cause } = error as Error & { code?: string; syscall?: string };
  const shown = { class: (error as object).constructor.name, name, code, syscall };
  if (error instanceof TypeError) return { ...shown, message, cause: cause && shapeOf(cause) };
  return { name, code, syscall };
}

const readAll = async (fetch: typeof globalThis.fetch, url: string, init?: RequestInit) =>
  (await fetch(url, init)).text();

interface Case {
  readonly path: string;
  readonly fault: HttpFault;
}
const connections: Record<string, Case> = {
  'a refused connection': { path: '', fault: { kind: 'refused', rate: 1 } },
  'a reset connection': { path: '/reset', fault: { kind: 'reset', rate: 1 } },
  'a truncated body with a length': { path: '/truncated', fault: { kind: 'truncated-body', rate: 1, afterBytes: 500 } },
};
const statuses: Record<string, Case> = {
  'status 503': { path: '/503', fault: { kind: 'status', rate: 1, status: 503, headers: { 'retry-after': '0' } } },
  'status 429': { path: '/429', fault: { kind: 'status', rate: 1, status: 429, headers: { 'retry-after-ms': '5' } } },
};

const urlOf = ({ path }: Case) => (path === '' ? refusing : `${origin}${path}`);

describe('An injected fault of HTTP', () => {
  it.each(Object.entries(connections))('%s is the error of a real one, with another last cause', async (_, one) => {
    const real = await readAll(globalThis.fetch, urlOf(one)).catch((reason: unknown) => reason);
    const injected = await readAll(faulty(one.fault).fetch, `${origin}/good`).catch((reason: unknown) => reason);
    expect(shapeOf(injected)).toEqual(shapeOf(real));
    expect(injected).toBeInstanceOf(TypeError);
    expect((injected as { cause: Error }).cause.cause).toBeInstanceOf(ChaosError);
    expect(defaultClassify({ ok: false, error: real })).toBe('failure');
    expect(defaultClassify({ ok: false, error: injected })).toBe('failure');
    expect(wasNeverSent(injected)).toBe(wasNeverSent(real));
  });

  it('a truncated body has the error of a real body in chunks that ends too early', async () => {
    const real = await readAll(globalThis.fetch, `${origin}/truncated-chunks`).catch((reason: unknown) => reason);
    const { fetch } = faulty({ kind: 'truncated-body', rate: 1, afterBytes: 500 });
    const injected = await readAll(fetch, `${origin}/good`).catch((reason: unknown) => reason);
    expect(shapeOf(injected)).toEqual(shapeOf(real));
  });

  it.each([...Object.entries(connections), ...Object.entries(statuses)])(
    '%s is retried, counted and reported by resilientFetch like a real one',
    async (_, one) => {
      const run = async (inner: typeof globalThis.fetch, url: string, method: string) => {
        let sent = 0;
        const fetch = resilientFetch({
          fetch: (...args: Parameters<typeof globalThis.fetch>) => {
            sent++;
            return inner(...args);
          },
          retry: { maxAttempts: 3, backoff: () => 1 },
          rateLimit: false, // the pacing after a 429 takes seconds
        });
        const result = await fetch(url, { method }).then(
          async (response) => [response.status, await response.text().then(() => 'read', shapeOf)],
          (error: unknown) => shapeOf(error),
        );
        const { circuitBreaker, limiter, serverLimit } = fetch.breakwater.snapshot().keys[0] ?? {};
        return { sent, result, circuitBreaker, limiter, serverLimit };
      };
      for (const method of ['GET', 'POST']) {
        const real = await run(globalThis.fetch, urlOf(one), method);
        const injected = await run(faulty(one.fault).fetch, `${origin}/good`, method);
        expect(injected, method).toEqual(real);
      }
    },
  );

  it.each([...Object.entries(connections), ...Object.entries(statuses)])(
    '%s has the effect of a real one on a circuit breaker and a retry',
    async (_, one) => {
      const run = async (inner: typeof globalThis.fetch, url: string) => {
        const breaker = circuitBreaker({ consecutiveFailures: 2, classify: classifyResponse });
        const repeats = retry({ maxAttempts: 3, backoff: () => 1, classify: classifyResponse });
        let attempts = 0;
        await repeats.attempt(() => {
          attempts++;
          return breaker.execute(async () => {
            const response = await inner(url);
            await response.clone().text();
            return response;
          });
        });
        return { attempts, state: breaker.state, failures: breaker.stats.failures };
      };
      const real = await run(globalThis.fetch, urlOf(one));
      expect(await run(faulty(one.fault).fetch, `${origin}/good`)).toEqual(real);
    },
  );

  it('status leaves the server without a request, and every other response comes from it', async () => {
    requests = 0;
    const { fetch } = faulty({ kind: 'status', rate: 1, status: 500 });
    expect((await fetch(`${origin}/good`)).headers.get('x-chaos')).toBe('chaosFetch');
    expect(requests).toBe(0);
    const good = await faulty({ kind: 'latency', rate: 1, latency: 1 }).fetch(`${origin}/good`);
    expect([good.headers.get('x-chaos'), await good.text(), requests]).toEqual([null, BODY, 1]);
  });

  it('a slow body is read whole, and a change of headers keeps the body', async () => {
    const { control, fetch } = faulty(
      { kind: 'headers', rate: 1, headers: { etag: '"1"' } },
      { kind: 'slow-body', rate: 1, bytesPerSecond: 20_000 },
    );
    const response = await fetch(`${origin}/good`);
    expect([response.headers.get('etag'), response.status, response.url]).toEqual(['"1"', 200, `${origin}/good`]);
    expect(await response.text()).toBe(BODY);
    expect(control.stats.byKind).toEqual({ headers: 1, 'slow-body': 1 });
  });

  it('a hang ends with an AbortSignal.timeout, as a real one does', async () => {
    const { fetch } = faulty({ kind: 'hang', rate: 1 });
    const error = await fetch(`${origin}/good`, { signal: AbortSignal.timeout(10) }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'TimeoutError' });
  });

  it('a hang ends with the attempt timeout of resilientFetch, whose next attempt succeeds', async () => {
    let isFirst = true;
    const control = chaosControl({
      enabled: () => {
        const wasFirst = isFirst;
        isFirst = false;
        return wasFirst;
      },
    });
    const inner = chaosFetch(globalThis.fetch, { control, faults: [{ kind: 'hang', rate: 1 }] });
    const fetch = resilientFetch({ fetch: inner, attemptTimeout: 30, retry: { backoff: () => 1 } });
    expect(await (await fetch(`${origin}/good`)).text()).toBe(BODY);
    expect(control.stats).toMatchObject({ injected: 1, held: 0 });
  });
});
