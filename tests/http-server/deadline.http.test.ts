/** Deadlines of clients in all server frameworks over real sockets. */
import { connect } from 'node:net';
import { type DeadlineHttpOptions, deadlineHandler, deadlineMiddleware } from 'breakwater/http-server';
import { deadlineHeader } from 'breakwater/overload';
import { currentContext } from 'breakwater/request-context';
import { retry } from 'breakwater/retry';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { frameworks, type Guard, guardedServer } from './guarded-servers.js';

const name = 'x-envoy-expected-rq-timeout-ms';

const guardOf = (options?: DeadlineHttpOptions<[never]>): Guard => ({
  middleware: () => deadlineMiddleware(options as object),
  handler: (address) => deadlineHandler({ ...(options as object), ...(options?.trustedPeers && { address }) }),
});

/** A route that answers with the remaining time and the priority of its request context. */
function contextRoute() {
  const seen: string[] = [];
  const route = async (path: string) => {
    seen.push(path);
    await new Promise((resolve) => setImmediate(resolve));
    const { remainingMs, priority } = currentContext() ?? {};
    return {
      status: 200,
      body: JSON.stringify({ remainingMs: remainingMs === Infinity ? null : remainingMs, priority }),
    };
  };
  return { seen, route };
}

describe.each(frameworks)('%s with deadlines', (_name, start) => {
  it('The handler runs in a request context with the deadline of the client', async () => {
    const { route } = contextRoute();
    await using server = await guardedServer(start, guardOf(), route);
    const withDeadline = await fetch(server.origin, { headers: { [name]: '60000' } });
    const { remainingMs } = (await withDeadline.json()) as { remainingMs: number };
    expect(remainingMs).toBeGreaterThan(30_000);
    expect(remainingMs).toBeLessThanOrEqual(60_000);
    const without = await fetch(server.origin);
    expect(await without.json()).toEqual({ remainingMs: null });
  });

  it.each([
    ['0', 504],
    ['-5', 504],
    ['49', 504],
    ['500, 20', 504],
    ['50', 200],
    ['1000000000000', 200],
    ['NaN', 200],
  ])(
    'A deadline of %s with a margin of 50 ms is answered with %d, and nothing runs at a 504',
    async (value, status) => {
      const { seen, route } = contextRoute();
      await using server = await guardedServer(start, guardOf({ margin: 50 }), route);
      const response = await fetch(server.origin, { headers: { [name]: value } });
      expect([response.status, seen.length]).toEqual([status, status === 200 ? 1 : 0]);
      if (status === 200) return;
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({ status: 504, title: 'Gateway Timeout' });
    },
  );

  it('Other header fields and formats are read if they are configured', async () => {
    const { seen, route } = contextRoute();
    const header = deadlineHeader({ name: 'grpc-timeout' });
    await using server = await guardedServer(start, guardOf({ header }), route);
    expect((await fetch(server.origin, { headers: { 'grpc-timeout': '0m' } })).status).toBe(504);
    expect((await fetch(server.origin, { headers: { [name]: '0' } })).status).toBe(200);
    expect(seen).toHaveLength(1);
  });

  it('Header fields of peers that are not trusted have no effect', async () => {
    const headers = { [name]: '0', priority: 'u=1' };
    for (const [peer, status] of [
      ['127.0.0.1', 504],
      ['192.0.2.1', 200],
    ] as const) {
      const { route } = contextRoute();
      await using server = await guardedServer(start, guardOf({ trustedPeers: [peer], priority: 'header' }), route);
      const response = await fetch(server.origin, { headers });
      expect(response.status).toBe(status);
      if (status === 200) expect(await response.json()).toEqual({ remainingMs: null });
      const important = await fetch(server.origin, { headers: { priority: 'u=1' } });
      expect((await important.json()).priority).toBe(status === 504 ? 1 : undefined);
    }
  });

  it('Calls of the handler end when the client disconnects', async () => {
    const ends: unknown[] = [];
    const route = async () => {
      await retry()
        .execute(
          ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        )
        .catch((error: Error) => ends.push(error.name));
      return { status: 200, body: '' };
    };
    await using server = await guardedServer(start, guardOf(), route);
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(ends).toEqual([]);
    socket.destroy();
    await eventually(() => expect(ends).toHaveLength(1));
  });

  it('Calls of the handler end at the deadline', async () => {
    const route = async () => {
      const outcome = await retry().attempt(() => new Promise(() => {}));
      return { status: 200, body: outcome.ok ? 'value' : (outcome.error as { code: string }).code };
    };
    await using server = await guardedServer(start, guardOf(), route);
    const response = await fetch(server.origin, { headers: { [name]: '30' } });
    expect(await response.text()).toBe('ERR_TIMEOUT');
  });
});
