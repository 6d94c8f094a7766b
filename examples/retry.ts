/**
 * Retries against a flaky server: which outcomes are retried, when, and how a budget keeps clients from tripling the
 * load of a server during an outage. Run it with `npx tsx examples/retry.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Classify, defaultClassify, exponentialBackoff, RetryBudget, retry } from 'breakwater';

interface Answer {
  readonly status: number;
  readonly retryAfter?: string;
}

/** The next answers of the server. If the list is empty, the answer depends on `isDown`. */
const nextAnswers: Answer[] = [];
let isDown = false;
let requests = 0;
const server = createServer((_request, response) => {
  requests++;
  const { status, retryAfter } = nextAnswers.shift() ?? { status: isDown ? 503 : 200 };
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
  response.writeHead(status).end('in stock');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/stock`;

/** An error with `headers`: the retry reads the `Retry-After` from them. */
class HttpError extends Error {
  readonly status: number;
  readonly headers: Headers;

  constructor({ status, headers }: Response) {
    super(`HTTP ${status}`);
    this.status = status;
    this.headers = headers;
  }
}

/** A wrong request fails again, so it is `permanent`. The default classifies everything else. */
const classify: Classify = (outcome) => {
  const status = !outcome.ok && outcome.error instanceof HttpError ? outcome.error.status : undefined;
  return status !== undefined && status < 500 && status !== 429 ? 'permanent' : defaultClassify(outcome);
};

// One budget for all callers of this server. It grants retries for a fifth of their requests within 10 s, and at least
// 10.
const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 1 });
const policy = retry({ maxAttempts: 3, backoff: exponentialBackoff({ initial: '20ms' }), budget, classify });

const stock = () =>
  policy.execute(async ({ signal }) => {
    const response = await fetch(url, { signal });
    const text = await response.text();
    if (!response.ok) throw new HttpError(response);
    return text;
  });

async function show(title: string, ...answers: Answer[]): Promise<void> {
  console.log(title);
  nextAnswers.push(...answers);
  const before = requests;
  const result = await stock().catch((error) => error.message);
  console.log(`  "${result}" after requests: ${requests - before}`);
}

const off = policy.on('retry', ({ attempt, delayMs }) => {
  console.log(`  attempt ${attempt} failed, the next one in ${Math.round(delayMs)} ms`);
});
await show('Two failures in a row:', { status: 503 }, { status: 503 });
await show('A server that sends Retry-After: 1', { status: 429, retryAfter: '1' });
await show('A missing resource:', { status: 404 });
off();

console.log('An outage. 50 calls of up to 3 attempts could be 150 requests:');
isDown = true;
const before = requests;
await Promise.allSettled(Array.from({ length: 50 }, stock));
console.log(`  requests: ${requests - before}, retries left in the budget: ${budget.stats.available}`);

server.close();

/* Prints, but for the milliseconds:
Two failures in a row:
  attempt 1 failed, the next one in 2 ms
  attempt 2 failed, the next one in 3 ms
  "in stock" after requests: 3
A server that sends Retry-After: 1
  attempt 1 failed, the next one in 1000 ms
  "in stock" after requests: 2
A missing resource:
  "HTTP 404" after requests: 1
An outage. 50 calls of up to 3 attempts could be 150 requests:
  requests: 67, retries left in the budget: 0
*/
