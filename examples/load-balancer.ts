/**
 * Four real servers behind one balancer: one is slow; one reports that it is healthy but returns errors, then dies, and
 * is started again. Active checks detect the dead server before a call does. Outlier ejection detects the errors, which
 * the checks do not see. No call of a client fails.
 *
 * npx tsx examples/load-balancer.ts
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpCheck, LoadBalancer, resilientFetch, sleep } from 'breakwater';

/** A server that can be slow, fail, die, and start again on its port. */
class Backend {
  port = 0;
  isFailing = false;
  readonly #delayMs: number;
  #server: Server | undefined;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  async start(): Promise<void> {
    this.#server = createServer(async ({ url }, response) => {
      if (url === '/health') {
        response.end('ok'); // even while other requests fail
        return;
      }
      await sleep(this.#delayMs);
      response.writeHead(this.isFailing ? 500 : 200).end();
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  die(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}

const backends = new Map(
  Object.entries({ fast: 5, quick: 5, slow: 400, flaky: 5 }).map(([name, ms]) => [name, new Backend(ms)]),
);
for (const backend of backends.values()) await backend.start();
const flaky = backends.get('flaky') as Backend;
const addressOf = (name: string, path: string) => `http://127.0.0.1:${backends.get(name)?.port}${path}`;

const balancer = new LoadBalancer(backends.keys(), {
  health: {
    check: httpCheck({ path: '/health', url: (name) => addressOf(name, '/') }),
    interval: '100ms',
    timeout: '5s',
    fall: 2,
  },
  outlier: { consecutiveFailures: 3, ejectFor: '3s' },
});
const fetch = resilientFetch({
  route: balancer.route({ url: (name, { url }) => addressOf(name, url.pathname) }),
  circuitBreaker: false, // one breaker would count all servers together
  retry: { backoff: () => 10 },
});

balancer.on('ejected', ({ node, reason }) => console.log(`  ${node} is ejected: ${reason}`));
balancer.on('nodeDown', ({ node, reason }) => console.log(`  ${node} is down: ${reason}`));
balancer.on('nodeUp', ({ node, reason }) => console.log(`  ${node} is up: ${reason}`));

/**
 * Makes `count` calls with five concurrent clients. Returns the number of failures and each server's share of the
 * attempts.
 */
async function call(count: number) {
  const before = balancer.nodes.map(({ picks }) => picks);
  let left = count;
  let failed = 0;
  const client = async () => {
    while (left-- > 0) if (!(await fetch('http://service/work')).ok) failed++;
  };
  await Promise.all([1, 2, 3, 4, 5].map(client));
  const attempts = balancer.nodes.map(({ node, picks }, i) => [node, picks - (before[i] ?? 0)] as const);
  const total = attempts.reduce((sum, [, picks]) => sum + picks, 0);
  return { failed, shareOf: new Map(attempts.map(([node, picks]) => [node, picks / total])) };
}

const healthOf = (name: string) => balancer.nodes.find(({ node }) => node === name)?.health;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

console.log('all servers are healthy');
const { failed, shareOf } = await call(200);
console.log(
  `  ${failed} of 200 calls failed; the slow server got`,
  (shareOf.get('slow') ?? 1) < 0.25 ? 'less' : 'more',
  'than a quarter',
);

console.log('flaky returns 500, and its health check succeeds');
flaky.isFailing = true;
let seen = 0;
while (healthOf('flaky') === 'healthy') seen += (await call(10)).failed;
console.log(`  ${seen} calls failed: each was retried on another server`);

console.log('flaky has recovered, and its ejection is over');
flaky.isFailing = false;
await until(() => healthOf('flaky') === 'healthy');

console.log('flaky dies, while there are no calls');
flaky.die();
await until(() => healthOf('flaky') === 'unhealthy');
console.log(`  ${(await call(40)).failed} of 40 calls failed`);

console.log('flaky is started again');
await flaky.start();
await until(() => healthOf('flaky') === 'healthy');
const last = await call(100);
console.log(`  ${last.failed} of 100 calls failed; flaky gets calls again:`, (last.shareOf.get('flaky') ?? 0) > 0);

balancer[Symbol.dispose]();
for (const backend of backends.values()) backend.die();

/* Prints, but for the milliseconds:
all servers are healthy
  0 of 200 calls failed; the slow server got less than a quarter
flaky returns 500, and its health check succeeds
  flaky is ejected: consecutive-failures
  0 calls failed: each was retried on another server
flaky has recovered, and its ejection is over
  flaky is up: ejection-over
flaky dies, while there are no calls
  flaky is down: check
  0 of 40 calls failed
flaky is started again
  flaky is up: check
  0 of 100 calls failed; flaky gets calls again: true
*/
