import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { eventually } from './eventually.js';
import { settle } from './promises.js';
import { type Faults, tcpProxy } from './tcp-proxy.js';

/** A server that answers each piece of data with the same in capitals, a proxy before it, and a client before that. */
async function scene(faults: Faults = {}) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', (chunk) => socket.write(chunk.toString().toUpperCase()));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await tcpProxy((server.address() as AddressInfo).port, () => faults);
  return {
    proxy,
    sockets,
    client: () => client(proxy.port),
    async [Symbol.asyncDispose]() {
      await proxy.close();
      server.close();
    },
  };
}

function client(port: number) {
  const socket = connect(port, '127.0.0.1');
  const seen = { socket, text: '', pieces: [] as string[], events: [] as string[], error: '' };
  socket.on('data', (chunk) => {
    seen.text += chunk;
    seen.pieces.push(chunk.toString());
  });
  for (const event of ['end', 'close']) socket.on(event, () => seen.events.push(event));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    seen.error = error.code ?? '';
  });
  return seen;
}
const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;

describe('The TCP proxy', () => {
  it('passes on and counts data and ends in both directions', async () => {
    await using it = await scene();
    const one = it.client();
    const other = it.client();
    one.socket.write('hello');
    other.socket.write('you');
    await eventually(() => expect([one.text, other.text]).toEqual(['HELLO', 'YOU']));
    expect(it.proxy).toMatchObject({ accepted: 2, bytes: { request: 8, response: 8, lost: 0 } });
    expect(it.proxy.connections.map(({ bytes }) => bytes.request)).toEqual([5, 3]);
    expect(it.proxy.connections).toHaveLength(2);

    it.sockets[0]!.end();
    it.sockets[1]!.resetAndDestroy();
    await eventually(() =>
      expect([one, other].flatMap(({ events }) => events).sort()).toEqual(['close', 'close', 'end']),
    );
    await eventually(() => expect(it.proxy.connections).toHaveLength(0));
  });

  it('passes on a megabyte to a reader that starts slowly', async () => {
    await using it = await scene();
    const one = it.client();
    one.socket.pause();
    one.socket.write('x'.repeat(1_000_000));
    await eventually(() => expect(it.proxy.bytes.request).toBeGreaterThan(100_000));
    one.socket.resume();
    await eventually(() => expect(one.text).toHaveLength(1_000_000));
  });

  it('closes the other side when the client leaves', async () => {
    await using it = await scene();
    const one = it.client();
    await eventually(() => expect(it.sockets).toHaveLength(1));
    const [connection] = it.proxy.connections;
    one.socket.destroy();
    await Promise.all([once(it.sockets[0]!, 'close'), connection!.closed]);
    expect(it.proxy.connections).toHaveLength(0);
  });

  it('delays data', async () => {
    await using it = await scene({ request: { delayMs: 20 }, response: { delayMs: 20 } });
    const one = it.client();
    const startedAt = performance.now();
    one.socket.write('late');
    await eventually(() => expect(one.text).toBe('LATE'));
    expect(performance.now() - startedAt).toBeGreaterThan(35);
  });

  it('drips data in pieces', async () => {
    await using it = await scene({ response: { drip: { bytes: 2, everyMs: 10 } } });
    const one = it.client();
    one.socket.write('drops');
    await eventually(() => expect(one.text).toBe('DROPS'));
    expect(one.pieces.length).toBeGreaterThan(1);
    expect(one.pieces.at(-1)).toBe('S');
  });

  it('resets a connection on connecting, before the first byte of the response, after some bytes, and on demand', async () => {
    await using it = await scene({ resetOnConnect: true });
    const refused = it.client();
    await eventually(() => expect(refused).toMatchObject({ error: 'ECONNRESET', events: ['close'] }));

    for (const resetAfter of [0, 3]) {
      it.proxy.faults = () => ({ resetAfter });
      const one = it.client();
      one.socket.write('hello');
      await eventually(() => expect(one.error).toBe('ECONNRESET'));
      expect(one.text).toBe('HELLO'.slice(0, resetAfter));
    }

    it.proxy.faults = () => ({});
    const last = it.client();
    last.socket.write('hello');
    await eventually(() => expect(last.text).toBe('HELLO'));
    it.proxy.connections[0]!.reset();
    await eventually(() => expect(last.error).toBe('ECONNRESET'));
  });

  it('ends the response after a number of bytes', async () => {
    await using it = await scene({ cutAfter: 4 });
    const one = it.client();
    one.socket.write('hello');
    await eventually(() => expect(one.events).toEqual(['end', 'close']));
    expect(one).toMatchObject({ text: 'HELL', error: '' });
  });

  it('accepts a connection as a black hole and passes on nothing', async () => {
    await using it = await scene({ blackhole: true });
    const one = it.client();
    one.socket.write('hello');
    await eventually(() => expect(it.sockets).toHaveLength(1));
    it.sockets[0]!.end('bye');
    await once(it.sockets[0]!, 'close');
    expect(it.proxy).toMatchObject({ accepted: 1, bytes: { request: 0, response: 0, lost: 8 } });
    expect(one).toMatchObject({ text: '', events: [], error: '' });
  });

  it('leaves a connection half-open after it has worked', async () => {
    await using it = await scene();
    const one = it.client();
    one.socket.write('hello');
    await eventually(() => expect(one.text).toBe('HELLO'));
    it.proxy.connections[0]!.faults = { blackhole: true };
    one.socket.write('anybody?');
    it.sockets[0]!.resetAndDestroy();
    const next = it.client(); // has no part in it
    next.socket.write('hello');
    await eventually(() => expect(next.text).toBe('HELLO'));
    expect(one).toMatchObject({ text: 'HELLO', events: [], error: '' });
  });

  it('refuses connections, and accepts again on the same port', async () => {
    await using it = await scene();
    const before = it.client();
    before.socket.write('hello');
    await eventually(() => expect(before.text).toBe('HELLO'));
    await it.proxy.refuse();
    const refused = it.client();
    await eventually(() => expect(refused.error).toBe('ECONNREFUSED'));
    before.socket.write('still'); // an open connection goes on
    await eventually(() => expect(before.text).toBe('HELLOSTILL'));
    await it.proxy.accept();
    const after = it.client();
    after.socket.write('again');
    await eventually(() => expect(after.text).toBe('AGAIN'));
  });

  it('gives each connection its own faults, which can change while it drips', async () => {
    await using it = await scene();
    it.proxy.faults = (connection) => (connection === 1 ? { response: { drip: { bytes: 1, everyMs: 20 } } } : {});
    const plain = it.client();
    plain.socket.write('hello');
    await eventually(() => expect(plain.pieces).toEqual(['HELLO']));
    const dripping = it.client();
    dripping.socket.write('x'.repeat(10_000)); // 200 seconds of drops
    await eventually(() => expect(dripping.text).toContain('X'));
    it.proxy.connections[1]!.faults = {};
    await eventually(() => expect(dripping.text).toHaveLength(10_000));
  });

  it('leaves no socket and no timer behind if it is closed in the middle of a transfer', async () => {
    const timersBefore = timers();
    const it = await scene();
    it.proxy.faults = (connection) => {
      const flow = connection < 15 ? { delayMs: 600_000 } : { drip: { bytes: 1, everyMs: 600_000 } };
      return { request: flow };
    };
    for (let i = 0; i < 30; i++) it.client().socket.write('hello');
    await eventually(() => expect(it.sockets).toHaveLength(30));
    for (let i = 0; i < 1000 && timers() < timersBefore + 20; i++) await settle();
    expect(timers()).toBeGreaterThanOrEqual(timersBefore + 20); // one for each, give or take the test runner's own
    await it[Symbol.asyncDispose]();
    expect(it.proxy.connections).toHaveLength(0);
    expect(timers()).toBeLessThan(timersBefore + 10);
    await eventually(() => expect(it.sockets.every(({ destroyed }) => destroyed)).toBe(true));
    const refused = client(it.proxy.port);
    await eventually(() => expect(refused.error).toBe('ECONNREFUSED'));
  });
});
