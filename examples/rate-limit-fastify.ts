/**
 * Rate limits in Fastify, through @fastify/middie: two combined limits, requests of different cost, behind a proxy. Run
 * it with `npx tsx examples/rate-limit-fastify.ts`.
 */
import type { IncomingMessage } from 'node:http';
import middie from '@fastify/middie';
import { rateLimitMiddleware } from 'breakwater/http-server';
import { allOf, FixedWindow, KeyedRateLimiter, TokenBucket } from 'breakwater/rate-limit';
import Fastify from 'fastify';

// A burst of six and one more each second, but at most nine an hour. If one limit rejects, the other is not charged.
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
    on: { reject: ({ key, cost, policy }) => console.log(`  (${key}: ${cost} more exceed "${policy}")`) },
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

console.log('A report costs five, so the second one exceeds the limit:');
await get('/report', '2001:db8:0:1::7');
await get('/report', '2001:db8:0:1::7');

console.log(
  'A client is an IPv6 network: another address of it does not help, nor does a forged address before that of the proxy:',
);
await get('/report', '2001:db8:0:2::99');
await get('/report', '192.0.2.1, 2001:db8:0:3::1');

console.log('Another client:');
await get('/small', '198.51.100.4');

await app.close();

/* Prints, but for the milliseconds:
A report costs five, so the second one exceeds the limit:
  /report for 2001:db8:0:1::7: 200 done
    ratelimit: "burst";r=1;t=1
    ratelimit-policy: "burst";q=6;w=6
  (2001:db8::/56: 5 more exceed "hourly")
  /report for 2001:db8:0:1::7: 429 hourly
    ratelimit: "hourly";r=1;t=3600
    ratelimit-policy: "hourly";q=9;w=3600
    retry-after: 3600
A client is an IPv6 network: another address of it does not help, nor does a forged address before that of the proxy:
  (2001:db8::/56: 5 more exceed "hourly")
  /report for 2001:db8:0:2::99: 429 hourly
    ratelimit: "hourly";r=1;t=3600
    ratelimit-policy: "hourly";q=9;w=3600
    retry-after: 3600
  (2001:db8::/56: 5 more exceed "hourly")
  /report for 192.0.2.1, 2001:db8:0:3::1: 429 hourly
    ratelimit: "hourly";r=1;t=3600
    ratelimit-policy: "hourly";q=9;w=3600
    retry-after: 3600
Another client:
  /small for 198.51.100.4: 200 done
    ratelimit: "burst";r=5;t=1
    ratelimit-policy: "burst";q=6;w=6
*/
