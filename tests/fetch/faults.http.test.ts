import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { coalesce, definePolicy, fallback, keyed, pipeline, resilientFetch, retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import crossFetch from 'cross-fetch';
import nodeFetch from 'node-fetch';
import { describe, expect, it } from 'vitest';
import { testServer } from '../support/http-server.js';

describe('A policy that shares responses among calls', () => {
  it.each([
    ['coalesce', () => coalesce()],
    ['a pipeline with coalesce outside', () => pipeline(coalesce(), retry())],
    ['a pipeline in a pipeline', () => pipeline(retry(), pipeline(coalesce()))],
  ])('resilientFetch rejects %s at construction with a message that suggests http-cache', (_what, policy) => {
    expect(() => resilientFetch({ policy: policy() })).toThrowError(/"policy" must not share responses.*http-cache/);
  });

  it('a sharing policy that is detected at a call returns no caller the response of another', async () => {
    await using server = await testServer(async ({ headers }) => ({ body: `secret of ${headers.authorization}` }));
    const guarded = resilientFetch({ policy: keyed(() => coalesce()) });
    const get = (who: string) =>
      guarded(`${server.origin}/${who}`, { headers: { authorization: who } }).then((response) => response.text());
    const [ada, bob] = await Promise.allSettled([get('ada'), get('bob')]);
    expect(ada).toEqual({ status: 'fulfilled', value: 'secret of ada' });
    expect(bob).toMatchObject({ status: 'rejected', reason: { code: 'ERR_INVALID_OPTION', option: 'policy' } });
  });

  it('a response that reaches a second call first is rejected there, and its own call receives it', async () => {
    // The result of the first call is also the result of every call that starts in the meantime, and those calls end first.
    let shared: Promise<unknown> | undefined;
    const swapping = definePolicy({
      name: 'swapping',
      async run(next, context) {
        if (shared !== undefined) return shared;
        shared = next(context);
        return shared.then(async (response) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return response;
        });
      },
    });
    const fetch = async (url: string) => new Response(`secret of ${url}`);
    const guarded = resilientFetch({ fetch, policy: swapping });
    const [ada, bob] = await Promise.allSettled([guarded('https://a.test/ada'), guarded('https://a.test/bob')]);
    expect(bob).toMatchObject({ status: 'rejected', reason: { option: 'policy' } });
    expect(ada.status === 'fulfilled' && (await ada.value.text())).toBe('secret of https://a.test/ada');
  });

  it('a fallback to one shared response object is rejected for the second call', async () => {
    const fetch = async (_url: string) => Promise.reject<Response>(new Error('down'));
    const shared = resilientFetch({ fetch, policy: fallback(new Response('sorry')) as never });
    expect(await (await shared('https://a.test/')).text()).toBe('sorry');
    await expect(shared('https://a.test/')).rejects.toMatchObject({ option: 'policy' });
    const own = resilientFetch({ fetch, policy: fallback(() => new Response('sorry')) as never });
    for (let time = 0; time < 2; time++) expect(await (await own('https://a.test/')).text()).toBe('sorry');
  });
});

