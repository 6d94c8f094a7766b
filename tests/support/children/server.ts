/** Answers `/ms` after so many milliseconds. Prints its port; ends with its parent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const server = createServer((request, response) => {
  setTimeout(() => response.end('answered'), Number(request.url?.slice(1)));
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
process.stdin.on('end', () => process.exit()).resume();
