/**
 * A timeout whose signal reaches the other side: when time is up, or the caller leaves, the request is cancelled and the
 * server stops working for nobody. Run it with `npx tsx examples/timeout.ts`.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CallOptions, isResilienceError, sleep, systemClock, timeout } from 'breakwater';

// The server works as long as the path says, unless the other side hangs up.
async function work(request: IncomingMessage, response: ServerResponse): Promise<void> {
  console.log(`  server: begins, is given ${request.headers['x-timeout-ms']} ms`);
  const visitor = new AbortController();
  response.once('close', () => visitor.abort());
  try {
    await sleep(Number(request.url?.slice(1)), { signal: visitor.signal });
    response.end('the report');
    console.log('  server: done');
  } catch {
    console.log('  server: stops, nobody is waiting');
  }
}

let working = Promise.resolve();
const server = createServer((request, response) => {
  working = work(request, response);
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const limit = timeout({ name: 'report', duration: '500ms' });

const report = (workMs: number, options?: CallOptions) =>
  limit.execute(async ({ signal, deadline }) => {
    // A deadline is a moment on our clock; what a server can use is the time that is left.
    const leftMs = Math.floor(deadline - systemClock.now());
    const response = await fetch(`${url}/${workMs}`, { signal, headers: { 'x-timeout-ms': String(leftMs) } });
    return response.text(); // still inside, so that the timeout bounds the body too
  }, options);

async function tell(title: string, answer: Promise<string>): Promise<void> {
  console.log(title);
  try {
    console.log(`  client: got ${await answer}`);
  } catch (error) {
    const whose = isResilienceError(error, 'ERR_TIMEOUT')
      ? `time is up after ${error.timeoutMs} ms`
      : 'the caller left';
    console.log(`  client: ${whose} (${(error as Error).message})`);
  }
  await working;
}

await tell('A quick answer:', report(20));

await tell('A slow one:', report(60_000));

await tell('A caller who cannot wait that long:', report(60_000, { timeout: '100ms' }));

const user = new AbortController();
setTimeout(() => user.abort(new Error('closed the page')), 100);
await tell('A caller who leaves:', report(60_000, { signal: user.signal }));

server.closeAllConnections();
server.close();

/* Prints, but for the milliseconds:
A quick answer:
  server: begins, is given 499 ms
  server: done
  client: got the report
A slow one:
  server: begins, is given 499 ms
  client: time is up after 500 ms ("report" timed out after 500 ms)
  server: stops, nobody is waiting
A caller who cannot wait that long:
  server: begins, is given 99 ms
  client: time is up after 100 ms ("report" timed out after 100 ms)
  server: stops, nobody is waiting
A caller who leaves:
  server: begins, is given 499 ms
  client: the caller left (closed the page)
  server: stops, nobody is waiting
*/
