import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { isNetworkError, resilientFetch, TimeoutError } from 'breakwater';
import { cachedFetch } from 'breakwater/http-cache';
import { TestClock } from 'breakwater/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { testServer } from '../support/http-server.js';
import { settle, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

// Real sockets, but the timeouts run on a TestClock, so that a slow machine cannot change the result of a row.

/**
 * The result of a call: a response, a failure sent twice, a failure sent once, two attempts without a response, or any of
 * them where the platform decides.
 */
type Verdict = 'answer' | 'retried' | 'permanent' | 'timeout' | 'any';

interface Row {
  readonly what: string;
  /** How the server responds once `after` has happened on a connection. */
  readonly serve: (socket: Socket) => void;
  /** @defaultValue 'request' */
  readonly after?: 'connection' | 'first byte' | 'request';
  readonly verdict: Verdict;
  /** How reading the body of a response ends. @defaultValue 'whole' */
  readonly reads?: 'whole' | 'cut off' | 'hangs';
  /** The body of a response that is read whole. @defaultValue 'abc' */
  readonly text?: string;
  readonly status?: number;
  readonly init?: RequestInit;
  readonly protocol?: 'https' | 'TLS server';
  /** The number of requests that the server receives for one call, where redirects add some. */
  readonly requests?: number;
}

const ATTEMPT_MS = 300;
const BODY_MS = 500;
const MIB = 1_048_576;

/** The head of a response that a cache can store. */
const head = (status: string, ...fields: readonly string[]) =>
  `${[`HTTP/1.1 ${status}`, 'Connection: close', 'Cache-Control: max-age=600', ...fields].join('\r\n')}\r\n\r\n`;
const ok = (...fields: readonly string[]) => head('200 OK', ...fields);

/** Sends the data and closes the connection. */
const sends = (data: string | Buffer) => (socket: Socket) => void socket.end(data, 'latin1');
/** Sends the data and leaves the connection open. */
const sendsAndStays = (data: string) => (socket: Socket) => void socket.write(data, 'latin1');

/** Sends the start, then the same piece without end, as fast as the client reads. */
const sendsEndlessly = (start: string, piece: string) => (socket: Socket) => {
  socket.write(start);
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', more);
  more();
};

/** Sends the start, then one byte at a time without end. */
const drips = (start: string) => (socket: Socket) => {
  socket.setNoDelay(true);
  socket.write(start);
  const timer = setInterval(() => socket.write('x'), 10);
  socket.on('close', () => clearInterval(timer));
};

const redirect = (location: string) => head('302 Found', `Location: ${location}`, 'Content-Length: 0');
const whole = (...fields: readonly string[]) => sends(`${ok('Content-Length: 3', ...fields)}abc`);
const chunked = (body: string) => sends(`${ok('Transfer-Encoding: chunked')}${body}`);
// Without `Connection: close`, with which undici treats the end of the connection as the end of the body.
const chunkedAndCloses = (body: string) =>
  sends(`HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
const chunkedAndStays = (body: string) => sendsAndStays(`${ok('Transfer-Encoding: chunked')}${body}`);
const bomb = gzipSync(Buffer.alloc(20 * MIB));

const ROWS: readonly Row[] = [
  // Connections
  { what: 'closes at once', after: 'connection', serve: (socket) => socket.resetAndDestroy(), verdict: 'any' },
  { what: 'resets after the request', serve: (socket) => socket.resetAndDestroy(), verdict: 'retried' },
  { what: 'closes after the request', serve: (socket) => socket.end(), verdict: 'retried' },
  { what: 'accepts and never responds', serve: () => {}, verdict: 'timeout' },
  { what: 'closes in the status line', serve: sends('HTTP/1.1 2'), verdict: 'retried' },
  { what: 'closes in the headers', serve: sends('HTTP/1.1 200 OK\r\nContent-Len'), verdict: 'retried' },
  {
    what: 'resets in the headers',
    serve: (socket) => void socket.write('HTTP/1.1 200 OK\r\nX', () => socket.resetAndDestroy()),
    verdict: 'retried',
  },
  {
    what: 'responds before it has read the request',
    init: { method: 'PUT', body: 'x'.repeat(8 * MIB) },
    serve: (socket) => {
      socket.pause();
      const resume = () => socket.resume(); // a socket that is not read does not notice that the client has closed it
      socket.write(`${head('413 Content Too Large', 'Content-Length: 3')}abc`, resume);
    },
    verdict: 'answer',
    status: 413,
  },

  // Status lines
  { what: 'sends garbage', serve: sends('\0\x01\x02 this is not HTTP\n\n'), verdict: 'permanent' },
  { what: 'greets as an SMTP server', serve: sends('220 mail.example.com ESMTP\r\n'), verdict: 'permanent' },
  { what: 'responds in HTTP/0.9', serve: sends('<html>abc</html>'), verdict: 'permanent' },
  { what: 'sends a status that is not a number', serve: sends('HTTP/1.1 abc OK\r\n\r\n'), verdict: 'permanent' },
  { what: 'sends a status of four digits', serve: sends('HTTP/1.1 2000 OK\r\n\r\n'), verdict: 'permanent' },
  { what: 'sends the status 099', serve: sends('HTTP/1.1 099 OK\r\n\r\n'), verdict: 'any' },
  { what: 'sends a version that does not exist', serve: sends('HTTP/7.3 200 OK\r\n\r\n'), verdict: 'permanent' },

  // Lengths
  { what: 'sends a negative Content-Length', serve: sends(ok('Content-Length: -1')), verdict: 'permanent' },
  { what: 'sends a Content-Length of words', serve: sends(ok('Content-Length: three')), verdict: 'permanent' },
  {
    what: 'sends a Content-Length above 2^64',
    serve: sends(`${ok(`Content-Length: ${'9'.repeat(30)}`)}abc`),
    verdict: 'permanent',
  },
  {
    what: 'sends a Content-Length of an exabyte and closes',
    serve: sends(`${ok(`Content-Length: ${10 ** 18}`)}abc`),
    verdict: 'answer',
    reads: 'cut off',
  },
  {
    what: 'sends the same Content-Length twice',
    serve: sends(`${ok('Content-Length: 3', 'Content-Length: 3')}abc`),
    verdict: 'permanent',
  },
  {
    what: 'sends two Content-Lengths',
    serve: sends(`${ok('Content-Length: 3', 'Content-Length: 5')}abc`),
    verdict: 'permanent',
  },
  { what: 'sends more than its Content-Length', serve: sends(`${ok('Content-Length: 3')}abcdef`), verdict: 'answer' },
  {
    what: 'sends less than its Content-Length',
    serve: sends(`${ok('Content-Length: 10')}abc`),
    verdict: 'answer',
    reads: 'cut off',
  },
  {
    what: 'resets in the body',
    serve: (socket) =>
      void socket.write(`${ok('Content-Length: 10')}abc`, () => setTimeout(() => socket.resetAndDestroy(), 20)),
    verdict: 'answer',
    reads: 'cut off',
  },
  { what: 'ends its body by closing', serve: sends(`${ok()}abc`), verdict: 'answer' },
  {
    what: 'sends both Content-Length and Transfer-Encoding',
    serve: sends(`${ok('Content-Length: 3', 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n\r\n`),
    verdict: 'permanent',
  },

  // Chunks
  { what: 'sends chunks with trailers', serve: chunked('3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n'), verdict: 'answer' },
  { what: 'sends a bad chunk size', serve: chunked('xyz\r\nabc\r\n0\r\n\r\n'), verdict: 'answer', reads: 'cut off' },
  { what: 'sends a negative chunk size', serve: chunked('-3\r\nabc\r\n'), verdict: 'answer', reads: 'cut off' },
  { what: 'sends a bad second chunk', serve: chunked('3\r\nabc\r\n!\r\n'), verdict: 'answer', reads: 'cut off' },
  {
    what: 'sends a chunk longer than its size',
    serve: chunked('1\r\nabc\r\n0\r\n\r\n'),
    verdict: 'answer',
    reads: 'cut off',
  },
  { what: 'closes without a last chunk', serve: chunkedAndCloses('3\r\nabc\r\n'), verdict: 'answer', reads: 'cut off' },
  { what: 'closes in a chunk', serve: chunkedAndCloses('a\r\nabc'), verdict: 'answer', reads: 'cut off' },
  { what: 'closes in the trailers', serve: chunkedAndCloses('3\r\nabc\r\n0\r\nX-Su'), verdict: 'any' },
  {
    what: 'sends a chunk size above 2^64',
    serve: chunked(`${'f'.repeat(20)}\r\nabc`),
    verdict: 'answer',
    reads: 'cut off',
  },
  { what: 'stalls without a last chunk', serve: chunkedAndStays('3\r\nabc\r\n'), verdict: 'answer', reads: 'hangs' },

  // Header fields
  { what: 'sends a field without a colon', serve: whole('nonsense'), verdict: 'permanent' },
  { what: 'sends a field without a name', serve: whole(': value'), verdict: 'answer' },
  { what: 'sends a space in the name of a field', serve: whole('X Y: z'), verdict: 'answer' },
  { what: 'sends a NUL in a field', serve: whole('X: a\0b'), verdict: 'permanent' },
  { what: 'sends a bare CR in a field', serve: whole('X: a\rb'), verdict: 'permanent' },
  {
    what: 'ends its lines with a bare LF',
    serve: sends(`${ok('Content-Length: 3').replaceAll('\r', '')}abc`),
    verdict: 'permanent',
  },
  { what: 'sends a field of 1 MiB', serve: whole(`X: ${'x'.repeat(MIB)}`), verdict: 'permanent' },
  {
    what: 'sends 10,000 fields',
    serve: whole(...Array.from({ length: 10_000 }, (_, i) => `X-${i}: y`)),
    verdict: 'permanent',
  },
  {
    what: 'sends fields without end',
    serve: sendsEndlessly('HTTP/1.1 200 OK\r\n', 'X-Y: z\r\n'.repeat(100)),
    verdict: 'permanent',
  },
  { what: 'sends its headers one byte at a time', serve: drips('HTTP/1.1 200 OK\r\nX-Slow: '), verdict: 'timeout' },
  {
    what: 'sends fields in other alphabets',
    serve: whole('X: \xff\xfe\x80', 'Server: \xc3\xa9'),
    verdict: 'answer',
  },

  // Slow and endless bodies
  {
    what: 'stalls after the headers',
    serve: sendsAndStays(ok('Content-Length: 10')),
    verdict: 'answer',
    reads: 'hangs',
  },
  {
    what: 'stalls in the body',
    serve: sendsAndStays(`${ok('Content-Length: 10')}abc`),
    verdict: 'answer',
    reads: 'hangs',
  },
  {
    what: 'sends its body one byte at a time',
    serve: drips(ok('Content-Length: 99999')),
    verdict: 'answer',
    reads: 'hangs',
  },
  {
    what: 'sends a body without end',
    serve: sendsEndlessly(ok(), 'x'.repeat(10_000)),
    verdict: 'answer',
    reads: 'hangs',
  },

  // Interim responses and responses without a body
  {
    what: 'sends 100 Continue without end',
    serve: sendsEndlessly('', 'HTTP/1.1 100 Continue\r\n\r\n'),
    verdict: 'retried',
  },
  {
    what: 'sends 103 Early Hints without end',
    serve: sendsEndlessly('', 'HTTP/1.1 103 Early Hints\r\n\r\n'),
    verdict: 'timeout',
  },
  {
    what: 'sends a 102 and no response',
    serve: sendsAndStays('HTTP/1.1 102 Processing\r\n\r\n'),
    verdict: 'timeout',
  },
  { what: 'sends a 102 and closes', serve: sends('HTTP/1.1 102 Processing\r\n\r\n'), verdict: 'retried' },
  {
    what: 'switches protocols without a request',
    serve: sendsAndStays('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    verdict: 'retried',
  },
  { what: 'sends a 101 without Upgrade', serve: sendsAndStays('HTTP/1.1 101 Switching\r\n\r\n'), verdict: 'any' },
  {
    what: 'sends a 204 with a body',
    serve: sends(`${head('204 No Content', 'Content-Length: 3')}abc`),
    verdict: 'answer',
    status: 204,
    text: '',
  },
  {
    what: 'sends a 304 with a body',
    serve: sends(`${head('304 Not Modified', 'Content-Length: 3')}abc`),
    verdict: 'answer',
    status: 304,
    text: '',
  },
  {
    what: 'sends a 205 with a body',
    serve: sends(`${head('205 Reset Content', 'Content-Length: 3')}abc`),
    verdict: 'any',
  },
  { what: 'responds to a HEAD with a body', init: { method: 'HEAD' }, serve: whole(), verdict: 'answer', text: '' },
  {
    what: 'sends the status 999',
    serve: sends(`${head('999 Odd', 'Content-Length: 3')}abc`),
    verdict: 'answer',
    status: 999,
    requests: 2,
  },

  // Redirects
  {
    what: 'redirects to itself',
    serve: (socket) => void socket.end(redirect('/')),
    verdict: 'permanent',
    requests: 21,
  },
  { what: 'redirects to an invalid URL', serve: sends(redirect('http://[')), verdict: 'permanent' },
  { what: 'redirects to another scheme', serve: sends(redirect('javascript:alert(1)')), verdict: 'permanent' },
  {
    what: 'redirects without a Location',
    serve: sends(`${head('302 Found', 'Content-Length: 3')}abc`),
    verdict: 'answer',
    status: 302,
  },

  // Codings
  { what: 'labels plain text as gzip', serve: whole('Content-Encoding: gzip'), verdict: 'answer', reads: 'cut off' },
  { what: 'labels plain text as br', serve: whole('Content-Encoding: br'), verdict: 'any' },
  { what: 'labels plain text with an unknown coding', serve: whole('Content-Encoding: nonsense'), verdict: 'answer' },
  {
    what: 'cuts off a gzip stream',
    serve: (socket) => {
      const data = gzipSync('abc'.repeat(1_000));
      socket.write(ok('Content-Encoding: gzip', `Content-Length: ${data.length}`));
      socket.end(data.subarray(0, 15));
    },
    verdict: 'answer',
    reads: 'cut off',
  },
  {
    what: 'sends a gzip bomb of 20 MiB',
    serve: (socket) => {
      socket.write(ok('Content-Encoding: gzip', `Content-Length: ${bomb.length}`));
      socket.end(bomb);
    },
    verdict: 'answer',
    text: '\0'.repeat(20 * MIB),
  },

  // Fields that the library itself reads
  {
    what: 'rejects with an invalid Retry-After',
    serve: sends(`${head('503 Busy', 'Retry-After: in a while', 'Content-Length: 3')}abc`),
    verdict: 'answer',
    status: 503,
    requests: 2,
  },
  {
    what: 'rejects with invalid RateLimit fields',
    serve: sends(
      `${head('429 Slow Down', 'RateLimit: "x";r=NaN;t=-5', 'RateLimit-Policy: ((((', 'X-RateLimit-Reset: never', 'Content-Length: 3')}abc`,
    ),
    verdict: 'answer',
    status: 429,
    requests: 2,
  },
  {
    what: 'sends invalid Dates',
    serve: whole('Date: yesterday', 'Expires: -1', 'Last-Modified: 99/99/9999', 'Age: old'),
    verdict: 'answer',
  },
  {
    what: 'sends an invalid Cache-Control',
    serve: whole('Cache-Control: max-age=-1, ="", private="', 'Vary: \x80', 'ETag: "'),
    verdict: 'answer',
  },
  {
    what: 'sends invalid Set-Cookies',
    serve: whole('Set-Cookie: =;;=', 'Set-Cookie:', 'Set-Cookie: a=\x80; Expires=x'),
    verdict: 'answer',
  },

  // TLS
  {
    what: 'uses plain HTTP on a TLS port',
    protocol: 'https',
    after: 'first byte',
    serve: whole(),
    verdict: 'permanent',
  },
  {
    what: 'closes in the TLS handshake',
    protocol: 'https',
    after: 'first byte',
    serve: (socket) => socket.end(),
    verdict: 'retried',
  },
  {
    what: 'resets in the TLS handshake',
    protocol: 'https',
    after: 'first byte',
    serve: (socket) => socket.resetAndDestroy(),
    verdict: 'retried',
  },
  {
    what: 'sends a TLS alert',
    protocol: 'https',
    after: 'first byte',
    serve: sends('\x15\x03\x03\x00\x02\x02\x28'),
    verdict: 'permanent',
  },
  {
    what: 'has a self-signed certificate',
    protocol: 'TLS server',
    after: 'first byte',
    serve: () => {},
    verdict: 'permanent',
  },
];

let certificate: { readonly key: Buffer; readonly cert: Buffer };

beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-certificate-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const how = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'];
  execFileSync('openssl', ['req', ...how, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  certificate = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
});

/** A server that treats each connection as its row says. */
class HostileServer implements AsyncDisposable {
  /** How often the row was executed. */
  served = 0;
  /** Once true, requests receive a valid response. */
  isHealed = false;
  readonly #sockets = new Set<Socket>();
  readonly #row: Row;
  readonly #server: Server;

  constructor(row: Row) {
    this.#row = row;
    this.#server = row.protocol === 'TLS server' ? createTlsServer(certificate) : createServer();
    this.#server.on('connection', (socket: Socket) => this.#accept(socket));
    this.#server.on('tlsClientError', () => {}); // a client that does not trust the certificate
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `${this.#row.protocol === undefined ? 'http' : 'https'}://127.0.0.1:${port}/`;
  }

  /** The number of open connections that have received data: undici opens spare connections when a request is aborted. */
  get open(): number {
    return [...this.#sockets].filter(({ bytesRead }) => bytesRead > 0).length;
  }

  /** The number of bytes that were sent on the open connections. */
  get bytesSent(): number {
    return [...this.#sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {}); // a client that closes the connection is part of the tests
    const { after = 'request' } = this.#row;
    if (this.#row.protocol === 'TLS server') this.served++;
    else if (after === 'connection') this.#serve(socket);
    else this.#serveAfter(after, socket);
  }

  #serveAfter(after: 'first byte' | 'request', socket: Socket): void {
    let text = '';
    let isServed = false;
    socket.on('data', (data) => {
      if (isServed) return;
      text += data.toString('latin1');
      if (after === 'request' && !text.includes('\r\n\r\n')) return;
      isServed = true;
      this.#serve(socket);
    });
  }

  #serve(socket: Socket): void {
    this.served++;
    if (this.isHealed) socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhealed');
    else this.#row.serve(socket);
  }
}

type Fetch = typeof globalThis.fetch;

/** Advances the clock until a call has settled. */
async function pump(call: { readonly state: string }, clock: TestClock): Promise<void> {
  await eventually(async () => {
    await clock.advance(10);
    expect(call.state).not.toBe('pending');
  });
}

/** Makes one call to the server of a row, reads its body, and checks both. */
async function callOnce(row: Row, fetch: Fetch, clock: TestClock, server: HostileServer): Promise<void> {
  const { verdict, reads = 'whole', text: expected = 'abc', status = 200 } = row;
  const call = watch(fetch(server.url, row.init));
  if (verdict === 'timeout') {
    for (const attempt of [1, 2]) {
      await eventually(() => expect(server.served).toBe(attempt));
      await clock.advance(ATTEMPT_MS);
    }
  }
  if (verdict === 'any' || status === 429) await pump(call, clock); // a 429 is repeated after a second
  await call.done;
  const text = call.value && watch(call.value.text());
  if (text !== undefined && reads === 'hangs') {
    await eventually(() => expect(server.bytesSent).toBeGreaterThan(0));
    expect(text.state).toBe('pending');
    await clock.advance(BODY_MS);
  }
  if (verdict === 'any' && text !== undefined) await pump(text, clock);
  await text?.done;

  if (verdict === 'any') {
    const error = call.error ?? text?.error;
    if (error !== undefined) expect(error).toBeInstanceOf(Error);
    return;
  }
  if (verdict === 'answer') {
    expect(call.value?.status, String(call.error)).toBe(status);
    if (reads === 'whole') expect(text?.value === expected, String(text?.error)).toBe(true);
    else expect(text?.error).toBeInstanceOf(Error);
    if (reads === 'hangs') expect(text?.error).toBeInstanceOf(TimeoutError);
  } else {
    expect(call.error).toBeInstanceOf(Error);
    expect(call.error instanceof TimeoutError).toBe(verdict === 'timeout');
    expect(isNetworkError(call.error)).toBe(verdict === 'retried');
  }
  const sent = verdict === 'answer' || verdict === 'permanent' ? 1 : 2;
  expect(server.served).toBe(row.requests ?? sent);
}

const make = (clock: TestClock) =>
  resilientFetch({
    clock,
    timeout: 2_000,
    attemptTimeout: ATTEMPT_MS,
    bodyTimeout: BODY_MS,
    retry: { maxAttempts: 2, backoff: () => 0 },
  });

/** The checks that hold for each row with any verdict. */
async function checkRow(
  row: Row,
  wrap: (fetch: Fetch) => Fetch,
  after?: (fetch: Fetch, server: HostileServer) => Promise<void>,
) {
  using uncaught = catchUncaught();
  await using healthy = await testServer(() => ({ headers: { connection: 'close' }, body: 'well' }));
  await using server = await new HostileServer(row).listen();
  const clock = new TestClock();
  const fetch = wrap(make(clock));

  await callOnce(row, fetch, clock, server);
  await eventually(() => expect(server.open).toBe(0));
  expect(await (await fetch(healthy.origin)).text()).toBe('well');
  await after?.(fetch, server);
  await settle();
  expect(uncaught).toMatchObject({ errors: [], rejections: [] });
  expect(clock.pendingTimers).toBe(0);
}

const titles = ROWS.map((row) => [row.what, row.verdict, row] as const);

describe('resilientFetch and a faulty server', () => {
  it.each(titles)(
    'resilientFetch handles a server that %s (expected: %s)',
    { timeout: 30_000 },
    async (_what, _verdict, row) => {
      await checkRow(row, (fetch) => fetch);
    },
  );
});

describe('cachedFetch(resilientFetch) and a faulty server', () => {
  for (const row of ROWS) {
    const { what, verdict, reads = 'whole' } = row;
    it(`cachedFetch(resilientFetch) handles a server that ${what} (expected: ${verdict})`, {
      timeout: 30_000,
    }, async () => {
      await checkRow(row, cachedFetch, async (fetch, server) => {
        if (verdict !== 'answer' || reads === 'whole') return;
        server.isHealed = true;
        // This request would return a stored response of any age.
        const response = await fetch(server.url, { cache: 'force-cache' });
        expect(await response.text()).toBe('healed');
      });
    });
  }
});
