import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

export interface Origin {
  readonly url: string;
  close(): void;
}

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void | Promise<void>;

/** Starts the server that the checks of `checks.ts` call. `extra` adds paths. */
export async function startOrigin(extra: Record<string, Handler> = {}): Promise<Origin> {
  const counts = new Map<string, number>();
  /** The number of this request among those with its URL. */
  const numberOf = ({ href }: URL): number => {
    counts.set(href, (counts.get(href) ?? 0) + 1);
    return counts.get(href)!;
  };
  const handlers: Record<string, Handler> = {
    '/json': (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"hello":"world"}');
    },
    '/redirect': (_request, response) => {
      response.writeHead(302, { location: '/json' }).end();
    },
    '/status': (_request, response, url) => {
      response.writeHead(Number(url.searchParams.get('code'))).end();
    },
    '/flaky': (_request, response, url) => {
      const number = numberOf(url);
      response.statusCode = number <= Number(url.searchParams.get('failures')) ? 503 : 200;
      response.end(`request ${number}`);
    },
    '/flaky-echo': async (request, response, url) => {
      const body = await buffer(request);
      response.statusCode = numberOf(url) === 1 ? 503 : 200;
      response.setHeader('x-echo', request.headers['x-echo'] ?? 'no');
      response.end(body);
    },
    '/retry-after': (_request, response, url) => {
      if (numberOf(url) === 1) response.writeHead(429, { 'retry-after': '1' }).end();
      else response.end('ok');
    },
    '/hang': () => {},
    '/endless': (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-www-form-urlencoded', 'cache-control': 'max-age=9' });
      const timer = setInterval(() => response.write('chunk '), 20);
      response.on('close', () => clearInterval(timer));
    },
    '/broken': (_request, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('the beginning');
      setTimeout(() => response.destroy(), 20);
    },
    '/long': (_request, response) => {
      response.end(Uint8Array.from({ length: 1_000_000 }, (_byte, index) => index % 251));
    },
    '/gzip': (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('compressed '.repeat(1000)));
    },
    '/cacheable': (_request, response, url) => {
      const number = numberOf(url);
      setTimeout(() => response.writeHead(200, { 'cache-control': 'max-age=60' }).end(`request ${number}`), 20);
    },
    '/etag': (request, response) => {
      const headers = { 'cache-control': 'max-age=0', etag: '"1"' };
      if (request.headers['if-none-match'] === '"1"') response.writeHead(304, headers).end();
      else response.writeHead(200, headers).end('etag body');
    },
    ...extra,
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://127.0.0.1');
    const handle = handlers[url.pathname];
    if (handle === undefined) response.writeHead(404).end();
    else void handle(request, response, url);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
