/**
 * Four real servers behind one balancer: one is slow, one says that it is well and answers with errors, then dies, and comes
 * back. The checks find what calls would find too late, the calls find what the checks do not see, and whoever calls notices
 * none of it.
 *
 * npx tsx examples/load-balancer.ts
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpCheck, LoadBalancer, resilientFetch, sleep } from 'breakwater';

/** A server that may be slow, fail, die, and start again where it was. */
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
        response.end('well'); // whatever else is wrong with it
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
  Object.entries({ fast: 5, quick: 5, slow: 400, moody: 5 }).map(([name, ms]) => [name, new Backend(ms)]),
);
for (const backend of backends.values()) await backend.start();
const moody = backends.get('moody') as Backend;
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
  circuitBreaker: false, // it would be one for all of them
  retry: { backoff: () => 10 },
});

balancer.on('ejected', ({ node, reason }) => console.log(`  ${node} is ejected: ${reason}`));
balancer.on('nodeDown', ({ node, reason }) => console.log(`  ${node} is down, by its ${reason}`));
balancer.on('nodeUp', ({ node, reason }) => console.log(`  ${node} is up: ${reason}`));

/** So many calls by five clients at a time; how many of them failed, and what part of the tries each server had. */
async function call(count: number) {
  const before = balancer.nodes.map(({ picks }) => picks);
  let left = count;
  let failed = 0;
  const client = async () => {
    while (left-- > 0) if (!(await fetch('http://service/work')).ok) failed++;
  };
  await Promise.all([1, 2, 3, 4, 5].map(client));
  const tries = balancer.nodes.map(({ node, picks }, i) => [node, picks - (before[i] ?? 0)] as const);
  const all = tries.reduce((sum, [, picks]) => sum + picks, 0);
  return { failed, shareOf: new Map(tries.map(([node, picks]) => [node, picks / all])) };
}

const healthOf = (name: string) => balancer.nodes.find(({ node }) => node === name)?.health;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

console.log('all are well');
const { failed, shareOf } = await call(200);
console.log(
  `  ${failed} of 200 calls failed; the slow one had`,
  (shareOf.get('slow') ?? 1) < 0.25 ? 'less' : 'more',
  'than a quarter',
);

console.log('moody answers 500, and its health page says that it is well');
moody.isFailing = true;
let seen = 0;
while (healthOf('moody') === 'healthy') seen += (await call(10)).failed;
console.log(`  ${seen} calls failed: each was repeated elsewhere`);

console.log('it is well again, and its time is over');
moody.isFailing = false;
await until(() => healthOf('moody') === 'healthy');

console.log('it dies, while nobody calls');
moody.die();
await until(() => healthOf('moody') === 'unhealthy');
console.log(`  ${(await call(40)).failed} of 40 calls failed`);

console.log('it is started again');
await moody.start();
await until(() => healthOf('moody') === 'healthy');
const last = await call(100);
console.log(`  ${last.failed} of 100 calls failed; it has calls again:`, (last.shareOf.get('moody') ?? 0) > 0);

balancer[Symbol.dispose]();
for (const backend of backends.values()) backend.die();

/* Prints, but for the milliseconds:
all are well
  0 of 200 calls failed; the slow one had less than a quarter
moody answers 500, and its health page says that it is well
  moody is ejected: consecutive-failures
  0 calls failed: each was repeated elsewhere
it is well again, and its time is over
  moody is up: ejection-over
it dies, while nobody calls
  moody is down, by its check
  0 of 40 calls failed
it is started again
  moody is up: check
  0 of 100 calls failed; it has calls again: true
*/
