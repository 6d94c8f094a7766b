/**
 * A service that gets twice the requests that it can answer, over real sockets and with real CPU work. Behind an
 * adaptive limit with a priority gate it keeps answering its important callers. Run it with
 * `npx tsx examples/overloaded-service.ts`.
 */
import { createServer, type RequestListener } from 'node:http';
import { isResilienceError, type Policy, pipeline, sleep } from 'breakwater';
import { adaptiveLimit, priorityGate } from 'breakwater/overload';

/** The work of a request: 5 ms of CPU, in pieces, so that the service can accept and reject other requests meanwhile. */
async function work(signal: AbortSignal): Promise<void> {
  for (let piece = 0; piece < 5 && !signal.aborted; piece++) {
    for (const end = performance.now() + 1; performance.now() < end; );
    await new Promise(setImmediate);
  }
}

/** A handler that works under a policy. The header says how important the caller is. */
const handler =
  (policy: Policy | undefined): RequestListener =>
  async (request, response) => {
    const priority = Number(request.headers['x-priority']);
    const left = new AbortController();
    response.on('close', () => left.abort());
    try {
      if (policy === undefined) await work(left.signal);
      else await policy.execute(({ signal }) => work(signal), { priority, signal: left.signal });
      response.end('done');
    } catch (error) {
      if (left.signal.aborted) return;
      response.statusCode = isResilienceError(error) ? 503 : 500;
      response.end();
    }
  };

/**
 * Makes 400 calls per second for two seconds, a quarter of them important. Each gives up after 500 ms. Returns the share
 * of the important calls that were answered.
 */
async function measure(policy: Policy | undefined): Promise<number> {
  const server = createServer(handler(policy));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const answered = { important: 0, other: 0 };
  const call = async (importance: 'important' | 'other') => {
    const headers = { 'x-priority': importance === 'important' ? '0' : '9' };
    const response = await fetch(`http://127.0.0.1:${port}`, { headers, signal: AbortSignal.timeout(500) });
    await response.text();
    if (response.ok) answered[importance]++;
  };
  const calls: Promise<unknown>[] = [];
  const start = performance.now();
  while (calls.length < 800) {
    const due = Math.min(800, (performance.now() - start) * 0.4);
    while (calls.length < due) calls.push(call(calls.length % 4 === 0 ? 'important' : 'other').catch(() => {}));
    await sleep(5);
  }
  await Promise.all(calls);
  server.closeAllConnections();
  server.close();
  return answered.important / 200;
}

const limit = adaptiveLimit({ initialLimit: 5, maxQueue: 20, onFull: 'evict-lowest' });
const [without, withLimit] = [await measure(undefined), await measure(pipeline(priorityGate(), limit))];
console.log(`without a limit, more than half of the important calls are answered: ${without > 0.5}`);
console.log(`with an adaptive limit and priorities: ${withLimit > 0.5}`);

/* Prints, but for the milliseconds:
without a limit, more than half of the important calls are answered: false
with an adaptive limit and priorities: true
*/
