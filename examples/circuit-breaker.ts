/**
 * A circuit breaker around a server that fails for a while: it is left alone until it is well again, and nobody waits
 * for it in the meantime. Run it with `npx tsx examples/circuit-breaker.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { circuitBreaker, isResilienceError, sleep } from 'breakwater';

// The server, and how many requests have reached it.
let isWell = true;
let requests = 0;
const server = createServer((_request, response) => {
  requests++;
  response.writeHead(isWell ? 200 : 500).end('42');
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/price`;

const breaker = circuitBreaker({
  name: 'prices',
  failureRateThreshold: 0.5,
  minimumCalls: 6, // the default is 20, which suits more traffic than there is here
  openFor: '200ms',
  halfOpen: { probes: 2 },
});
breaker.on('stateChange', ({ from, to, reason }) => console.log(`  ${from} → ${to} (${reason})`));

const price = () =>
  breaker.execute(async ({ signal }) => {
    const response = await fetch(url, { signal });
    const text = await response.text();
    if (!response.ok) throw new Error(`HTTP ${response.status}`); // what is no error counts as a success
    return text;
  });

async function ask(times: number): Promise<void> {
  const before = requests;
  const answers: string[] = [];
  for (let call = 1; call <= times; call++) {
    try {
      answers.push(await price());
    } catch (error) {
      answers.push(isResilienceError(error, 'ERR_CIRCUIT_OPEN') ? 'refused' : (error as Error).message);
    }
  }
  console.log(`  ${answers.join(', ')}; requests that reached it: ${requests - before}`);
}

console.log('The server is well:');
await ask(3);

console.log('It fails. At half of six calls the circuit opens:');
isWell = false;
await ask(6);

console.log('A probe finds it no better, and the circuit opens again:');
await sleep(breaker.stats.retryAfterMs);
await ask(2);

console.log('It has recovered. Two probes say so:');
isWell = true;
await sleep(breaker.stats.retryAfterMs);
await ask(3);

server.close();

/* Prints, but for the milliseconds:
The server is well:
  42, 42, 42; requests that reached it: 3
It fails. At half of six calls the circuit opens:
  closed → open (failure-rate)
  HTTP 500, HTTP 500, HTTP 500, refused, refused, refused; requests that reached it: 3
A probe finds it no better, and the circuit opens again:
  open → half-open (open-time-passed)
  half-open → open (probe-failed)
  HTTP 500, refused; requests that reached it: 1
It has recovered. Two probes say so:
  open → half-open (open-time-passed)
  half-open → closed (probes-succeeded)
  42, 42, 42; requests that reached it: 3
*/
