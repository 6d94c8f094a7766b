/** Wrapping fetch: one client, three kinds of failure. Run it with `npx tsx examples/wrap-fetch.ts`. */
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

/** The next answers of the server. If the list is empty, the status is 200. */
const nextAnswers: Answer[] = [];
let requests = 0;

const server = createServer((_request, response) => {
  requests++;
  const { status, retryAfter } = nextAnswers.shift() ?? { status: 200 };
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
  // By default the breaker opens at a failure rate over 30 s. This short program needs a faster one.
  circuitBreaker: { consecutiveFailures: 3, openFor: '1s', halfOpen: { probes: 1 } },
  on: {
    retry: ({ attempt, delayMs }) =>
      console.log(`  attempt ${attempt} failed, the next one in ${Math.round(delayMs)} ms`),
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
    console.log(`  rejected after ${requests - before} requests; retry after ${Math.ceil(error.retryAfterMs)} ms`);
  }
}

console.log('Two failures in a row. The caller gets a success:');
nextAnswers.push(down, down);
await get();

console.log('A Retry-After. The call waits at the pacing gate, which is no failed attempt:');
nextAnswers.push(busy);
await get();

console.log('An outage. The last bad response is returned, as by fetch:');
nextAnswers.push(down, down, down);
await get();

console.log('While the breaker is open, the call is rejected immediately:');
await get();

console.log('After the open time one call is admitted as a probe, and succeeds:');
await sleep(1000);
await get();

server.close();

/* Prints, but for the milliseconds:
Two failures in a row. The caller gets a success:
  attempt 1 failed, the next one in 48 ms
  attempt 2 failed, the next one in 54 ms
  200 "answer 3" after 3 requests
A Retry-After. The call waits at the pacing gate, which is no failed attempt:
  200 "answer 5" after 2 requests
An outage. The last bad response is returned, as by fetch:
  attempt 1 failed, the next one in 5 ms
  attempt 2 failed, the next one in 8 ms
  breaker: closed → open (consecutive-failures)
  gave up after 3: attempts
  503 "answer 8" after 3 requests
While the breaker is open, the call is rejected immediately:
  gave up after 1: not-retryable
  rejected after 0 requests; retry after 999 ms
After the open time one call is admitted as a probe, and succeeds:
  breaker: open → half-open (open-time-passed)
  breaker: half-open → closed (probes-succeeded)
  200 "answer 9" after 1 requests
*/
