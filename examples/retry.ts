/**
 * Retries against a flaky server: what is worth repeating, when, and how a budget keeps an outage from being tripled by
 * its own clients. Run it with `npx tsx examples/retry.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Classify, defaultClassify, exponentialBackoff, RetryBudget, retry } from 'breakwater';

interface Answer {
  readonly status: number;
  readonly retryAfter?: string;
}

/** What the server answers next; with nothing here it is well, or down. */
const trouble: Answer[] = [];
let isDown = false;
let requests = 0;
const server = createServer((_request, response) => {
  requests++;
  const { status, retryAfter } = trouble.shift() ?? { status: isDown ? 503 : 200 };
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
  response.writeHead(status).end('in stock');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/stock`;

/** Its headers are where the retry looks for a `Retry-After`. */
class HttpError extends Error {
  readonly status: number;
  readonly headers: Headers;

  constructor({ status, headers }: Response) {
    super(`HTTP ${status}`);
    this.status = status;
    this.headers = headers;
  }
}

/** A request that was wrong will be wrong again. About all else the default knows best. */
const classify: Classify = (outcome) => {
  const status = !outcome.ok && outcome.error instanceof HttpError ? outcome.error.status : undefined;
  return status !== undefined && status < 500 && status !== 429 ? 'permanent' : defaultClassify(outcome);
};

// One for all who call this server. Over 10 s it grants a fifth of their requests as retries, and 10 in any case.
const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 1 });
const policy = retry({ maxAttempts: 3, backoff: exponentialBackoff({ initial: '20ms' }), budget, classify });

const stock = () =>
  policy.execute(async ({ signal }) => {
    const response = await fetch(url, { signal });
    const text = await response.text();
    if (!response.ok) throw new HttpError(response);
    return text;
  });

async function tell(title: string, ...answers: Answer[]): Promise<void> {
  console.log(title);
  trouble.push(...answers);
  const before = requests;
  const result = await stock().catch((error) => error.message);
  console.log(`  "${result}" after requests: ${requests - before}`);
}

const off = policy.on('retry', ({ attempt, delayMs }) => {
  console.log(`  try ${attempt} failed, the next one in ${Math.round(delayMs)} ms`);
});
await tell('Two failures in a row:', { status: 503 }, { status: 503 });
await tell('A server that asks for a second of peace:', { status: 429, retryAfter: '1' });
await tell('Something that is not there:', { status: 404 });
off();

console.log('An outage. 50 calls of up to 3 tries could be 150 requests:');
isDown = true;
const before = requests;
await Promise.allSettled(Array.from({ length: 50 }, stock));
console.log(`  requests: ${requests - before}, retries left in the budget: ${budget.stats.available}`);

server.close();

/* Prints, but for the milliseconds:
Two failures in a row:
  try 1 failed, the next one in 2 ms
  try 2 failed, the next one in 3 ms
  "in stock" after requests: 3
A server that asks for a second of peace:
  try 1 failed, the next one in 1000 ms
  "in stock" after requests: 2
Something that is not there:
  "HTTP 404" after requests: 1
An outage. 50 calls of up to 3 tries could be 150 requests:
  requests: 67, retries left in the budget: 0
*/
