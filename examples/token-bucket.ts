/**
 * An API that allows bursts of 5 and 20 requests a second, and a client that keeps to it by itself: it takes a token
 * before each request, and waits when there is none. Run it with `npx tsx examples/token-bucket.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TokenBucket } from 'breakwater/rate-limit';

const LIMIT = { capacity: 5, refill: 20, per: '1s' } as const;

// The server counts with a bucket of its own.
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

console.log('12 requests at once, without asking anybody:');
const careless = await Promise.all(Array.from({ length: 12 }, get));
console.log(`  some refused: ${count(careless, 429) > 0}`);

console.log('12 requests, each with a token of our own:');
// A little slower than the server allows: our clock and its clock start at different times, and the network is uneven.
const ours = new TokenBucket({ ...LIMIT, capacity: 4, refill: 15 });
await new Promise((resolve) => setTimeout(resolve, 300)); // its bucket fills up again
const careful: number[] = [];
for (let n = 0; n < 12; n++) {
  await ours.acquire();
  careful.push(await get());
}
console.log(`  refused: ${count(careful, 429)}`);

server.closeAllConnections();
server.close();

/* Prints, but for the milliseconds:
12 requests at once, without asking anybody:
  some refused: true
12 requests, each with a token of our own:
  refused: 0
*/
