/**
 * A timeout whose signal reaches the server: if the timeout elapses or the caller aborts, the request is cancelled and
 * the server stops its work. Run it with `npx tsx examples/timeout.ts`.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CallOptions, isResilienceError, sleep, systemClock, timeout } from 'breakwater';

// The server works for the milliseconds in the path, unless the client closes the connection.
async function work(request: IncomingMessage, response: ServerResponse): Promise<void> {
  console.log(`  server: begins, has ${request.headers['x-timeout-ms']} ms`);
  const client = new AbortController();
  response.once('close', () => client.abort());
  try {
    await sleep(Number(request.url?.slice(1)), { signal: client.signal });
    response.end('the report');
    console.log('  server: done');
  } catch {
    console.log('  server: stops, the client is gone');
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
    // The deadline is a time on the client's clock. The server needs the remaining milliseconds.
    const leftMs = Math.floor(deadline - systemClock.now());
    const response = await fetch(`${url}/${workMs}`, { signal, headers: { 'x-timeout-ms': String(leftMs) } });
    return response.text(); // inside the operation, so that the timeout limits the body too
  }, options);

async function show(title: string, answer: Promise<string>): Promise<void> {
  console.log(title);
  try {
    console.log(`  client: got ${await answer}`);
  } catch (error) {
    const reason = isResilienceError(error, 'ERR_TIMEOUT')
      ? `timeout after ${error.timeoutMs} ms`
      : 'aborted by the caller';
    console.log(`  client: ${reason} (${(error as Error).message})`);
  }
  await working;
}

await show('A quick answer:', report(20));

await show('A slow answer:', report(60_000));

await show('A caller with a shorter timeout:', report(60_000, { timeout: '100ms' }));

const user = new AbortController();
setTimeout(() => user.abort(new Error('page closed')), 100);
await show('A caller that aborts:', report(60_000, { signal: user.signal }));

server.closeAllConnections();
server.close();

/* Prints, but for the milliseconds:
A quick answer:
  server: begins, has 499 ms
  server: done
  client: got the report
A slow answer:
  server: begins, has 499 ms
  client: timeout after 500 ms ("report" timed out after 500 ms)
  server: stops, the client is gone
A caller with a shorter timeout:
  server: begins, has 99 ms
  client: timeout after 100 ms ("report" timed out after 100 ms)
  server: stops, the client is gone
A caller that aborts:
  server: begins, has 499 ms
  client: aborted by the caller (page closed)
  server: stops, the client is gone
*/
