/** Health checks of real servers over real sockets. */
import { createServer } from 'node:net';
import { customCheck, httpCheck } from 'breakwater/load-balancer';
import { tcpCheck } from 'breakwater/load-balancer/tcp';
import { describe, expect, it, vi } from 'vitest';
import { eventually } from '../support/eventually.js';
import { testServer } from '../support/http-server.js';

const context = () => ({ signal: new AbortController().signal });

describe('httpCheck', () => {
  it('httpCheck requests the path under the node with the given method and headers', async () => {
    await using server = await testServer(() => ({ status: 204 }));
    const check = httpCheck({ path: '/healthz?full=1', method: 'HEAD', headers: { 'x-probe': 'yes' } });
    await check(server.origin, context());
    expect(server.requests[0]).toMatchObject({
      method: 'HEAD',
      path: '/healthz?full=1',
      headers: { 'x-probe': 'yes' },
    });
  });

  it('httpCheck appends its path to the path of the node, as a route does', async () => {
    await using server = await testServer(() => ({}));
    for (const path of ['/healthz', 'healthz']) await httpCheck({ path })(`${server.origin}/v2/`, context());
    expect(server.requests.map(({ path }) => path)).toEqual(['/v2/healthz', '/v2/healthz']);
  });

  it.each([
    [200, true],
    [299, true],
    [300, false],
    [302, false],
    [404, false],
    [500, false],
  ])('httpCheck for status %d passes: %s, without following a redirect', async (status, isGood) => {
    await using server = await testServer(() => ({
      status,
      headers: { location: '/elsewhere' },
      body: 'x'.repeat(100_000),
    }));
    const answer = httpCheck()(server.origin, context());
    if (isGood) await answer;
    else await expect(answer).rejects.toThrow(`${server.origin} answered with status ${status}`);
    expect(server.requests.map(({ path }) => path)).toEqual(['/']);
    await eventually(() => expect(server.sockets.open).toBe(0)); // no connection stays open with an unread body
  });

  it('the options isHealthy, url and fetch replace the status rule, the URL of the node and the fetch', async () => {
    await using server = await testServer(() => ({ status: 418 }));
    const fetch = vi.fn((url: URL, init: RequestInit) => globalThis.fetch(url, init));
    const check = httpCheck({ isHealthy: (status) => status === 418, url: () => server.origin, fetch });
    await check('teapot-1', context());
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  it('an abort of the signal rejects the check', async () => {
    await using server = await testServer(() => undefined);
    const controller = new AbortController();
    const answer = httpCheck()(server.origin, { signal: controller.signal });
    await eventually(() => expect(server.requests).toHaveLength(1));
    controller.abort('enough');
    await expect(answer).rejects.toBe('enough');
  });

  it('httpCheck rejects if the server has closed', async () => {
    const server = await testServer(() => ({}));
    const { origin } = server;
    await server.close();
    await expect(httpCheck()(origin, context())).rejects.toThrow('fetch failed');
  });

  it.each<[object, string]>([
    [{ path: 7 }, 'httpCheck: "path" must be a string, got 7'],
    [{ method: null }, '"method" must be a string'],
    [{ isHealthy: 200 }, '"isHealthy" must be a function'],
    [{ url: 'http://a' }, '"url" must be a function'],
    [{ fetch: 1 }, '"fetch" must be a function'],
    [{ pth: '/' }, '"pth" is unknown (did you mean "path"?)'],
  ])('httpCheck rejects the options %j', (options, message) => {
    expect(() => httpCheck(options as never)).toThrow(message);
  });
});

describe('tcpCheck', () => {
  async function listening() {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.on('error', () => {});
      socket.resume();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
    return { port, close, connections: () => connections, [Symbol.asyncDispose]: close };
  }

  it('tcpCheck connects to the address of the node and closes the connection', async () => {
    await using server = await listening();
    await tcpCheck()(`127.0.0.1:${server.port}`, context());
    await tcpCheck()(`http://127.0.0.1:${server.port}/path`, context());
    await tcpCheck({ address: () => ({ host: '127.0.0.1', port: server.port }) })('any name', context());
    await eventually(() => expect(server.connections()).toBe(3));
  });

  it('tcpCheck rejects if the port is closed', async () => {
    const server = await listening();
    await server.close();
    await expect(tcpCheck()(`127.0.0.1:${server.port}`, context())).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('an aborted signal rejects the check', async () => {
    await using server = await listening();
    const signal = AbortSignal.abort();
    await expect(tcpCheck()(`127.0.0.1:${server.port}`, { signal })).rejects.toThrow();
  });

  it.each(['no port', 'example.com', '10.0.0.1:', 'unix:/tmp/socket', ''])(
    'tcpCheck throws for the node "%s", which has no address',
    async (node) => {
      expect(() => tcpCheck()(node, context())).toThrow('tcpCheck: "node" must be host:port or a URL');
    },
  );

  it('tcpCheck rejects invalid options', () => {
    expect(() => tcpCheck({ address: 7 as never })).toThrow('"address" must be a function');
    expect(() => tcpCheck({ port: 7 } as never)).toThrow('"port" is unknown');
  });
});

it('customCheck returns the given function after validating it', () => {
  const check = () => true;
  expect(customCheck(check)).toBe(check);
  expect(() => customCheck(7 as never)).toThrow('customCheck: "check" must be a function, got 7');
});
