/**
 * A bulkhead around a slow report generator: two reports run at a time, three wait, and all others are rejected
 * immediately. Run it with `npx tsx examples/bulkhead.ts`.
 */
import { bulkhead, type CallOptions, isResilienceError, sleep } from 'breakwater';

const reports = bulkhead({ name: 'reports', maxConcurrent: 2, maxQueue: 3, queueTimeout: '250ms' });

const rejected: Record<string, number> = {};
reports.on('reject', ({ reason }) => {
  rejected[reason] = (rejected[reason] ?? 0) + 1;
});

/** The generator is slow, and the machine has memory for two of them. */
async function generate(name: string, workMs: number, signal: AbortSignal): Promise<void> {
  console.log(`  ${name} begins; ${reports.active} running, ${reports.queued} waiting`);
  await sleep(workMs, { signal });
}

/** A request handler: each request gets a response. */
async function request(name: string, workMs: number, options?: CallOptions): Promise<void> {
  try {
    await reports.execute(({ signal }) => generate(name, workMs, signal), options);
    console.log(`  ${name}: 200`);
  } catch (error) {
    if (isResilienceError(error)) console.log(`  ${name}: 503, ${error.message}`);
    else console.log(`  ${name}: no answer, ${(error as Error).message}`);
  }
}

console.log('Six concurrent requests. The important one overtakes waiting calls, not running ones:');
const client = new AbortController();
const first = [
  request('sales', 60),
  request('stock', 70),
  request('returns', 80),
  request('taxes', 60, { signal: client.signal }),
  request('board', 60, { priority: 0 }),
  request('weather', 60),
];

await sleep(20);
console.log('A waiting caller aborts, and the queue has room again:');
client.abort(new Error('the client disconnected'));
await Promise.all([...first, request('weather again', 60)]);

console.log('Two long reports. A call that waits too long is rejected:');
const second = [request('audit', 400), request('archive', 450), request('postcard', 10)];
await sleep(300);

console.log('Shutdown. Accepted calls complete, new calls are rejected:');
const closed = reports.close();
await request('too late', 10);
await Promise.all([...second, closed]);
console.log('Rejected in total:', rejected);

/* Prints, but for the milliseconds:
Six concurrent requests. The important one overtakes waiting calls, not running ones:
  sales begins; 1 running, 0 waiting
  stock begins; 2 running, 0 waiting
  weather: 503, "reports" is full: all slots and queue places are in use
A waiting caller aborts, and the queue has room again:
  taxes: no answer, the client disconnected
  board begins; 2 running, 2 waiting
  sales: 200
  returns begins; 2 running, 1 waiting
  stock: 200
  weather again begins; 2 running, 0 waiting
  board: 200
  returns: 200
  weather again: 200
Two long reports. A call that waits too long is rejected:
  audit begins; 1 running, 0 waiting
  archive begins; 2 running, 0 waiting
  postcard: 503, Waited 250 ms for a slot of "reports"
Shutdown. Accepted calls complete, new calls are rejected:
  too late: 503, "reports" is closed
  audit: 200
  archive: 200
Rejected in total: { full: 1, 'queue-timeout': 1, closed: 1 }
*/
