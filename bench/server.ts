/** What the benchmarks of fetch ask: plain HTTP on loopback, in a process of its own, which ends with its parent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const body = JSON.stringify({ items: Array.from({ length: 20 }, (_, id) => ({ id, name: `item ${id}` })) });

/** Where the query asks for it, the response may be stored. */
const server = createServer(({ url }, response) => {
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  response.writeHead(200, url?.endsWith('?cacheable') ? { ...headers, 'cache-control': 'max-age=3600' } : headers);
  response.end(body);
});
server.keepAliveTimeout = 0; // never: no connection shall be lost between two batches
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
