/**
 * A catalogue over HTTP: a thousand concurrent readers, a page that did not change, one that did, and an outage.
 *
 * npx tsx examples/http-cache.ts
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cachedFetch, resilientFetch, sleep } from 'breakwater';

let version = 1;
const server = createServer((request, response) => {
  if (request.method === 'PUT') version++;
  const etag = `"${version}"`;
  response.setHeader('Cache-Control', 'max-age=2, stale-if-error=3600').setHeader('ETag', etag);
  if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
  else response.end(`catalogue ${version}`);
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/catalogue`;

const fetch = cachedFetch(resilientFetch({ retry: false }));

async function read(): Promise<string> {
  const response = await fetch(url);
  const status = response.headers.get('cache-status')?.replace(/ ttl=[^;]+;?/, '');
  return `${await response.text()} (${status})`;
}

console.log('a thousand concurrent readers');
await Promise.all(Array.from({ length: 1000 }, read));
console.log(`${fetch.cache.stats.forwards} request`);
console.log(await read());

await sleep(3100);
console.log('\nthe response is stale, and the page has not changed');
console.log(await read());

console.log('\nthe page is written');
await fetch(url, { method: 'PUT' });
console.log(await read());

await sleep(3100);
server.close();
server.closeAllConnections();
console.log('\nan outage');
console.log(await read());

/* Prints, but for the milliseconds:
a thousand concurrent readers
1 request
catalogue 1 (breakwater; hit;)

the response is stale, and the page has not changed
catalogue 1 (breakwater; fwd=stale; fwd-status=304; stored)

the page is written
catalogue 2 (breakwater; fwd=uri-miss; fwd-status=200; stored)

an outage
catalogue 2 (breakwater; fwd=stale; detail=stale-if-error)
*/
