import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import type { TestRequest } from '../../support/http-server.js';
import { after, type Bench, handlerOf, type Scenarios, until } from './scenario.js';

const BAD = { status: 503, body: 'bad' };
const GOOD = { body: 'good' };

interface Received {
  readonly text: string;
  readonly length: string | undefined;
}

/** A server that answers the first request with a 503, and records the bodies. */
async function recorder({ server }: Bench) {
  const received: Received[] = [];
  const { origin } = await server(async (request: TestRequest) => {
    received.push({ text: await request.text(), length: request.headers['content-length'] });
    return request.index === 0 ? BAD : GOOD;
  });
  return { origin, received };
}

/** How bodies are sent again. */
export const bodies: Scenarios = {
  'sends text, bytes, a generator, an array and a stream again': async (bench) => {
    const { undici, guarded } = bench;
    const kinds: (() => unknown)[] = [
      () => 'abc',
      () => Buffer.from('abc'),
      async function* () {
        yield 'a';
        yield Buffer.from('bc');
      },
      function* () {
        yield 'a';
        yield 'bc';
      },
      () => ['a', 'bc'],
      () => Readable.from(['a', 'bc']),
      () => Readable.toWeb(Readable.from([Buffer.from('a'), Buffer.from('bc')])),
    ];
    for (const kind of kinds) {
      const { origin, received } = await recorder(bench);
      const options = { method: 'PUT', body: kind() as string, dispatcher: guarded() } as const;
      const { body } = await undici.request(origin, options);
      assert.equal(await body.text(), 'good');
      assert.deepEqual(
        received.map(({ text }) => text),
        ['abc', 'abc'],
      );
    }
  },

  'sends the bodies of fetch again, with their content-length': async (bench) => {
    const { undici, guarded } = bench;
    const { origin, received } = await recorder(bench);
    const response = await undici.fetch(origin, { method: 'PUT', body: 'abc', dispatcher: guarded() });
    assert.equal(await response.text(), 'good');
    assert.deepEqual(received, [
      { text: 'abc', length: '3' },
      { text: 'abc', length: '3' },
    ]);
  },

  'sends a FormData of fetch and of request again': async (bench) => {
    const { undici, guarded } = bench;
    for (const send of [undici.fetch, undici.request] as const) {
      const { origin, received } = await recorder(bench);
      const form = new undici.FormData();
      form.set('name', 'value');
      await (send as typeof undici.fetch)(origin, { method: 'PUT', body: form, dispatcher: guarded() });
      assert.equal(received.length, 2);
      for (const { text } of received) assert.match(text, /name="name"\r\n\r\nvalue\r\n/);
    }
  },

  'sends a body above replayLimit once, and whole': async (bench) => {
    const { undici, guarded } = bench;
    const { origin, received } = await recorder(bench);
    const chunk = 'x'.repeat(40_000);
    const body = Readable.from([chunk, chunk, chunk]);
    const { statusCode } = await undici.request(origin, {
      ...{ method: 'PUT', body },
      dispatcher: guarded({ replayLimit: 65_536 }),
    });
    assert.deepEqual([statusCode, received.length, received[0]?.text.length], [503, 1, 120_000]);
    const bytes = { method: 'PUT', body: Buffer.alloc(70_000) } as const;
    const second = await recorder(bench);
    await undici.request(second.origin, { ...bytes, dispatcher: guarded({ replayLimit: 65_536 }) });
    assert.equal(second.received.length, 1);
  },

  'sends a body whole after an early 503': async ({ undici, guarded, server }) => {
    const received: string[] = [];
    const { origin } = await server(async (request) => {
      if (request.index === 0) return { status: 503, headers: { connection: 'close' }, body: 'early' };
      received.push(await request.text());
      return GOOD;
    });
    let pulls = 0;
    const body = async function* () {
      for (const chunk of '01234') {
        assert.equal(++pulls, 1, 'two reads of the source at once');
        await after(20);
        pulls--;
        yield chunk;
      }
    };
    const response = await undici.request(origin, {
      method: 'PUT',
      body: body() as unknown as Readable,
      dispatcher: guarded(),
    });
    assert.equal(await response.body.text(), 'good');
    assert.deepEqual(received, ['01234']);
  },

  'sends the body and the headers as they were at the call': async (bench) => {
    const { undici, guarded } = bench;
    const seen: unknown[] = [];
    const { origin } = await bench.server(async (request) => {
      seen.push([await request.text(), request.headers['x-id']]);
      return request.index === 0 ? BAD : GOOD;
    });
    const [body, headers] = [Buffer.from('abc'), { 'x-id': '1' }];
    const sent = undici.request(origin, { method: 'PUT', body, headers, dispatcher: guarded() });
    body.fill('z');
    headers['x-id'] = '2';
    await (await sent).body.dump();
    assert.deepEqual(seen, [
      ['abc', '1'],
      ['abc', '1'],
    ]);
  },

  'closes the source of a body that no attempt will read': async ({ undici, guarded, server }) => {
    const { origin } = await server(({ index }) =>
      index === 2 ? GOOD : { status: 503, headers: { connection: 'close' } },
    );
    let isClosed = false;
    const body = async function* () {
      try {
        for (;;) {
          yield Buffer.alloc(16_384);
          await after(5);
        }
      } finally {
        isClosed = true;
      }
    };
    const send = () =>
      undici.request(origin, {
        method: 'PUT',
        body: body() as unknown as Readable,
        dispatcher: guarded({ retry: false }),
      });
    await send().then(
      (response) => response.body.dump(),
      () => {},
    );
    await until(() => isClosed);
  },

  'ends an attempt whose body is now being sent with another one': async ({ undici, guarded, server }) => {
    const ends: string[] = [];
    const { origin } = await server(async (request) => {
      if (request.index === 1) return GOOD;
      await request.text().then(
        () => ends.push('whole'),
        () => ends.push('cut off'),
      );
      return undefined;
    });
    const body = async function* () {
      yield 'a';
      await after(300);
      yield 'b';
    };
    const options = {
      method: 'PUT',
      body: body() as unknown as Readable,
      dispatcher: guarded({ attemptTimeout: 100 }),
    } as const;
    const response = await undici.request(origin, options);
    assert.equal(await response.body.text(), 'good');
    await until(() => ends.length > 0);
    assert.deepEqual(ends, ['cut off']);
  },

  'reports a stream that fails before it is read': async ({ major, guarded, server }) => {
    const { origin } = await server(() => GOOD);
    const dispatcher = guarded();
    const body = new PassThrough();
    const failure = new Error('The stream has failed');
    const failed = new Promise((resolve) => {
      const handler = handlerOf(major, { error: resolve, end: () => resolve('complete') });
      dispatcher.dispatch({ origin, path: '/', method: 'PUT', body }, handler);
      body.destroy(failure);
    });
    assert.equal(await failed, failure);
  },

  'leaves no listener on the signal of the caller': async ({ undici, guarded, server }) => {
    const { origin } = await server(({ index }) => (index % 2 === 0 ? BAD : GOOD));
    const { signal } = new AbortController();
    const dispatcher = guarded();
    const { body } = await undici.request(origin, { dispatcher, signal });
    await body.text();
    await (await undici.fetch(origin, { dispatcher })).text();
    await until(() => getEventListeners(signal, 'abort').length === 0);
  },
};
