/** Wrapping fetch: one client, three kinds of trouble. Run it with `npx tsx examples/wrap-fetch.ts`. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exponentialBackoff, isResilienceError, resilientFetch, sleep } from 'breakwater';

interface Answer {
  readonly status: number;
  readonly retryAfter?: string;
}

const down: Answer = { status: 503 };
const busy: Answer = { status: 429, retryAfter: '1' };

/** What the server answers next; with nothing here it is well. */
const trouble: Answer[] = [];
let requests = 0;

const server = createServer((_request, response) => {
  requests++;
  const { status, retryAfter } = trouble.shift() ?? { status: 200 };
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
  response.writeHead(status).end(`answer ${requests}`);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/users/1`;

const fetch = resilientFetch({
  timeout: '5s',
  attemptTimeout: '1s',
  retry: { maxAttempts: 3, backoff: exponentialBackoff({ initial: '50ms' }) },
  // The default opens at a failure rate over 30 s. A short story needs a quicker breaker.
  circuitBreaker: { consecutiveFailures: 3, openFor: '200ms', halfOpen: { probes: 1 } },
  on: {
    retry: ({ attempt, delayMs }) => console.log(`  try ${attempt} failed, the next one in ${Math.round(delayMs)} ms`),
    giveUp: ({ reason, attempts }) => console.log(`  gave up after ${attempts}: ${reason}`),
    stateChange: ({ from, to, reason }) => console.log(`  breaker: ${from} → ${to} (${reason})`),
  },
});

async function get(): Promise<void> {
  const before = requests;
  try {
    const response = await fetch(url);
    console.log(`  ${response.status} "${await response.text()}" after ${requests - before} requests`);
  } catch (error) {
    if (!isResilienceError(error, 'ERR_CIRCUIT_OPEN')) throw error;
    console.log(`  refused after ${requests - before} requests; may come back in ${Math.ceil(error.retryAfterMs)} ms`);
  }
}

console.log('Two failures in a row. The caller notices nothing:');
trouble.push(down, down);
await get();

console.log('A server that asks for patience gets it, whatever the backoff says:');
trouble.push(busy);
await get();

console.log('An outage. The last bad response comes back as fetch would have brought it:');
trouble.push(down, down, down);
await get();

console.log('From now on nobody waits for a server that is known to be down:');
await get();

console.log('Once the open time has passed, one call finds out that it is well again:');
await sleep(200);
await get();

server.close();

/* Prints, but for the milliseconds:
Two failures in a row. The caller notices nothing:
  try 1 failed, the next one in 48 ms
  try 2 failed, the next one in 54 ms
  200 "answer 3" after 3 requests
A server that asks for patience gets it, whatever the backoff says:
  try 1 failed, the next one in 1000 ms
  200 "answer 5" after 2 requests
An outage. The last bad response comes back as fetch would have brought it:
  try 1 failed, the next one in 5 ms
  try 2 failed, the next one in 8 ms
  breaker: closed → open (consecutive-failures)
  gave up after 3: attempts
  503 "answer 8" after 3 requests
From now on nobody waits for a server that is known to be down:
  gave up after 1: not-retryable
  refused after 0 requests; may come back in 199 ms
Once the open time has passed, one call finds out that it is well again:
  breaker: open → half-open (open-time-passed)
  breaker: half-open → closed (probes-succeeded)
  200 "answer 9" after 1 requests
*/
