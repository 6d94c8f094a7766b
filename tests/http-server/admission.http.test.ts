/** Admission in all server frameworks over real sockets. */
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { bulkhead } from 'breakwater/bulkhead';
import { type AdmissionOptions, admissionHandler, admissionMiddleware } from 'breakwater/http-server';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { defer } from '../support/promises.js';
import { frameworks, type Guard, guardedServer } from './guarded-servers.js';

const guardOf = (options: AdmissionOptions<[never]>): Guard => ({
  middleware: () => admissionMiddleware({ eventLoop: false, ...(options as object) }),
  handler: () => admissionHandler({ eventLoop: false, ...(options as object) }),
});

/** Sends text over a socket of its own. */
function rawClient(port: number, text: string) {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    received += chunk;
  });
  socket.write(text);
  return { socket, statuses: () => [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status)) };
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe.each(frameworks)('%s with admission', (name, start) => {
  it('A request above the limit is answered with 503, Retry-After and a problem document', async () => {
    const slots = bulkhead({ maxConcurrent: 1 });
    const pending = defer<void>();
    const route = async () => {
      await pending.promise;
      return { status: 200, body: 'passed' };
    };
    await using server = await guardedServer(start, guardOf({ limit: slots }), route);
    const first = fetch(server.origin);
    await eventually(() => expect(slots.active).toBe(1));
    const second = await fetch(server.origin, { method: 'POST', body: 'a body' });
    expect([second.status, second.headers.get('content-type')]).toEqual([503, 'application/problem+json']);
    expect(['1', '2']).toContain(second.headers.get('retry-after'));
    expect(await second.json()).toMatchObject({ status: 503, title: 'Service Unavailable' });
    pending.resolve();
    expect(await (await first).text()).toBe('passed');
    await eventually(() => expect(slots.active).toBe(0));
  });

  it('Exempt requests and requests with an empty body pass, on one connection', async () => {
    const slots = bulkhead({ maxConcurrent: 1 });
    const permit = slots.tryAcquire()!;
    const never = ({ url }: { readonly url: string }) => url.endsWith('/health');
    const route = async (path: string) => ({ status: path === '/empty' ? 204 : 200, body: '' });
    await using server = await guardedServer(start, guardOf({ limit: slots, never: never as never }), route);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const statusOf = (path: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sent = request(`${server.origin}${path}`, { agent }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode));
        });
        sent.on('error', reject).end();
      });
    expect([await statusOf('/'), await statusOf('/health')]).toEqual([503, 200]);
    permit.release();
    for (let round = 0; round < 5; round++) {
      expect(await statusOf('/empty')).toBe(204);
      await eventually(() => expect(slots.active).toBe(0));
    }
    agent.destroy();
  });

  it('A client that leaves while its request is queued gives its place back, and nothing runs for it', async () => {
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
    const permit = slots.tryAcquire()!;
    let runs = 0;
    const route = async () => {
      runs++;
      return { status: 200, body: '' };
    };
    await using server = await guardedServer(start, guardOf({ limit: slots }), route);
    const { socket } = rawClient(server.port, get('/'));
    await eventually(() => expect(slots.queued).toBe(1));
    socket.destroy();
    await eventually(() => expect(slots.queued).toBe(0));
    permit.release();
    expect((await fetch(server.origin)).status).toBe(200);
    expect(runs).toBe(1);
  });

  it('A client that leaves while its request is running gives its permit back', async () => {
    const slots = bulkhead({ maxConcurrent: 1 });
    const pending = defer<void>();
    const route = async () => {
      await pending.promise;
      return { status: 200, body: '' };
    };
    await using server = await guardedServer(start, guardOf({ limit: slots }), route);
    const { socket } = rawClient(server.port, get('/'));
    await eventually(() => expect(slots.active).toBe(1));
    socket.destroy();
    await eventually(() => expect(slots.active).toBe(0));
    pending.resolve();
  });

  it('Pipelined requests each hold a permit, which all return when they are answered or the client leaves', async () => {
    const slots = bulkhead({ maxConcurrent: 10 });
    let pending = defer<void>();
    const route = async () => {
      await pending.promise;
      return { status: 200, body: 'x' };
    };
    await using server = await guardedServer(start, guardOf({ limit: slots }), route);
    const answered = rawClient(server.port, get('/').repeat(3));
    await eventually(() => expect(slots.active).toBe(3));
    pending.resolve();
    await eventually(() => expect(answered.statuses()).toEqual([200, 200, 200]));
    await eventually(() => expect(slots.active).toBe(0));
    answered.socket.destroy();
    pending = defer<void>();
    const leaving = rawClient(server.port, get('/').repeat(3));
    await eventually(() => expect(slots.active).toBe(3));
    leaving.socket.destroy();
    // Hono aborts only the signal of the request that is being answered. The others end with their handlers.
    await eventually(() => expect(slots.active).toBeLessThanOrEqual(name === 'Hono' ? 2 : 0));
    pending.resolve();
    await eventually(() => expect(slots.active).toBe(0));
  });
});
