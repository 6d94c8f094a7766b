/**
 * An API that allows bursts of 5 and 20 requests a second, and a client that respects this limit: it takes a token
 * before each request, and waits if there is none. Run it with `npx tsx examples/token-bucket.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TokenBucket } from 'breakwater/rate-limit';

const LIMIT = { capacity: 5, refill: 20, per: '1s' } as const;

// The server has a bucket of its own.
const atServer = new TokenBucket(LIMIT);
const server = createServer((_request, response) => {
  const { allowed, retryAfterMs } = atServer.tryAcquire();
  response.writeHead(allowed ? 200 : 429, { 'retry-after': `${Math.ceil(retryAfterMs / 1000)}` }).end();
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function get(): Promise<number> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status;
}

const count = (statuses: number[], status: number) => statuses.filter((one) => one === status).length;

console.log('12 concurrent requests without a limiter:');
const unlimited = await Promise.all(Array.from({ length: 12 }, get));
console.log(`  some rejected: ${count(unlimited, 429) > 0}`);

console.log('12 requests, each with a token:');
// Slightly slower than the server allows: the two buckets start at different times, and network delays vary.
const ours = new TokenBucket({ ...LIMIT, capacity: 4, refill: 15 });
await new Promise((resolve) => setTimeout(resolve, 300)); // the server's bucket refills
const limited: number[] = [];
for (let n = 0; n < 12; n++) {
  await ours.acquire();
  limited.push(await get());
}
console.log(`  rejected: ${count(limited, 429)}`);

server.closeAllConnections();
server.close();

/* Prints, but for the milliseconds:
12 concurrent requests without a limiter:
  some rejected: true
12 requests, each with a token:
  rejected: 0
*/
