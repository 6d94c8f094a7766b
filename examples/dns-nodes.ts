/**
 * Two regions behind one SRV name: the records of eu have priority 0, those of us priority 1. The DNS fails, the region
 * eu goes down and comes back, and a server is added. The servers are real, the resolver is an object of this program.
 * No call of a client fails.
 *
 * npx tsx examples/dns-nodes.ts
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LoadBalancer, resilientFetch, sleep } from 'breakwater';
import { dnsNodes } from 'breakwater/load-balancer/dns';

/** A server that can die, and start again on its port. */
class Backend {
  port = 0;
  readonly region: 'eu' | 'us';
  #server: Server | undefined;

  constructor(region: 'eu' | 'us') {
    this.region = region;
  }

  async start(): Promise<void> {
    this.#server = createServer((_request, response) => response.end(this.region));
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  die(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}

const eu = [new Backend('eu'), new Backend('eu')];
const us = [new Backend('us')];
for (const backend of [...eu, ...us]) await backend.start();

let isDnsDown = false;
let errors = 0;
const resolver = {
  async resolveSrv() {
    if (isDnsDown) throw new Error('SERVFAIL');
    return [...eu, ...us].map(({ port, region }) => {
      return { name: '127.0.0.1', port, priority: region === 'eu' ? 0 : 1, weight: 10 };
    });
  },
};

const source = dnsNodes('_http._tcp.users.internal', {
  records: 'SRV',
  toNode: ({ authority }) => `http://${authority}`,
  minTtl: '50ms',
  defaultTtl: '50ms',
  onError: () => errors++,
  resolver, // without it, the DNS servers of the system are asked
});
const balancer = new LoadBalancer(source, {
  outlier: { consecutiveFailures: 1, ejectFor: '2s', maxEjectedShare: 1 }, // the whole region may be ejected
});
balancer.on('failover', ({ shares }) => {
  if (shares.some(({ share }) => share === 1)) {
    const used = shares.find(({ share }) => share === 1);
    console.log(`  all calls go to priority ${used?.priority}`);
  }
});
const fetch = resilientFetch({ route: balancer.route(), circuitBreaker: false, retry: { backoff: () => 10 } });

/** Makes 50 calls. Returns how often each region has answered. */
async function call(): Promise<string> {
  const answers = { eu: 0, us: 0, failed: 0 };
  for (let i = 0; i < 50; i++) {
    const response = await fetch('http://users/42');
    if (response.ok) answers[(await response.text()) as 'eu' | 'us']++;
    else answers.failed++;
  }
  return `eu ${answers.eu}, us ${answers.us}, failed ${answers.failed}`;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

await balancer.ready();
console.log('both regions work:', await call());

console.log('the DNS fails');
isDnsDown = true;
await until(() => errors > 0);
console.log('  the last list is used:', await call());
isDnsDown = false;

console.log('the region eu goes down');
for (const backend of eu) backend.die();
console.log('  answers:', await call());

console.log('the region eu comes back');
for (const backend of eu) await backend.start();
await until(() => balancer.nodes.every(({ health }) => health === 'healthy'));
console.log('  answers:', await call());

console.log('a server is added');
const added = new Backend('eu');
await added.start();
eu.push(added);
await until(() => balancer.nodes.length === 4);
await call();
const picks = balancer.nodes.find(({ node }) => node.endsWith(`:${added.port}`))?.picks ?? 0;
console.log('  it gets calls:', picks > 0);

balancer[Symbol.dispose]();
for (const backend of [...eu, ...us]) backend.die();

/* Prints, but for the milliseconds:
both regions work: eu 50, us 0, failed 0
the DNS fails
  the last list is used: eu 50, us 0, failed 0
the region eu goes down
  all calls go to priority 1
  answers: eu 0, us 50, failed 0
the region eu comes back
  all calls go to priority 0
  answers: eu 50, us 0, failed 0
a server is added
  it gets calls: true
*/
