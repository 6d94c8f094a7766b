import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { wasNeverSent } from '../../src/core/never-sent.js';

const error = (properties: object) => Object.assign(new Error('x'), properties);
const failed = (cause: unknown) => new TypeError('fetch failed', { cause });

describe('A request that was never sent', () => {
  it.each([
    ['no server listens', failed(error({ code: 'ECONNREFUSED', syscall: 'connect' }))],
    ['the name has no address', failed(error({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }))],
    ['the resolver is busy', failed(error({ code: 'EAI_AGAIN', syscall: 'getaddrinfo' }))],
    ['the connection takes too long', failed(error({ code: 'UND_ERR_CONNECT_TIMEOUT' }))],
    ['the system gives up connecting', failed(error({ code: 'ETIMEDOUT', syscall: 'connect' }))],
    [
      'no address of the server answers',
      failed(
        Object.assign(
          new AggregateError([error({ code: 'ECONNREFUSED', syscall: 'connect' }), error({ code: 'ENETUNREACH' })]),
          {
            code: 'ECONNREFUSED',
          },
        ),
      ),
    ],
    ['Bun', error({ code: 'ConnectionRefused' })],
    ['Deno', new TypeError('error sending request for url (http://a/): client error (Connect): tcp connect error')],
  ])('is recognised if %s', (_reason, reason) => {
    expect(wasNeverSent(reason)).toBe(true);
  });

  const cycle = error({});
  cycle.cause = cycle;
  it.each([
    ['the connection was reset', failed(error({ code: 'ECONNRESET', syscall: 'read' }))],
    ['the network failed while writing', failed(error({ code: 'EHOSTUNREACH', syscall: 'write' }))],
    ['the system gave up waiting', failed(error({ code: 'ETIMEDOUT', syscall: 'read' }))],
    ['the server closed the connection', failed(error({ code: 'UND_ERR_SOCKET' }))],
    ['the headers took too long', failed(error({ code: 'UND_ERR_HEADERS_TIMEOUT' }))],
    ['the cause is unknown', new TypeError('Failed to fetch')],
    ['one address was connected', new AggregateError([error({ code: 'ECONNREFUSED' }), error({ code: 'ECONNRESET' })])],
    ['its own code says more than its cause', error({ code: 'E_OTHER', cause: error({ code: 'ECONNREFUSED' }) })],
    ['it is no error', 'ECONNREFUSED'],
    ['its causes form a cycle', cycle],
  ])('is not assumed if %s', (_reason, reason) => {
    expect(wasNeverSent(reason)).toBe(false);
  });

  it('is recognised from the error of this platform', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    const { port } = server.address() as { port: number };
    await new Promise((closed) => server.close(closed));
    const reason = await fetch(`http://127.0.0.1:${port}/`).catch((error: unknown) => error);
    expect(wasNeverSent(reason)).toBe(true);
  });
});
