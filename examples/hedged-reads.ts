/**
 * Hedged reads over three replicas, over real sockets. One request in thirty is slow by chance. A hedge goes to another
 * replica, costs at most 5 % more requests, and removes most of the tail. Run it with `npx tsx examples/hedged-reads.ts`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hedge, LoadBalancer, resilientFetch, roundRobin, seededRandom } from 'breakwater';

const random = seededRandom(7);
let requests = 0;
let abandoned = 0;

/** A replica answers after 5 to 10 ms, and once in thirty requests after 150 ms. */
async function replica() {
  const server = createServer((_request, response) => {
    requests++;
    const timer = setTimeout(() => response.end('a user'), random() < 1 / 30 ? 150 : 5 + 5 * random());
    response.on('close', () => {
      if (response.writableFinished) return;
      abandoned++; // the client has aborted: stop the work
      clearTimeout(timer);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const replicas = await Promise.all([replica(), replica(), replica()]);
const nodes = replicas.map(({ url }) => url);

/** Reads 1,500 times, and returns the 99th percentile of the latencies in milliseconds. */
async function measure(name: string, fetch: (url: string) => Promise<Response>): Promise<number> {
  requests = 0;
  abandoned = 0;
  const latencies: number[] = [];
  const READS = 1500;
  const read = async () => {
    const startedAt = performance.now();
    await (await fetch('http://users/1')).text();
    latencies.push(performance.now() - startedAt);
  };
  for (let i = 0; i < READS; i += 15) await Promise.all(Array.from({ length: 15 }, read));
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) => Math.round(latencies[Math.floor(share * READS)] as number);
  console.log(`${name}: p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`);
  console.log(`  at most 6 requests for 100 reads were added: ${requests <= 1.06 * READS}`);
  return quantile(0.99);
}

const route = () => new LoadBalancer(nodes, { pick: roundRobin() }).route();
const policy = hedge({ delay: 'p95', fallbackDelay: '50ms' });

const without = await measure('without hedges', resilientFetch({ route: route() }));
const withHedges = await measure('with hedges', resilientFetch({ route: route(), hedge: policy }));
const { hedges, wins } = policy.stats;
console.log(`the hedges take most of the tail: ${withHedges < 0.6 * without}`);
console.log(
  `most hedges have won: ${wins > hedges / 2}; the replicas have stopped the work on losers: ${abandoned > 0}`,
);
for (const { server } of replicas) {
  server.close();
  server.closeAllConnections();
}

/* Prints, but for the milliseconds:
without hedges: p50 16 ms, p99 164 ms
  at most 6 requests for 100 reads were added: true
with hedges: p50 12 ms, p99 44 ms
  at most 6 requests for 100 reads were added: true
the hedges take most of the tail: true
most hedges have won: true; the replicas have stopped the work on losers: true
*/
