/** A dispatcher of undici with policies, for all requests of a process. Run it with `npx tsx examples/undici.ts`. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isResilienceError } from 'breakwater';
import { resilient } from 'breakwater/undici';
import { Agent, request, setGlobalDispatcher } from 'undici';

let isDown = false;
let requests = 0;
const server = createServer((_request, response) => {
  // Every other request fails, and all of them while the server is down.
  response.writeHead(isDown || ++requests % 2 === 1 ? 503 : 200).end('users');
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/users`;

const guard = resilient({
  timeout: '5s',
  retry: { backoff: () => 10 },
  circuitBreaker: { consecutiveFailures: 3, openFor: '1s' },
});
const agent = new Agent();
setGlobalDispatcher(agent.compose(guard));

const { statusCode, body } = await request(url);
console.log('undici.request:', statusCode, await body.text());

const response = await fetch(url);
console.log('the global fetch:', response.status, await response.text());

isDown = true;
console.log('while the server is down:', (await fetch(url)).status);
try {
  await fetch(url);
} catch (error) {
  const { message, cause } = error as TypeError;
  console.log(`${message}:`, isResilienceError(cause, 'ERR_CIRCUIT_OPEN') ? 'the circuit is open' : cause);
}

server.close();
await agent.close();

/* Prints, but for the milliseconds:
undici.request: 200 users
the global fetch: 200 users
while the server is down: 503
fetch failed: the circuit is open
*/
