/** `dnsNodes` with the resolver of Node against a real DNS server over UDP and TCP. */
import { LoadBalancer } from 'breakwater/load-balancer';
import { dnsNodes } from 'breakwater/load-balancer/dns';
import { describe, expect, it } from 'vitest';
import { dnsServer } from '../../support/dns-server.js';
import { eventually } from '../../support/eventually.js';
import { testServer } from '../../support/http-server.js';
import { catchUncaught } from '../../support/uncaught.js';

const a = (address: string, ttl = 60) => ({ type: 'A', address, ttl }) as const;
const namesOf = (balancer: LoadBalancer) => balancer.nodes.map(({ node }) => node);

/** Durations so short that a test can wait for several lookups. */
const FAST = { minTtl: 20, maxTtl: 20, grace: 0 } as const;

describe('dnsNodes with a real DNS server', () => {
  it('A records become the nodes of a balancer, which sends calls to them', async () => {
    await using backend = await testServer(() => ({ body: 'hello' }));
    await using dns = await dnsServer(() => [a('127.0.0.1')]);
    const { port } = new URL(backend.origin);
    const toNode = ({ authority }: { authority: string }) => `http://${authority}`;
    const source = dnsNodes('users.internal', { port: Number(port), toNode, resolver: dns.resolver() });
    using balancer = new LoadBalancer(source);
    await balancer.ready();
    expect(namesOf(balancer)).toEqual([`http://127.0.0.1:${port}`]);
    expect(await balancer.execute(async ({ node }) => (await fetch(node)).text())).toBe('hello');
    expect(dns.queries).toEqual(['A users.internal']);
  });

  it('the TTL of the answer decides when the name is looked up again', async () => {
    await using dns = await dnsServer(() => [a('10.0.0.1', 1)]);
    const source = dnsNodes('x.test', { resolver: dns.resolver(), minTtl: 1, jitter: 0 });
    const lookups: number[] = [];
    dns.answer = () => {
      lookups.push(performance.now());
      return [a(`10.0.0.${lookups.length}`, 1)];
    };
    using balancer = new LoadBalancer(source);
    await eventually(() => expect(lookups.length).toBeGreaterThan(1));
    expect(lookups[1]! - lookups[0]!).toBeGreaterThanOrEqual(900); // 1 s, less the way to the server
    await eventually(() => expect(namesOf(balancer)).toContain('10.0.0.2'));
  });

  it('A and AAAA records are merged, and a family without records is no error', async () => {
    const errors: unknown[] = [];
    await using dns = await dnsServer((type) =>
      type === 'A' ? [a('10.0.0.1')] : [{ type: 'AAAA', address: '2001:db8:0:0:0:0:0:1', ttl: 60 }],
    );
    const options = { records: 'A+AAAA', port: 80, resolver: dns.resolver(), ...FAST } as const;
    using balancer = new LoadBalancer(dnsNodes('x.test', { ...options, onError: (error) => errors.push(error) }));
    await balancer.ready();
    expect(namesOf(balancer)).toEqual(['10.0.0.1:80', '[2001:db8::1]:80']);
    dns.answer = (type) => (type === 'A' ? [a('10.0.0.1')] : []);
    await eventually(() => expect(namesOf(balancer)).toEqual(['10.0.0.1:80']));
    expect(errors).toEqual([]);
  });

  it('SRV records set the port, the weight and the priority of a node', async () => {
    const srv = (target: string, priority: number, weight: number) =>
      ({ type: 'SRV', target, priority, weight, port: 8080, ttl: 60 }) as const;
    await using dns = await dnsServer(() => [
      srv('One.users.test.', 0, 90),
      srv('two.users.test', 0, 10),
      srv('backup.users.test', 1, 0),
    ]);
    using balancer = new LoadBalancer(dnsNodes('_http._tcp.x.test', { records: 'SRV', resolver: dns.resolver() }));
    await balancer.ready();
    expect(balancer.nodes.map(({ node, weight, priority }) => ({ node, weight, priority }))).toEqual([
      { node: 'backup.users.test:8080', weight: 1, priority: 1 },
      { node: 'one.users.test:8080', weight: 90, priority: 0 },
      { node: 'two.users.test:8080', weight: 10, priority: 0 },
    ]);
    expect(dns.queries).toEqual(['SRV _http._tcp.x.test']);
  });

  it.each(['NXDOMAIN', 'SERVFAIL', 'drop', 'empty'] as const)('after %s the last good list stays', async (fault) => {
    using uncaught = catchUncaught();
    const errors: unknown[] = [];
    await using dns = await dnsServer(() => [a('10.0.0.1'), a('10.0.0.2')]);
    const options = { resolver: dns.resolver({ timeout: 50 }), timeout: 50, ...FAST };
    using balancer = new LoadBalancer(dnsNodes('x.test', { ...options, onError: (error) => errors.push(error) }));
    await balancer.ready();
    dns.answer = () => (fault === 'empty' ? [] : fault);
    await eventually(() => expect(errors.length).toBeGreaterThan(2));
    expect(namesOf(balancer)).toEqual(['10.0.0.1', '10.0.0.2']);
    dns.answer = () => [a('10.0.0.3')];
    await eventually(() => expect(namesOf(balancer)).toEqual(['10.0.0.3']));
    expect(uncaught).toMatchObject({ errors: [], rejections: [] });
  });

  it('an answer that is too long for UDP arrives over TCP', async () => {
    const addresses = Array.from({ length: 2000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
    await using dns = await dnsServer(() => addresses.map((address) => a(address)));
    using balancer = new LoadBalancer(dnsNodes('x.test', { resolver: dns.resolver() }));
    await balancer.ready();
    expect(namesOf(balancer)).toEqual([...addresses].sort());
  });

  it('dispose during a lookup ends the source without a rejection, and no further query follows', async () => {
    using uncaught = catchUncaught();
    await using dns = await dnsServer(() => 'drop');
    const balancer = new LoadBalancer(dnsNodes('x.test', { resolver: dns.resolver(), ...FAST }));
    await eventually(() => expect(dns.queries).toHaveLength(1));
    balancer[Symbol.dispose]();
    await expect(balancer.ready()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    dns.answer = () => [a('10.0.0.1')];
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(dns.queries).toHaveLength(1);
    expect(balancer.nodes).toEqual([]);
    expect(uncaught).toMatchObject({ errors: [], rejections: [] });
  });
});
