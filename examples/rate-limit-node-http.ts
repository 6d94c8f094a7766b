/** Rate limits on plain node:http. Run it with `npx tsx examples/rate-limit-node-http.ts`. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rateLimitMiddleware } from 'breakwater/http-server';
import { KeyedRateLimiter, TokenBucket } from 'breakwater/rate-limit';

// For each address, a burst of two and one more every 30 seconds.
const limiter = new KeyedRateLimiter(() => new TokenBucket({ capacity: 2, refill: 2, per: '1m' }));
const limit = rateLimitMiddleware({ limiter, name: 'hello', window: '1m' });

const server = createServer((request, response) =>
  limit(request, response, (error) => {
    if (error !== undefined) response.writeHead(500).end();
    else response.end('hello');
  }),
);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

for (let i = 0; i < 3; i++) {
  const response = await fetch(url);
  console.log(`${response.status} ${await response.text()}`);
  for (const name of ['ratelimit', 'ratelimit-policy', 'retry-after']) {
    if (response.headers.has(name)) console.log(`  ${name}: ${response.headers.get(name)}`);
  }
}

server.closeAllConnections();
server.close();

/* Prints, but for the milliseconds:
200 hello
  ratelimit: "hello";r=1;t=30
  ratelimit-policy: "hello";q=2;w=60
200 hello
  ratelimit: "hello";r=0;t=30
  ratelimit-policy: "hello";q=2;w=60
429 {"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Request cannot be satisfied as assigned quota has been exceeded","status":429,"violated-policies":["hello"]}
  ratelimit: "hello";r=0;t=30
  ratelimit-policy: "hello";q=2;w=60
  retry-after: 30
*/
