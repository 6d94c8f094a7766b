/**
 * Rate limits by API key around Hono, or any other function from Request to Response, and a client that reads the
 * header fields and slows down. Run it with `npx tsx examples/rate-limit-hono.ts`.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { sleep } from 'breakwater';
import { parseRateLimit, rateLimitHandler } from 'breakwater/http-server';
import { KeyedRateLimiter, TokenBucket } from 'breakwater/rate-limit';
import { Hono } from 'hono';

const app = new Hono();
app.get('/', (context) => context.text('hello'));

const limited = rateLimitHandler({
  limiter: new KeyedRateLimiter(() => new TokenBucket({ capacity: 2, refill: 1, per: '1s' })),
  key: (request) => request.headers.get('x-api-key') ?? undefined,
  onMissingKey: 'reject',
  name: 'api',
  window: '2s',
});

const server = serve({ fetch: limited(app.fetch), port: 0, hostname: '127.0.0.1' });
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

async function get(headers: Record<string, string>): Promise<Response> {
  const response = await fetch(url, { headers });
  const { title } = response.ok ? { title: 'OK' } : await response.json();
  console.log(`  ${response.status} ${title}`);
  for (const name of ['ratelimit', 'retry-after']) {
    if (response.headers.has(name)) console.log(`    ${name}: ${response.headers.get(name)}`);
  }
  return response;
}

console.log('Without a key:');
await get({});

console.log('A client that ignores the fields:');
for (let i = 0; i < 3; i++) await get({ 'x-api-key': 'fast' });

console.log('A client that follows the fields is never rejected:');
for (let i = 0; i < 4; i++) {
  const { limits } = parseRateLimit((await get({ 'x-api-key': 'slow' })).headers);
  const exhausted = limits.find(({ remaining }) => remaining === 0);
  if (i < 3 && exhausted?.resetAfterMs !== undefined) await sleep(exhausted.resetAfterMs);
}

server.close();

/* Prints, but for the milliseconds:
Without a key:
  400 Bad Request
A client that ignores the fields:
  200 OK
    ratelimit: "api";r=1;t=1
  200 OK
    ratelimit: "api";r=0;t=1
  429 Request cannot be satisfied as assigned quota has been exceeded
    ratelimit: "api";r=0;t=1
    retry-after: 1
A client that follows the fields is never rejected:
  200 OK
    ratelimit: "api";r=1;t=1
  200 OK
    ratelimit: "api";r=0;t=1
  200 OK
    ratelimit: "api";r=0;t=1
  200 OK
    ratelimit: "api";r=0;t=1
*/
