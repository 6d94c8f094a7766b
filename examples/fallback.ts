/**
 * A fallback that answers with the last good copy, marks it as stale, and does not hide programming errors.
 * Run it with `npx tsx examples/fallback.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { circuitBreaker, fallback, isResilienceError, pipeline, sleep, timeout } from 'breakwater';

// The server of the exchange rates, in different states.
let state: 'up' | 'failing' | 'hanging' | 'changed' = 'failing';
const server = createServer((_request, response) => {
  if (state === 'hanging') return;
  if (state === 'failing') response.statusCode = 500;
  response.end(JSON.stringify(state === 'changed' ? { version: 2 } : { rates: { eur: 1.08 } }));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/rates`;

interface Rate {
  readonly eur: number;
  readonly stale: boolean;
}

let copy: Rate | undefined;

const orCopy = fallback((outcome): Rate => {
  const error = outcome.ok ? undefined : outcome.error;
  const isOpen = isResilienceError(error, 'ERR_CIRCUIT_OPEN');
  console.log(`  fallback called: ${isOpen ? 'the circuit is open' : (error as Error).message}`);
  if (copy === undefined) throw error; // without a copy there is no honest answer
  return { ...copy, stale: true };
});

// The fallback is outermost, so the breaker sees the failures and the caller does not.
const guarded = pipeline(orCopy, circuitBreaker({ consecutiveFailures: 3, openFor: '200ms' }), timeout('400ms'));

async function load(signal: AbortSignal): Promise<Rate> {
  const response = await fetch(url, { signal });
  if (!response.ok) {
    await response.body?.cancel(); // an unread body would hold its connection
    throw new Error(`HTTP ${response.status}`);
  }
  const { rates } = (await response.json()) as { rates: { eur: number } };
  copy = { eur: rates.eur, stale: false };
  return copy;
}

async function ask(title: string, times = 1): Promise<void> {
  console.log(title);
  for (let call = 1; call <= times; call++) {
    const rate = await guarded
      .execute(({ signal }) => load(signal))
      .catch((error) => `${error.name}: ${error.message}`);
    console.log('  caller gets:', rate);
  }
}

await ask('The server fails, and there is no copy yet:');
state = 'up';
await ask('The server is up:');
state = 'failing';
await ask('The server fails:');
state = 'hanging';
await ask('The server hangs. After three failures the breaker rejects calls immediately:', 3);
state = 'changed';
await sleep(200);
await ask('The server returns a new format that our code cannot read. An old rate would hide this error:');

server.closeAllConnections();
server.close();

/* Prints, but for the milliseconds:
The server fails, and there is no copy yet:
  fallback called: HTTP 500
  caller gets: Error: HTTP 500
The server is up:
  caller gets: { eur: 1.08, stale: false }
The server fails:
  fallback called: HTTP 500
  caller gets: { eur: 1.08, stale: true }
The server hangs. After three failures the breaker rejects calls immediately:
  fallback called: "timeout" timed out after 400 ms
  caller gets: { eur: 1.08, stale: true }
  fallback called: "timeout" timed out after 400 ms
  caller gets: { eur: 1.08, stale: true }
  fallback called: the circuit is open
  caller gets: { eur: 1.08, stale: true }
The server returns a new format that our code cannot read. An old rate would hide this error:
  caller gets: TypeError: Cannot read properties of undefined (reading 'eur')
*/