describe('A body that is a Node stream', () => {
  it.each([
    ['node-fetch', nodeFetch],
    ['cross-fetch', crossFetch],
  ])('the body is cut off by an abort of the caller and by bodyTimeout: %s', async (_name, plain) => {
    const server = createServer((_request, response) => void response.writeHead(200).write('partial'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
    try {
      const clock = new TestClock();
      const guarded = resilientFetch({ fetch: plain as typeof fetch, clock, bodyTimeout: 300 });
      const controller = new AbortController();
      const reason = new Error('left');
      const reading = (await guarded(url, { signal: controller.signal })).text();
      controller.abort(reason);
      await expect(reading).rejects.toBe(reason);

      const late = (await guarded(url)).text();
      const cloned = (await guarded(url)).clone().text();
      const results = Promise.allSettled([late, cloned]);
      await clock.advance(300);
      for (const result of await results)
        expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_TIMEOUT' } });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('the body can be read as JSON and text', async () => {
    await using server = await testServer(() => ({ body: '{"a":1}' }));
    const guarded = resilientFetch({ fetch: nodeFetch as unknown as typeof fetch, bodyTimeout: '1m' });
    expect(await (await guarded(server.origin)).json()).toEqual({ a: 1 });
    expect(await (await guarded(server.origin)).clone().text()).toBe('{"a":1}');
  });
});

describe('The global fetch', () => {
  it.each<[string, (f: typeof fetch) => typeof fetch]>([
    ['itself', (f) => f],
    ['a function that calls the resilient fetch', (f) => (input, init) => f(input, init)],
    [
      'a function that calls the resilient fetch later',
      (f) => (input, init) => Promise.resolve().then(() => f(input, init)),
    ],
    [
      'a function that replaces the signal',
      (f) => (input, init) => f(input, { ...init, signal: new AbortController().signal }),
    ],
  ])('the global fetch can be replaced by %s, and requests use the previous global fetch', async (_what, wrap) => {
    await using server = await testServer(({ index }) => ({ status: index % 3 === 2 ? 200 : 503 }));
    const original = globalThis.fetch;
    try {
      const guarded = resilientFetch({ retry: { backoff: () => 0 } });
      globalThis.fetch = wrap(guarded);
      expect((await fetch(server.origin)).status).toBe(200);
      expect((await guarded(server.origin)).status).toBe(200);
      globalThis.fetch = resilientFetch({ retry: false }); // around the first instance
      expect((await fetch(server.origin)).status).toBe(200);
    } finally {
      globalThis.fetch = original;
    }
  });

  it('the global fetch is looked up at each call, so that tests can replace it', async () => {
    const original = globalThis.fetch;
    const guarded = resilientFetch();
    try {
      globalThis.fetch = async () => new Response('of the test');
      expect(await (await guarded('https://a.test/')).text()).toBe('of the test');
    } finally {
      globalThis.fetch = original;
    }
  });
});

describe('A process', () => {
  it.each([
    ['a body that is not read', `const r = await f(url); if (!r.ok) throw 1;`],
    ['no body', `const r = await f(url, { method: 'HEAD' }); if (!r.ok) throw 1;`],
    ['a body that was read', `const r = await f(url); await r.text();`],
  ])('a process exits by itself under a bodyTimeout of an hour after %s', async (_what, code) => {
    await using server = await testServer(() => ({ body: 'small' }));
    const script = `import { resilientFetch } from 'breakwater'; const url = '${server.origin}';
      for (const f of [resilientFetch({ bodyTimeout: '1h' }), resilientFetch({ bodyTimeout: '1h', bulkhead: { holdUntil: 'body' } })]) { ${code} }`;
    const source = new URL('../../src/index.ts', import.meta.url).href;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script.replace("'breakwater'", `'${source}'`)],
      { stdio: 'ignore' },
    );
    const tooLong = setTimeout(() => child.kill('SIGKILL'), 30_000);
    const [exitCode] = await once(child, 'exit');
    clearTimeout(tooLong);
    expect(exitCode).toBe(0);
  });
});

describe('A response with a header field that a Response cannot be constructed with', () => {
  it.each([': value', 'X Y: z'])(
    'a response with the field "%s" can be aborted and keeps its headers',
    async (field) => {
      const server = createTcpServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () =>
          socket.write(`HTTP/1.1 200 OK\r\n${field}\r\nX-Own: 1\r\nContent-Length: 9\r\n\r\npart`),
        );
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const controller = new AbortController();
      const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
      const response = await resilientFetch()(url, { signal: controller.signal });
      expect(response.headers.get('x-own')).toBe('1');
      const reading = response.text();
      controller.abort(new Error('left'));
      await expect(reading).rejects.toThrow('left');
      server.close();
    },
  );
});
