import { type ResilientFetchOptions, resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import nodeFetch from 'node-fetch';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { collectGarbage } from '../support/garbage.js';
import { testServer } from '../support/http-server.js';
import { settle, watch } from '../support/promises.js';

const part = (bytes: number) => 'x'.repeat(bytes);

/** A server that sends a chunk at the beginning, and further ones when the test calls `send`. */
async function onDemand(headers: Record<string, string> = {}) {
  const server = await testServer(({ response }) => {
    response.writeHead(200, headers);
    response.write('first ');
    return undefined;
  });
  const response = () => server.requests.at(-1)!.response;
  return {
    ...{ server, origin: server.origin, send: (chunk: string) => response().write(chunk), end: () => response().end() },
    [Symbol.asyncDispose]: () => server.close(),
  };
}

const read = async (reader: ReadableStreamDefaultReader<Uint8Array>) => {
  const { done, value } = await reader.read();
  return done ? undefined : new TextDecoder().decode(value);
};

describe('A fetch with bodyIdleTimeout', () => {
  it('a body whose server stalls ends with a TimeoutError, and its connection is closed (E54)', async () => {
    const clock = new TestClock();
    await using it = await onDemand();
    const fetch = resilientFetch({ clock, bodyIdleTimeout: '5s' });
    const body = watch((await fetch(it.origin)).text());
    await eventually(() => expect(clock.pendingTimers).toBe(1));
    await clock.advance(4_999);
    expect(body.state).toBe('pending');
    await clock.advance(1);
    await body.done;
    expect(body.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 5_000, policy: 'resilientFetch body idle' });
    await it.server.requests[0]!.ended;
    expect(it.server.requests[0]!.response.writableFinished).toBe(false);
  });

  it('a slow but steady body is read to its end', async () => {
    const clock = new TestClock();
    await using it = await onDemand();
    const reader = (await resilientFetch({ clock, bodyIdleTimeout: '5s' })(it.origin)).body!.getReader();
    expect(await read(reader)).toBe('first ');
    for (let chunk = 0; chunk < 5; chunk++) {
      const next = watch(read(reader));
      await settle();
      await clock.advance(4_000);
      it.send(`${chunk}`);
      await next.done;
      expect(next.value).toBe(`${chunk}`);
    }
    it.end();
    expect(await read(reader)).toBeUndefined();
  });

  it('a body that nothing reads is not idle (E53)', async () => {
    const clock = new TestClock();
    await using server = await testServer(() => ({ body: part(2_000_000) }));
    const reader = (await resilientFetch({ clock, bodyIdleTimeout: '5s' })(server.origin)).body!.getReader();
    let bytes = 0;
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      bytes += chunk.value.byteLength;
      if (bytes < 500_000) await clock.advance(60_000);
    }
    expect(bytes).toBe(2_000_000);
  });

  it('the timeout holds for clones, and beside bodyTimeout and a signal', async () => {
    const clock = new TestClock();
    await using it = await onDemand();
    const fetch = resilientFetch({ clock, bodyIdleTimeout: '5s', bodyTimeout: '8s' });
    const { signal } = new AbortController();
    const response = await fetch(it.origin, { signal });
    const bodies = [response.clone(), response].map((one) => watch(one.text()));
    await settle();
    await clock.advance(5_000);
    await Promise.all(bodies.map(({ done }) => done));
    for (const { error } of bodies) expect(error).toMatchObject({ policy: 'resilientFetch body idle' });
    await eventually(() => expect(it.server.sockets.open).toBe(0));

    const reader = (await fetch(it.origin)).body!.getReader();
    await read(reader);
    await clock.advance(4_000);
    const late = watch(read(reader));
    await settle();
    await clock.advance(4_000); // of the idle time only 4 s have passed, of the whole time 8 s
    await late.done;
    expect(late.error).toMatchObject({ policy: 'resilientFetch body', timeoutMs: 8_000 });
  });

  it('a body that has ended in any way leaves no timer', async () => {
    const clock = new TestClock();
    await using it = await onDemand();
    const fetch = resilientFetch({ clock, bodyIdleTimeout: '5s' });
    const controller = new AbortController();
    const ends: ((response: Response) => unknown)[] = [
      (response) => {
        const text = response.text();
        it.end();
        return text;
      },
      async (response) => {
        const reader = response.body!.getReader();
        await read(reader);
        const pending = reader.read();
        await reader.cancel();
        return pending;
      },
      async (response) => {
        const text = response.text();
        await settle();
        controller.abort(new Error('enough'));
        await expect(text).rejects.toThrow('enough');
      },
      async (response) => {
        const text = response.text();
        await settle();
        it.server.requests.at(-1)!.response.destroy();
        await expect(text).rejects.toThrow();
      },
    ];
    for (const end of ends) {
      await end(await fetch(it.origin, { signal: controller.signal.aborted ? null : controller.signal }));
      await clock.advance(5_000); // an empty list of deadlines keeps its timer for reuse
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it.each(['with', 'without'])('the idle body of a fetch %s resume is resumed, or ends', async (how) => {
    const clock = new TestClock();
    await using server = await testServer(({ response, headers }) => {
      const from = /bytes=(\d+)-/.exec(headers.range ?? '')?.[1];
      const head = { etag: '"one"' };
      if (from === undefined) response.writeHead(200, { ...head, 'content-length': 10 }).write('01234');
      else response.writeHead(206, { ...head, 'content-range': `bytes ${from}-9/10` }).end('0123456789'.slice(+from));
      return undefined;
    });
    const fetch = resilientFetch({
      ...{ clock, bodyIdleTimeout: '5s', resume: how === 'with', retry: { backoff: () => 0 } },
    });
    const text = watch((await fetch(server.origin)).text());
    await eventually(() => expect(clock.pendingTimers).toBe(1));
    await settle();
    await clock.advance(5_000);
    await text.done;
    expect(text.value).toBe(how === 'with' ? '0123456789' : undefined);
    expect(server.requests).toHaveLength(how === 'with' ? 2 : 1);
    if (how === 'without') expect(text.error).toMatchObject({ policy: 'resilientFetch body idle' });
    await server.requests[0]!.ended; // the idle connection was closed
  });

  it('a body that is idle after each resumption ends with the TimeoutError', async () => {
    const clock = new TestClock();
    await using server = await testServer(({ response, headers }) => {
      const from = Number(/bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
      const status = headers.range === undefined ? 200 : 206;
      response.writeHead(status, { etag: '"one"', 'content-range': `bytes ${from}-9/10` });
      response.write('0123456789'.slice(from, from + 1));
      return undefined;
    });
    const fetch = resilientFetch({ clock, bodyIdleTimeout: '5s', resume: true, retry: { backoff: () => 0 } });
    const text = watch((await fetch(server.origin)).text());
    for (let request = 1; request <= 4; request++) {
      await eventually(() => expect(server.requests).toHaveLength(request));
      await eventually(() => expect(clock.pendingTimers).toBe(1));
      await settle();
      await clock.advance(5_000);
    }
    await text.done;
    expect(text.error).toMatchObject({ policy: 'resilientFetch body idle' });
    expect(server.requests).toHaveLength(4);
    await eventually(() => expect(server.sockets.open).toBe(0));
  });

  it('the timeout ends a body of node-fetch, and restarts at each of its chunks', async () => {
    for (const isSteady of [true, false]) {
      const clock = new TestClock();
      await using it = await onDemand();
      const fetch = resilientFetch({ clock, fetch: nodeFetch, bodyIdleTimeout: '5s' });
      const text = watch((await fetch(it.origin)).text());
      await eventually(() => expect(clock.pendingTimers).toBe(1));
      let expected = 'first ';
      for (let chunk = 0; isSteady && chunk < 3; chunk++) {
        await eventually(() => expect(clock.pendingTimers).toBe(1));
        await clock.advance(4_000);
        it.send(`${chunk}`);
        expected += chunk;
        await new Promise((resolve) => setTimeout(resolve, 50)); // the chunk has arrived
      }
      if (isSteady) it.end();
      else await clock.advance(5_000);
      await text.done;
      if (isSteady) expect(text.value).toBe(expected);
      else expect(text.error).toMatchObject({ policy: 'resilientFetch body idle' });
    }
  });

  it('connections of unread bodies that were dropped are closed', async () => {
    async function* endless() {
      for (;;) yield part(100_000);
    }
    await using server = await testServer(() => ({ body: endless() }));
    const fetch = resilientFetch({ bodyIdleTimeout: '1m' });
    for (let i = 0; i < 20; i++) await fetch(server.origin);
    await eventually(() => {
      collectGarbage();
      expect(server.sockets.open).toBeLessThan(5);
    });
    expect(server.requests).toHaveLength(20);
  });

  it.each([0, -1, Number.NaN, '5', null])('bodyIdleTimeout: %j is invalid', (bodyIdleTimeout) => {
    const options = { bodyIdleTimeout } as unknown as ResilientFetchOptions;
    expect(() => resilientFetch(options)).toThrow(/bodyIdleTimeout/);
  });
});
