/**
 * A bulkhead around a slow report generator: two at a time, three in the queue, and the rest is told at once instead of
 * piling up. Run it with `npx tsx examples/bulkhead.ts`.
 */
import { bulkhead, type CallOptions, isResilienceError, sleep } from 'breakwater';

const reports = bulkhead({ name: 'reports', maxConcurrent: 2, maxQueue: 3, queueTimeout: '250ms' });

const refused: Record<string, number> = {};
reports.on('reject', ({ reason }) => {
  refused[reason] = (refused[reason] ?? 0) + 1;
});

/** The generator: slow, and too greedy for a third one beside it. */
async function generate(name: string, workMs: number, signal: AbortSignal): Promise<void> {
  console.log(`  ${name} begins; ${reports.active} running, ${reports.queued} waiting`);
  await sleep(workMs, { signal });
}

/** What a handler of requests would do; it answers all of them, one way or another. */
async function request(name: string, workMs: number, options?: CallOptions): Promise<void> {
  try {
    await reports.execute(({ signal }) => generate(name, workMs, signal), options);
    console.log(`  ${name}: 200`);
  } catch (error) {
    if (isResilienceError(error)) console.log(`  ${name}: 503, ${error.message}`);
    else console.log(`  ${name}: no answer, ${(error as Error).message}`);
  }
}

console.log('Six at once. The important one overtakes those that wait, not those that run:');
const visitor = new AbortController();
const first = [
  request('sales', 60),
  request('stock', 70),
  request('returns', 80),
  request('taxes', 60, { signal: visitor.signal }),
  request('board', 60, { priority: 0 }),
  request('weather', 60),
];

await sleep(20);
console.log('One who waited leaves, and the place in the queue is free again:');
visitor.abort(new Error('the visitor left'));
await Promise.all([...first, request('weather again', 60)]);

console.log('Two long ones. Who waits for too long hears of it:');
const second = [request('audit', 400), request('archive', 450), request('postcard', 10)];
await sleep(300);

console.log('The service is told to stop. What was accepted is finished, nothing new is let in:');
const closed = reports.close();
await request('too late', 10);
await Promise.all([...second, closed]);
console.log('Refused in all:', refused);

/* Prints, but for the milliseconds:
Six at once. The important one overtakes those that wait, not those that run:
  sales begins; 1 running, 0 waiting
  stock begins; 2 running, 0 waiting
  weather: 503, "reports" is full: all slots and queue places are in use
One who waited leaves, and the place in the queue is free again:
  taxes: no answer, the visitor left
  board begins; 2 running, 2 waiting
  sales: 200
  returns begins; 2 running, 1 waiting
  stock: 200
  weather again begins; 2 running, 0 waiting
  board: 200
  returns: 200
  weather again: 200
Two long ones. Who waits for too long hears of it:
  audit begins; 1 running, 0 waiting
  archive begins; 2 running, 0 waiting
  postcard: 503, Waited 250 ms for a slot of "reports"
The service is told to stop. What was accepted is finished, nothing new is let in:
  too late: 503, "reports" is closed
  audit: 200
  archive: 200
Refused in all: { full: 1, 'queue-timeout': 1, closed: 1 }
*/
