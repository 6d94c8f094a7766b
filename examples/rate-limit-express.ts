/**
 * Rate limits in Express: one for all requests, and a stricter one for logins, which counts only failed ones. Run it
 * with `npx tsx examples/rate-limit-express.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rateLimitMiddleware } from 'breakwater/http-server';
import { KeyedRateLimiter, SlidingWindowLog, TokenBucket } from 'breakwater/rate-limit';
import express from 'express';

const app = express();

app.use(
  rateLimitMiddleware({
    limiter: new KeyedRateLimiter(() => new TokenBucket({ capacity: 20, refill: 20, per: '1m' })),
    name: 'everything',
    window: '1m',
    skip: (request: express.Request) => request.path === '/health',
    headers: ['draft-10', 'x-ratelimit'],
  }),
);

const failedLogins = rateLimitMiddleware({
  limiter: new KeyedRateLimiter(() => new SlidingWindowLog({ limit: 2, per: '15m' })),
  name: 'failed logins',
  window: '15m',
  key: (request: express.Request) => request.get('x-user'), // not the address: one attacker can use many
  refundWhen: ({ status }) => status < 400,
  onRefused: ({ policy, decision }, _request, response: express.Response) => {
    response.json({ error: `too many ${policy}`, minutes: Math.ceil(decision.retryAfterMs / 60_000) });
  },
});

app.get('/health', (_request, response) => void response.send('ok'));
app.post('/login', failedLogins, (request, response) => {
  const isRight = request.get('x-password') === 'open sesame';
  response.status(isRight ? 200 : 401).send(isRight ? 'welcome' : 'wrong');
});

const server = createServer(app).listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function request(method: string, path: string, headers: Record<string, string> = {}): Promise<void> {
  const response = await fetch(origin + path, { method, headers });
  console.log(`  ${method} ${path}: ${response.status} ${await response.text()}`);
  for (const name of ['ratelimit', 'x-ratelimit-remaining', 'retry-after']) {
    if (response.headers.has(name)) console.log(`    ${name}: ${response.headers.get(name)}`);
  }
}

console.log('A skipped route:');
await request('GET', '/health');

console.log('Successful logins are not limited. Each user has two failed ones in a quarter of an hour:');
for (const password of ['open sesame', 'guess', 'open sesame', 'another guess', 'a third guess']) {
  await request('POST', '/login', { 'x-user': 'ann', 'x-password': password });
}

console.log('Other users are not affected:');
await request('POST', '/login', { 'x-user': 'bob', 'x-password': 'open sesame' });

server.closeAllConnections();
server.close();

/* Prints, but for the milliseconds:
A skipped route:
  GET /health: 200 ok
Successful logins are not limited. Each user has two failed ones in a quarter of an hour:
  POST /login: 200 welcome
    ratelimit: "everything";r=19;t=3, "failed logins";r=1;t=900
    x-ratelimit-remaining: 19
  POST /login: 401 wrong
    ratelimit: "everything";r=18;t=3, "failed logins";r=1;t=900
    x-ratelimit-remaining: 18
  POST /login: 200 welcome
    ratelimit: "everything";r=17;t=3, "failed logins";r=0;t=900
    x-ratelimit-remaining: 17
  POST /login: 401 wrong
    ratelimit: "everything";r=16;t=3, "failed logins";r=0;t=900
    x-ratelimit-remaining: 16
  POST /login: 429 {"error":"too many failed logins","minutes":15}
    ratelimit: "everything";r=15;t=3, "failed logins";r=0;t=900
    x-ratelimit-remaining: 15
    retry-after: 900
Other users are not affected:
  POST /login: 200 welcome
    ratelimit: "everything";r=14;t=3, "failed logins";r=1;t=900
    x-ratelimit-remaining: 14
*/
