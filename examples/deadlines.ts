/**
 * A deadline through three services on real sockets: the client waits two seconds, and each service behind it has
 * what is left. When the time is over, the work stops everywhere. Run it with `npx tsx examples/deadlines.ts`.
 */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deadlineHeader, resilientFetch, retry, sleep } from 'breakwater';
import { deadlineMiddleware, toProblem } from 'breakwater/http-server';
import { currentContext, runInContext } from 'breakwater/request-context';

// One instance for all services here. Each hop withholds 150 ms for the way of the response.
const fetch = resilientFetch({ propagateDeadline: deadlineHeader({ margin: '150ms' }), retry: false });
const call = retry({ maxAttempts: 1 });

/** Starts a service that works for some milliseconds, and then asks the next one. */
async function start(name: string, workMs: number, next?: string): Promise<string> {
  const bound = deadlineMiddleware({ margin: '20ms' });
  const handle: RequestListener = async (_request, response) => {
    const leftMs = currentContext()?.remainingMs ?? Infinity;
    console.log(`  ${name} begins with ${leftMs > 1500 ? 'more' : 'less'} than 1500 ms left`);
    try {
      await call.execute(({ signal }) => sleep(workMs, { signal }));
      const answer = next === undefined ? undefined : await fetch(next);
      if (answer?.ok === false) response.writeHead(answer.status).end();
      else response.end([name, await answer?.text()].filter(Boolean).join(' > '));
    } catch (error) {
      console.log(`  ${name} stops: ${(error as Error).name}`);
      const { status, headers, body } = toProblem(error);
      response.writeHead(status, headers).end(body);
    }
  };
  const server = createServer((request, response) => bound(request, response, () => handle(request, response)));
  server.unref();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

for (const workMs of [10, 10_000]) {
  const stock = await start('stock', workMs);
  const prices = await start('prices', 800, stock);
  const shop = await start('shop', 10, prices);
  console.log(`stock needs ${workMs} ms`);
  const outcome = await runInContext({ deadline: '2s' }, () =>
    call.attempt(async () => {
      const response = await fetch(shop);
      return response.ok ? response.text() : `status ${response.status}`;
    }),
  );
  console.log(outcome.ok ? `client: ${outcome.value}` : `client: ${(outcome.error as Error).name}`);
  await sleep(100); // the services report that they have stopped
}

/* Prints, but for the milliseconds:
stock needs 10 ms
  shop begins with more than 1500 ms left
  prices begins with more than 1500 ms left
  stock begins with less than 1500 ms left
client: shop > prices > stock
stock needs 10000 ms
  shop begins with more than 1500 ms left
  prices begins with more than 1500 ms left
  stock begins with less than 1500 ms left
  stock stops: TimeoutError
client: status 504
*/
