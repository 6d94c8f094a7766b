/**
 * A breaker and a bulkhead per tenant: webhooks are sent to all tenants, and a tenant whose server is down, or that
 * causes too many calls, does not affect the others. Run it with `npx tsx examples/keyed.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bulkhead, circuitBreaker, isResilienceError, keyed, pipeline, sleep, timeout } from 'breakwater';

// One server acts for all tenants: /acme always fails, /initech never answers, the others succeed.
const requests: Record<string, number> = {};
const server = createServer(async (request, response) => {
  const tenant = request.url?.slice(1) ?? '';
  requests[tenant] = (requests[tenant] ?? 0) + 1;
  if (tenant === 'initech') return;
  await sleep(5);
  response.writeHead(tenant === 'acme' ? 500 : 200).end();
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

// Two families, so that breakers and bulkheads can be inspected separately. The key of a call selects in both.
const breakers = keyed((tenant) => {
  const breaker = circuitBreaker({ name: tenant, consecutiveFailures: 2, openFor: '10s' });
  breaker.on('stateChange', ({ from, to, reason }) => console.log(`  ${tenant}: ${from} → ${to} (${reason})`));
  return breaker;
});
const slots = keyed((tenant) => bulkhead({ name: tenant, maxConcurrent: 2 }), { maxKeys: 5000, idleFor: '1h' });
const guarded = pipeline(breakers, slots, timeout('400ms'));

async function post(tenant: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(`${url}/${tenant}`, { method: 'POST', body: '{}', signal });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return 'delivered';
}

const deliver = (tenant: string): Promise<string> =>
  guarded
    .execute(({ signal }) => post(tenant, signal), { key: tenant })
    .catch((error) => (isResilienceError(error) ? error.code : error.message));

console.log('Four rounds to three tenants:');
for (let round = 1; round <= 4; round++) {
  const [globex, acme, initech] = await Promise.all(['globex', 'acme', 'initech'].map(deliver));
  console.log(`  globex ${globex}, acme ${acme}, initech ${initech}`);
}

console.log('One tenant causes four concurrent calls, another tenant one:');
const burst = await Promise.all(['globex', 'globex', 'globex', 'globex', 'hooli'].map(deliver));
console.log(`  globex ${burst.slice(0, 4).join(', ')}, hooli ${burst[4]}`);

console.log('A status page:');
for (const tenant of [...breakers.keys()].sort()) {
  console.log(`  ${tenant}: ${breakers.for(tenant).state}, ${requests[tenant]} requests`);
}

server.closeAllConnections();
server.close();

/* Prints, but for the milliseconds:
Four rounds to three tenants:
  globex delivered, acme HTTP 500, initech ERR_TIMEOUT
  acme: closed → open (consecutive-failures)
  initech: closed → open (consecutive-failures)
  globex delivered, acme HTTP 500, initech ERR_TIMEOUT
  globex delivered, acme ERR_CIRCUIT_OPEN, initech ERR_CIRCUIT_OPEN
  globex delivered, acme ERR_CIRCUIT_OPEN, initech ERR_CIRCUIT_OPEN
One tenant causes four concurrent calls, another tenant one:
  globex delivered, delivered, ERR_BULKHEAD_FULL, ERR_BULKHEAD_FULL, hooli delivered
A status page:
  acme: open, 2 requests
  globex: closed, 6 requests
  hooli: closed, 1 requests
  initech: open, 2 requests
*/
