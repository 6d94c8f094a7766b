/**
 * All policies in the recommended order, what each of them does to a call, and what `explain` reports about this order
 * and another one. Run it with `npx tsx examples/pipeline.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  bulkhead,
  circuitBreaker,
  explain,
  exponentialBackoff,
  fallback,
  pipeline,
  RetryBudget,
  retry,
  timeout,
} from 'breakwater';

/** The next actions of the server: a status, or no answer. If the list is empty, the status is 200. */
const nextActions: (number | 'hang')[] = [];
const server = createServer((_request, response) => {
  const next = nextActions.shift() ?? 200;
  if (next !== 'hang') response.writeHead(next).end('7');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/items`;

const again = retry({ maxAttempts: 3, backoff: exponentialBackoff({ initial: '20ms' }), budget: new RetryBudget() });
const breaker = circuitBreaker({ name: 'items', consecutiveFailures: 5 });
const slots = bulkhead({ name: 'items', maxConcurrent: 20, maxQueue: 100 });
const attempt = timeout({ name: 'attempt', duration: '400ms' });

const guarded = pipeline(
  fallback('unknown'), // replaces the error of the call
  timeout({ name: 'call', duration: '2s' }), // limits all attempts and the delays between them
  again, // each attempt passes all policies below
  breaker, // sees every attempt; its rejection takes no slot
  slots, // a slot is held during an attempt, not during a delay
  attempt, // begins when the attempt has a slot
);

attempt.on('timeout', ({ timeoutMs }) => console.log(`  timeout: no answer within ${timeoutMs} ms`));
breaker.on('open', ({ reason }) => console.log(`  breaker: open (${reason})`));
again.on('giveUp', ({ reason, attempts }) => console.log(`  retry: gave up after attempt ${attempts} (${reason})`));
guarded.on('success', ({ attempts, outcome }) => {
  console.log(`  answer: ${outcome.ok && outcome.value}; requests: ${attempts}`);
});

async function ask(title: string, ...next: (number | 'hang')[]): Promise<void> {
  console.log(title);
  nextActions.push(...next);
  await guarded.execute(async ({ signal }) => {
    const response = await fetch(url, { signal });
    const text = await response.text();
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return text;
  });
}

await ask('One failed attempt:', 503);
await ask('A lost request:', 'hang');
await ask('An outage:', 503, 503, 503);
await ask('The outage continues, and the breaker opens:', 503, 503);
await ask('From now on no request is sent:');

console.log('The worst case:', explain(guarded));
console.log('The same members in another order:');
const reordered = pipeline(slots, attempt, again, breaker);
for (const { code, message } of explain(reordered).warnings) console.log(`  ${code}: ${message}`);

server.closeAllConnections();
server.close();

/* Prints, but for the milliseconds:
One failed attempt:
  answer: 7; requests: 2
A lost request:
  timeout: no answer within 400 ms
  answer: 7; requests: 2
An outage:
  retry: gave up after attempt 3 (attempts)
  answer: unknown; requests: 3
The outage continues, and the breaker opens:
  breaker: open (consecutive-failures)
  retry: gave up after attempt 3 (not-retryable)
  answer: unknown; requests: 2
From now on no request is sent:
  retry: gave up after attempt 1 (not-retryable)
  answer: unknown; requests: 0
The worst case: {
  maxAttempts: 3,
  maxDurationMs: 1260,
  amplification: 1.2,
  warnings: []
}
The same members in another order:
  bulkhead-outside-retry: "items" is outside a retry: a call holds its slot during every backoff (see docs/simulations.md#bulkhead-outside-retry)
  breaker-without-inner-timeout: "items" has a timeout outside it and none inside: a call that hangs is aborted from outside and never counts as a failure (see docs/simulations.md#missing-inner-timeout)
*/
