/**
 * All policies in the recommended order, what each of them does to a call, and what `explain` says of this order and of
 * another one. Run it with `npx tsx examples/pipeline.ts`.
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

/** What the server does next: answer with this status, or hang. With nothing here it is well. */
const trouble: (number | 'hang')[] = [];
const server = createServer((_request, response) => {
  const next = trouble.shift() ?? 200;
  if (next !== 'hang') response.writeHead(next).end('7');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/items`;

const again = retry({ maxAttempts: 3, backoff: exponentialBackoff({ initial: '20ms' }), budget: new RetryBudget() });
const breaker = circuitBreaker({ name: 'items', consecutiveFailures: 5 });
const slots = bulkhead({ name: 'items', maxConcurrent: 20, maxQueue: 100 });
const attempt = timeout({ name: 'try', duration: '400ms' });

const guarded = pipeline(
  fallback('unknown'), // answers whatever ends the call
  timeout({ name: 'call', duration: '2s' }), // bounds all tries and the pauses between them
  again, // each try passes everything below anew
  breaker, // sees every try; its refusal takes no slot
  slots, // a slot is held by a try, not by a pause
  attempt, // begins when there is a slot
);

attempt.on('timeout', ({ timeoutMs }) => console.log(`  timeout: no answer within ${timeoutMs} ms`));
breaker.on('open', ({ reason }) => console.log(`  breaker: open (${reason})`));
again.on('giveUp', ({ reason, attempts }) => console.log(`  retry: gave up after try ${attempts} (${reason})`));
guarded.on('success', ({ attempts, outcome }) => {
  console.log(`  answer: ${outcome.ok && outcome.value}; requests: ${attempts}`);
});

async function ask(title: string, ...next: (number | 'hang')[]): Promise<void> {
  console.log(title);
  trouble.push(...next);
  await guarded.execute(async ({ signal }) => {
    const response = await fetch(url, { signal });
    const text = await response.text();
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return text;
  });
}

await ask('A hiccup:', 503);
await ask('A request that is lost:', 'hang');
await ask('An outage:', 503, 503, 503);
await ask('It goes on, until the breaker has seen enough:', 503, 503);
await ask('And from then on nobody asks:');

console.log('What all this can come to:', explain(guarded));
console.log('The same members in another order:');
const muddled = pipeline(slots, attempt, again, breaker);
for (const { code, message } of explain(muddled).warnings) console.log(`  ${code}: ${message}`);

server.closeAllConnections();
server.close();

/* Prints, but for the milliseconds:
A hiccup:
  answer: 7; requests: 2
A request that is lost:
  timeout: no answer within 400 ms
  answer: 7; requests: 2
An outage:
  retry: gave up after try 3 (attempts)
  answer: unknown; requests: 3
It goes on, until the breaker has seen enough:
  breaker: open (consecutive-failures)
  retry: gave up after try 3 (not-retryable)
  answer: unknown; requests: 2
And from then on nobody asks:
  retry: gave up after try 1 (not-retryable)
  answer: unknown; requests: 0
What all this can come to: {
  maxAttempts: 3,
  maxDurationMs: 1260,
  amplification: 1.2,
  warnings: []
}
The same members in another order:
  bulkhead-outside-retry: "items" is outside a retry: a call holds its slot during every backoff
  breaker-without-inner-timeout: "items" has a timeout outside it and none inside: a call that hangs is aborted from outside and never counts as a failure
*/
