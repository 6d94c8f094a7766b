/**
 * A fallback that answers from the last good copy, says so, and does not hide what nobody should miss.
 * Run it with `npx tsx examples/fallback.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { circuitBreaker, fallback, isResilienceError, pipeline, sleep, timeout } from 'breakwater';

// The server has exchange rates, and its moods.
let mood: 'well' | 'failing' | 'hanging' | 'changed' = 'failing';
const server = createServer((_request, response) => {
  if (mood === 'hanging') return;
  if (mood === 'failing') response.statusCode = 500;
  response.end(JSON.stringify(mood === 'changed' ? { version: 2 } : { rates: { eur: 1.08 } }));
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
  console.log(`  fallback asked: ${isOpen ? 'the circuit is open' : (error as Error).message}`);
  if (copy === undefined) throw error; // no answer is better than an invented one
  return { ...copy, stale: true };
});

// Outermost: the breaker sees the failures, the caller does not.
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

await ask('It fails before there is a copy:');
mood = 'well';
await ask('It is well:');
mood = 'failing';
await ask('It fails:');
mood = 'hanging';
await ask('It hangs. Soon nobody waits for it:', 3);
mood = 'changed';
await sleep(200);
await ask('It is back with an answer that our code does not understand. An old rate would hide that:');

server.closeAllConnections();
server.close();

/* Prints, but for the milliseconds:
It fails before there is a copy:
  fallback asked: HTTP 500
  caller gets: Error: HTTP 500
It is well:
  caller gets: { eur: 1.08, stale: false }
It fails:
  fallback asked: HTTP 500
  caller gets: { eur: 1.08, stale: true }
It hangs. Soon nobody waits for it:
  fallback asked: "timeout" timed out after 400 ms
  caller gets: { eur: 1.08, stale: true }
  fallback asked: "timeout" timed out after 400 ms
  caller gets: { eur: 1.08, stale: true }
  fallback asked: the circuit is open
  caller gets: { eur: 1.08, stale: true }
It is back with an answer that our code does not understand. An old rate would hide that:
  caller gets: TypeError: Cannot read properties of undefined (reading 'eur')
*/
