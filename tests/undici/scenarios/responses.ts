import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inOrder } from '../../support/http-server.js';
import { after, type Bench, type Scenarios, SOON } from './scenario.js';

const BAD = { status: 503, body: 'bad' };
const GOOD = { body: 'good' };
const MIB = 2 ** 20;

/** How responses reach the caller, and what happens to those that do not. */
export const responses: Scenarios = {
  'keeps the backpressure of a body that is not read': async ({ undici, guarded, server }) => {
    let written = 0;
    const chunk = Buffer.alloc(65_536);
    const { origin, requests } = await server(() => ({
      body: (async function* () {
        for (; written < 64 * MIB; written += chunk.length) yield chunk;
      })(),
    }));
    const dispatcher = guarded();
    const { body } = await undici.request(origin, { dispatcher });
    await after(300);
    const paused = written;
    await after(200);
    assert.equal(written, paused);
    assert.ok(written < 16 * MIB, `${written} bytes were sent`);
    let received = 0;
    for await (const part of body) received += part.length;
    assert.equal(received, 64 * MIB);
    const response = await undici.fetch(origin, { dispatcher });
    await response.body?.cancel();
    await requests[1]?.ended;
  },

  'passes responses without a body: HEAD, 204 and 304': async ({ undici, guarded, server }) => {
    const { origin } = await server(({ method, path }) =>
      method === 'HEAD' ? { headers: { 'content-length': '5' } } : { status: Number(path.slice(1)) },
    );
    const dispatcher = guarded();
    for (const [method, status] of [
      ['HEAD', 200],
      ['GET', 204],
      ['GET', 304],
    ] as const) {
      const { statusCode, body } = await undici.request(`${origin}/${status}`, { method, dispatcher });
      assert.deepEqual([statusCode, await body.text()], [status, '']);
      assert.equal((await undici.fetch(`${origin}/${status}`, { method, dispatcher })).status, status);
    }
  },

  'repeats a HEAD after a 503': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(({ index }) => ({ status: index === 0 ? 503 : 200 }));
    const { statusCode } = await undici.request(origin, { method: 'HEAD', dispatcher: guarded() });
    assert.deepEqual([statusCode, requests.length], [200, 2]);
  },

  'keeps both fields of a repeated Set-Cookie': async ({ undici, guarded, server }) => {
    const cookies = ['a=1', 'b=2'];
    const { origin } = await server(({ index }) => (index === 0 ? BAD : { headers: { 'set-cookie': cookies } }));
    const dispatcher = guarded();
    assert.deepEqual((await undici.fetch(origin, { dispatcher })).headers.getSetCookie(), cookies);
    const { headers, body } = await undici.request(origin, { dispatcher });
    assert.deepEqual(headers['set-cookie'], cookies);
    await body.dump();
  },

  'closes the connection of a long discarded body, and keeps that of a short one': async ({
    undici,
    guarded,
    server,
  }) => {
    const peer = await server(({ path, response }) => {
      const isFirst = peer.requests.filter((other) => other.path === path).length === 1;
      if (!isFirst) return GOOD;
      response.writeHead(503).end(Buffer.alloc(path === '/long' ? 500_000 : 500));
      return undefined;
    });
    const dispatcher = guarded();
    const get = async (path: string) => (await undici.request(peer.origin + path, { dispatcher })).body.text();
    assert.equal(await get('/short'), 'good');
    assert.equal(peer.sockets.used, 1);
    assert.equal(await get('/long'), 'good');
    await peer.requests[2]?.ended; // undici may open a connection that it does not use
    assert.ok(peer.sockets.used <= 3);
  },

  'closes the connection of a discarded body that never ends': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(({ index, response }) => {
      if (index > 0) return GOOD;
      response.writeHead(503).write('bad');
      return undefined;
    });
    const { body } = await undici.request(origin, { dispatcher: guarded() });
    assert.equal(await body.text(), 'good');
    await requests[0]?.ended;
  },

  'does not repeat a request whose body breaks off': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(({ response }) => {
      response.writeHead(200, { 'content-length': '100' }).write('abc');
      setTimeout(() => response.destroy(), 30);
      return undefined;
    });
    const dispatcher = guarded();
    await assert.rejects((await undici.fetch(origin, { dispatcher })).text());
    await assert.rejects((await undici.request(origin, { dispatcher })).body.text());
    assert.equal(requests.length, 2);
  },

  'passes informational responses, which are no verdict': async ({ undici, guarded, server }) => {
    const { origin } = await server(({ index, response }) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      return index === 0 ? BAD : GOOD;
    });
    const infos: number[] = [];
    const onInfo = ({ statusCode }: { statusCode: number }) => infos.push(statusCode);
    const { body } = await undici.request(origin, { dispatcher: guarded(), onInfo });
    assert.equal(await body.text(), 'good');
    assert.deepEqual(infos, [103, 103]);
  },

  'passes trailers': async ({ undici, guarded, server }) => {
    const { origin } = await server(({ response }) => {
      response.writeHead(200, { trailer: 'x-sum' });
      response.write('good');
      response.addTrailers({ 'x-sum': '42' });
      response.end();
      return undefined;
    });
    const { body, trailers } = await undici.request(origin, { dispatcher: guarded() });
    await body.text();
    assert.deepEqual({ ...trailers }, { 'x-sum': '42' });
  },

  'passes an upgrade and a CONNECT unchanged': async ({ undici, guarded, onEnd }) => {
    const server = createServer();
    const greet = (head: string) => (_request: unknown, socket: { write(text: string): void }) =>
      socket.write(`HTTP/1.1 ${head}\r\n\r\nhello`);
    server.on('upgrade', greet('101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x'));
    server.on('connect', greet('200 Connected'));
    const origin = await listen(server, onEnd);
    const dispatcher = guarded();
    const { socket } = await undici.upgrade(origin, { protocol: 'x', dispatcher });
    const tunnel = await undici.connect(origin, { path: 'a.test:1', dispatcher } as never);
    for (const stream of [socket, tunnel.socket]) {
      const [greeting] = await once(stream, 'data');
      assert.equal(String(greeting), 'hello');
      stream.destroy();
    }
  },

  'guards HTTP/2': async ({ undici, guarded, onEnd }) => {
    let requests = 0;
    const server = createSecureServer(certificate(), (_request, response) => {
      response.writeHead(++requests % 2 === 1 ? 503 : 200).end(`response ${requests}`);
    });
    const origin = (await listen(server, onEnd)).replace('http:', 'https:');
    const dispatcher = guarded({ retry: SOON }, { allowH2: true, connect: { rejectUnauthorized: false } });
    const { body } = await undici.request(origin, { method: 'PUT', body: 'abc', dispatcher });
    assert.equal(await body.text(), 'response 2');
    assert.equal(await (await undici.fetch(origin, { dispatcher })).text(), 'response 4');
  },

  'serves 100 calls with 4 connections': async ({ undici, guarded, server }) => {
    const peer = await server(({ index }) => (index % 3 === 0 ? BAD : GOOD));
    const dispatcher = guarded({}, { connections: 4 });
    const texts = await Promise.all(
      Array.from({ length: 100 }, async () => (await undici.fetch(peer.origin, { dispatcher })).text()),
    );
    assert.ok(texts.filter((body) => body === 'good').length > 80);
    assert.ok(peer.sockets.used <= 4);
  },

  'does not return the response of another request': async ({ undici, guarded, server }) => {
    const { definePolicy } = await import('breakwater');
    const { origin } = await server(inOrder(GOOD));
    let shared: Promise<unknown> | undefined;
    const sharing = definePolicy({
      name: 'sharing',
      run: (next, context) => {
        shared ??= next(context);
        return shared;
      },
    });
    const dispatcher = guarded({ policy: sharing });
    await (await undici.request(origin, { dispatcher })).body.dump();
    await assert.rejects(undici.request(origin, { dispatcher }), { code: 'ERR_INVALID_OPTION' });
  },
};

interface Listening {
  listen(port: number, host: string): unknown;
  address(): unknown;
  close(): unknown;
  on(event: 'connection' | 'secureConnection', listener: (socket: Socket) => void): unknown;
}

async function listen(server: Listening, onEnd: Bench['onEnd']): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server as never, 'listening');
  onEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Creates a self-signed certificate. */
function certificate(): { readonly key: Buffer; readonly cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-certificate-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const how = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'];
  execFileSync('openssl', ['req', ...how, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const files = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return files;
}
