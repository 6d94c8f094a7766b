/**
 * Rate limits in Fastify, by way of @fastify/middie: two limits at once, requests of different cost, behind a proxy. Run
 * it with `npx tsx examples/rate-limit-fastify.ts`.
 */
import type { IncomingMessage } from 'node:http';
import middie from '@fastify/middie';
import { rateLimitMiddleware } from 'breakwater/http-server';
import { allOf, FixedWindow, KeyedRateLimiter, TokenBucket } from 'breakwater/rate-limit';
import Fastify from 'fastify';

// Six at once and one more each second, but no more than nine an hour. What one refuses takes nothing from the other.
const perClient = () =>
  allOf(new TokenBucket({ capacity: 6, refill: 1, per: '1s' }), new FixedWindow({ limit: 9, per: '1h' }));

const app = Fastify();
await app.register(middie);
app.use(
  rateLimitMiddleware({
    limiter: new KeyedRateLimiter(perClient),
    policies: [
      { name: 'burst', window: '6s' },
      { name: 'hourly', window: '1h' },
    ],
    cost: ({ url }: IncomingMessage) => (url === '/report' ? 5 : 1),
    trustProxy: ['127.0.0.0/8'], // the proxy is on the same machine
    on: { reject: ({ key, cost, policy }) => console.log(`  (${key}: ${cost} more are too many for "${policy}")`) },
  }),
);
app.get('/*', async () => 'done');
const origin = await app.listen({ host: '127.0.0.1', port: 0 });

async function get(path: string, client: string): Promise<void> {
  const response = await fetch(origin + path, { headers: { 'x-forwarded-for': client } });
  const { 'violated-policies': violated } = response.ok ? { 'violated-policies': undefined } : await response.json();
  console.log(`  ${path} for ${client}: ${response.status} ${violated ?? (await response.text())}`);
  for (const name of ['ratelimit', 'ratelimit-policy', 'retry-after']) {
    if (response.headers.has(name)) console.log(`    ${name}: ${response.headers.get(name)}`);
  }
}

console.log('A report costs five, so two at once are too many:');
await get('/report', '2001:db8:0:1::7');
await get('/report', '2001:db8:0:1::7');

console.log(
  'A client is an IPv6 network: another address in it is no way out, nor is a lie before what the proxy has seen:',
);
await get('/report', '2001:db8:0:2::99');
await get('/report', '192.0.2.1, 2001:db8:0:3::1');

console.log('Somebody else:');
await get('/small', '198.51.100.4');

await app.close();

/* Prints, but for the milliseconds:
A report costs five, so two at once are too many:
  /report for 2001:db8:0:1::7: 200 done
    ratelimit: "burst";r=1;t=1
    ratelimit-policy: "burst";q=6;w=6
  (2001:db8::/56: 5 more are too many for "hourly")
  /report for 2001:db8:0:1::7: 429 hourly
    ratelimit: "hourly";r=1;t=3600
    ratelimit-policy: "hourly";q=9;w=3600
    retry-after: 3600
A client is an IPv6 network: another address in it is no way out, nor is a lie before what the proxy has seen:
  (2001:db8::/56: 5 more are too many for "hourly")
  /report for 2001:db8:0:2::99: 429 hourly
    ratelimit: "hourly";r=1;t=3600
    ratelimit-policy: "hourly";q=9;w=3600
    retry-after: 3600
  (2001:db8::/56: 5 more are too many for "hourly")
  /report for 192.0.2.1, 2001:db8:0:3::1: 429 hourly
    ratelimit: "hourly";r=1;t=3600
    ratelimit-policy: "hourly";q=9;w=3600
    retry-after: 3600
Somebody else:
  /small for 198.51.100.4: 200 done
    ratelimit: "burst";r=5;t=1
    ratelimit-policy: "burst";q=6;w=6
*/
