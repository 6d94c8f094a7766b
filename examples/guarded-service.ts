/**
 * A service with a dependency: it answers completely while the dependency is up, with a fallback while it is down, and
 * completes its running requests at shutdown. Run it with `npx tsx examples/guarded-service.ts`.
 */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bulkhead, circuitBreaker, exponentialBackoff, fallback, pipeline, retry, sleep, timeout } from 'breakwater';

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

// The dependency: a shop with suggestions, in different states.
let state: 'up' | 'failing' | 'hanging' | 'busy' = 'up';
const shop = createServer(async (_request, response) => {
  if (state === 'hanging') return;
  await sleep(state === 'busy' ? 150 : 20);
  response.writeHead(state === 'failing' ? 500 : 200).end(JSON.stringify(['kettle', 'teapot']));
});
const shopUrl = await listen(shop);

// The policies between the service and the shop.
const breaker = circuitBreaker({ name: 'shop', consecutiveFailures: 4, openFor: '300ms', halfOpen: { probes: 1 } });
const slots = bulkhead({ name: 'shop', maxConcurrent: 2, maxQueue: 10, queueTimeout: '2s' });
const guarded = pipeline(
  fallback({ titles: ['gift card'], degraded: true }),
  retry({ maxAttempts: 2, backoff: exponentialBackoff({ initial: '10ms' }) }),
  breaker,
  slots,
  timeout('300ms'),
);
breaker.on('stateChange', ({ from, to }) => console.log(`  breaker: ${from} → ${to}`));

// The service.
async function loadSuggestions(signal: AbortSignal) {
  const response = await fetch(`${shopUrl}/suggestions`, { signal });
  if (!response.ok) {
    await response.body?.cancel(); // an unread body would hold its connection
    throw new Error(`The shop answered ${response.status}`);
  }
  return { titles: (await response.json()) as string[], degraded: false };
}

async function handle(response: ServerResponse): Promise<void> {
  const client = new AbortController();
  response.once('close', () => client.abort());
  const suggestions = await guarded.execute(({ signal }) => loadSuggestions(signal), { signal: client.signal });
  // A connection with keep-alive would delay the end of the service.
  if (!service.listening) response.setHeader('connection', 'close');
  response.setHeader('content-type', 'application/json').end(JSON.stringify(suggestions));
}

const service = createServer((_request, response) => {
  handle(response).catch((error) => response.destroy(error));
});
const serviceUrl = await listen(service);

process.once('SIGTERM', async () => {
  console.log(`SIGTERM, with ${slots.active} calls running and ${slots.queued} waiting:`);
  service.close();
  await slots.close();
  console.log('  no call to the shop is left');
  shop.closeAllConnections();
  shop.close();
});

// The clients.
async function visit(): Promise<void> {
  const startedAt = performance.now();
  const response = await fetch(serviceUrl);
  console.log(`  ${response.status} ${await response.text()} in ${Math.round(performance.now() - startedAt)} ms`);
}

for (const next of ['up', 'failing', 'hanging', 'up'] as const) {
  state = next;
  console.log(`The shop is ${state}:`);
  for (let visits = 0; visits < 3; visits++) await visit();
  await sleep(breaker.stats.retryAfterMs); // 0 unless the breaker is open
}

state = 'busy';
let arrived = 0;
service.on('request', () => arrived++);
const visits = [visit(), visit(), visit(), visit(), visit()];
while (arrived < visits.length) await sleep(1);
process.kill(process.pid, 'SIGTERM');
await Promise.all([...visits, once(service, 'close')]);
console.log('Every request has got a response.');

/* Prints, but for the milliseconds:
The shop is up:
  200 {"titles":["kettle","teapot"],"degraded":false} in 104 ms
  200 {"titles":["kettle","teapot"],"degraded":false} in 36 ms
  200 {"titles":["kettle","teapot"],"degraded":false} in 40 ms
The shop is failing:
  200 {"titles":["gift card"],"degraded":true} in 64 ms
  breaker: closed → open
  200 {"titles":["gift card"],"degraded":true} in 64 ms
  200 {"titles":["gift card"],"degraded":true} in 3 ms
The shop is hanging:
  breaker: open → half-open
  breaker: half-open → open
  200 {"titles":["gift card"],"degraded":true} in 332 ms
  200 {"titles":["gift card"],"degraded":true} in 3 ms
  200 {"titles":["gift card"],"degraded":true} in 3 ms
The shop is up:
  breaker: open → half-open
  breaker: half-open → closed
  200 {"titles":["kettle","teapot"],"degraded":false} in 32 ms
  200 {"titles":["kettle","teapot"],"degraded":false} in 27 ms
  200 {"titles":["kettle","teapot"],"degraded":false} in 38 ms
SIGTERM, with 2 calls running and 3 waiting:
  200 {"titles":["kettle","teapot"],"degraded":false} in 169 ms
  200 {"titles":["kettle","teapot"],"degraded":false} in 178 ms
  200 {"titles":["kettle","teapot"],"degraded":false} in 332 ms
  200 {"titles":["kettle","teapot"],"degraded":false} in 341 ms
  no call to the shop is left
  200 {"titles":["kettle","teapot"],"degraded":false} in 488 ms
Every request has got a response.
*/
