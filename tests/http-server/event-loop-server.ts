/** A server whose event loop can be blocked by a request. A program of its own: `event-loop.http.test.ts` starts it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AdmissionOptions, admissionMiddleware } from '../../src/http-server/index.js';

const options = JSON.parse(process.argv[2] ?? '{}') as Pick<AdmissionOptions<[]>, 'eventLoop'>;
const pathOf = (request: object) => new URL((request as { url: string }).url, 'http://localhost').pathname;
const admit = admissionMiddleware({
  ...options,
  never: (request) => ['/health', '/stats', '/close', '/busy'].includes(pathOf(request)),
});

function burn(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Keeps the loop busy in slices of 20 ms, without ever letting it wait. */
function burnInSlices(until: number, onEnd: () => void): void {
  burn(20);
  if (performance.now() < until) setImmediate(() => burnInSlices(until, onEnd));
  else onEnd();
}

const server = createServer((request, response) =>
  admit(request, response, () => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const ms = Number(searchParams.get('ms'));
    if (pathname === '/busy') burnInSlices(performance.now() + ms, () => response.end('busy'));
    else {
      if (pathname === '/block') burn(ms);
      response.end(pathname === '/stats' ? JSON.stringify(admit.stats) : 'passed');
      if (pathname === '/close') {
        server.close();
        process.disconnect?.();
      }
    }
  }),
);
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
