/**
 * A circuit breaker around a server that fails for a while: the server gets no calls until it has recovered, and
 * callers get their rejections immediately. Run it with `npx tsx examples/circuit-breaker.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { circuitBreaker, isResilienceError, sleep } from 'breakwater';

// The server, and the number of requests that have reached it.
let isUp = true;
let requests = 0;
const server = createServer((_request, response) => {
  requests++;
  response.writeHead(isUp ? 200 : 500).end('42');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/price`;

const breaker = circuitBreaker({
  name: 'prices',
  failureRateThreshold: 0.5,
  minimumCalls: 6, // the default of 20 is for more traffic than this program has
  openFor: '200ms',
  halfOpen: { probes: 2 },
});
breaker.on('stateChange', ({ from, to, reason }) => console.log(`  ${from} → ${to} (${reason})`));

const price = () =>
  breaker.execute(async ({ signal }) => {
    const response = await fetch(url, { signal });
    const text = await response.text();
    if (!response.ok) throw new Error(`HTTP ${response.status}`); // a returned response would count as a success
    return text;
  });

async function ask(times: number): Promise<void> {
  const before = requests;
  const answers: string[] = [];
  for (let call = 1; call <= times; call++) {
    try {
      answers.push(await price());
    } catch (error) {
      answers.push(isResilienceError(error, 'ERR_CIRCUIT_OPEN') ? 'rejected' : (error as Error).message);
    }
  }
  console.log(`  ${answers.join(', ')}; requests at the server: ${requests - before}`);
}

console.log('The server is up:');
await ask(3);

console.log('The server fails. After three failures in six calls the circuit opens:');
isUp = false;
await ask(6);

console.log('The probe fails, and the circuit opens again:');
await sleep(breaker.stats.retryAfterMs);
await ask(2);

console.log('The server has recovered. Two successful probes close the circuit:');
isUp = true;
await sleep(breaker.stats.retryAfterMs);
await ask(3);

server.close();

/* Prints, but for the milliseconds:
The server is up:
  42, 42, 42; requests at the server: 3
The server fails. After three failures in six calls the circuit opens:
  closed → open (failure-rate)
  HTTP 500, HTTP 500, HTTP 500, rejected, rejected, rejected; requests at the server: 3
The probe fails, and the circuit opens again:
  open → half-open (open-time-passed)
  half-open → open (probe-failed)
  HTTP 500, rejected; requests at the server: 1
The server has recovered. Two successful probes close the circuit:
  open → half-open (open-time-passed)
  half-open → closed (probes-succeeded)
  42, 42, 42; requests at the server: 3
*/
