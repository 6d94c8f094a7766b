import { LoadBalancer, type LoadBalancerOptions, roundRobin } from 'breakwater/load-balancer';
import { type DnsNodesOptions, type DnsResolver, dnsNodes } from 'breakwater/load-balancer/dns';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { defer, settle, watch } from '../../support/promises.js';
import { catchUncaught } from '../../support/uncaught.js';

type Answer = Awaited<ReturnType<NonNullable<DnsResolver['resolve4']>>>;

const a = (...addresses: string[]) => addresses.map((address) => ({ address, ttl: 60 }));

/** A balancer that follows a resolver whose answers the test decides, in virtual time. */
function followed(options: DnsNodesOptions = {}, balancerOptions: LoadBalancerOptions = {}) {
  const clock = new TestClock();
  const lookups: number[] = [];
  const errors: unknown[] = [];
  const dns: { answer: () => Answer | Promise<Answer> } = { answer: () => a('10.0.0.1', '10.0.0.2') };
  const ask = async () => {
    lookups.push(clock.now());
    return dns.answer();
  };
  const source = dnsNodes('users.internal', {
    resolver: { resolve4: ask, resolve6: ask },
    clock,
    jitter: 0,
    onError: (error) => errors.push(error),
    ...options,
  });
  const balancer = new LoadBalancer(source, { clock, pick: roundRobin(), ...balancerOptions });
  const nodes = () => balancer.nodes.map(({ node, weight }) => (weight === 0 ? `(${node})` : node)).join(' ');
  return { clock, dns, lookups, errors, source, balancer, nodes };
}

function failure(code: string): never {
  throw Object.assign(new Error(code), { code });
}

describe('The times of lookups', () => {
  it('a name is looked up again when the TTL of its first record is over', async () => {
    const { clock, dns, lookups } = followed();
    dns.answer = () => [
      { address: '10.0.0.1', ttl: 60 },
      { address: '10.0.0.2', ttl: 20 },
    ];
    await clock.advance(65_000);
    expect(lookups).toEqual([0, 20_000, 40_000, 60_000]);
  });

  it.each([
    ['a TTL below minTtl', 0, 5000],
    ['a TTL above maxTtl', 86_400, 300_000],
    ['a TTL that is no number', Number.NaN, 30_000],
    ['a negative TTL', -1, 30_000],
  ])('after %s the next lookup is within the bounds', async (_title, ttl, next) => {
    const { clock, dns, lookups } = followed();
    dns.answer = () => [{ address: '10.0.0.1', ttl }];
    await clock.advance(next);
    expect(lookups).toEqual([0, next]);
  });

  it('an answer without TTLs is valid for defaultTtl', async () => {
    const { clock, dns, lookups } = followed({ defaultTtl: '10s' });
    dns.answer = () => ['10.0.0.1'];
    await clock.advance(20_000);
    expect(lookups).toEqual([0, 10_000, 20_000]);
  });

  it('jitter delays lookups and never advances them', async () => {
    const { clock, lookups } = followed({ jitter: 0.5, random: () => 0.5 });
    await clock.advance(74_999);
    expect(lookups).toEqual([0]);
    await clock.advance(1);
    expect(lookups).toEqual([0, 75_000]);
  });

  it('failed lookups are repeated after minTtl, and then less and less often up to maxTtl', async () => {
    const { clock, dns, lookups, errors } = followed({ minTtl: '1s', maxTtl: '5s' });
    dns.answer = () => failure('ESERVFAIL');
    await clock.advance(17_000);
    expect(lookups).toEqual([0, 1000, 3000, 7000, 12_000, 17_000]);
    expect(errors).toHaveLength(6);
    dns.answer = () => a('10.0.0.1');
    await clock.advance(5000);
    dns.answer = () => failure('ESERVFAIL');
    await clock.advance(5000 + 1000);
    expect(lookups.slice(6)).toEqual([22_000, 27_000, 28_000]); // a good answer resets the delay
  });

  it('without a consumer there are no lookups and no timer', async () => {
    const clock = new TestClock();
    const resolve4 = vi.fn(async () => a('10.0.0.1'));
    const source = dnsNodes('x.test', { resolver: { resolve4 }, clock });
    await clock.advance(600_000);
    expect(resolve4).not.toHaveBeenCalled();
    const iterator = source[Symbol.asyncIterator]();
    await iterator.next();
    expect(clock.pendingTimers).toBe(0); // the list has been delivered, and the consumer has not asked for the next one
  });

  it('there is one timer between start and dispose, and none afterwards', async () => {
    const { clock, balancer } = followed({ records: 'A+AAAA' });
    await clock.advance(0);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(300_000);
    expect(clock.pendingTimers).toBe(1);
    balancer[Symbol.dispose]();
    expect(clock.pendingTimers).toBe(0);
  });

  it('the timer does not keep the process alive', async () => {
    const unref = vi.fn();
    const clock = { now: () => 0, setTimeout: () => ({ unref }), clearTimeout: () => {} };
    const answer = defer<Answer>();
    const lists = dnsNodes('x.test', { resolver: { resolve4: () => answer.promise }, clock })[Symbol.asyncIterator]();
    const first = lists.next();
    expect(unref).toHaveBeenCalledTimes(1); // of the timeout
    answer.resolve(a('10.0.0.1'));
    await first;
    void lists.next();
    await settle();
    expect(unref).toHaveBeenCalledTimes(2); // of the pause
  });

  it('two consumers of one source have lookups and memories of their own', async () => {
    const { clock, source, lookups } = followed();
    const other = new LoadBalancer(source, { clock });
    await clock.advance(0);
    expect(lookups).toEqual([0, 0]);
    expect(other.nodes).toHaveLength(2);
  });
});

describe('Slow, empty and failed answers', () => {
  it.each([
    ['fails', () => failure('ESERVFAIL')],
    ['does not exist any more', () => failure('ENOTFOUND')],
    ['has no records any more', () => failure('ENODATA')],
    ['has an empty answer', () => []],
    ['has an answer with unusable records', () => [{ address: '', ttl: 1 }]],
    ['has an answer that is no list', () => null as unknown as Answer],
  ])('the last good list stays when the name %s', async (_title, answer) => {
    const { clock, dns, nodes, errors } = followed({ grace: 0 });
    await clock.advance(0);
    dns.answer = answer;
    await clock.advance(600_000);
    expect(nodes()).toBe('10.0.0.1 10.0.0.2');
    expect(errors.length).toBeGreaterThan(1);
    expect(errors.every((error) => error instanceof Error)).toBe(true);
  });

  it('a lookup that is slower than the timeout has failed, its late answer is ignored, and the next one counts', async () => {
    const { clock, dns, lookups, errors, nodes, balancer } = followed({ timeout: '2s', minTtl: '1s' });
    const late = defer<Answer>();
    dns.answer = () => late.promise;
    await clock.advance(2000);
    expect(errors).toMatchObject([{ code: 'ERR_TIMEOUT', timeoutMs: 2000 }]);
    dns.answer = () => a('10.0.0.2');
    late.resolve(a('10.0.0.1'));
    await clock.advance(999);
    expect(balancer.nodes).toEqual([]);
    await clock.advance(1);
    expect(lookups).toEqual([0, 3000]);
    expect(nodes()).toBe('10.0.0.2');
  });

  it('of two families only the one with an answer changes while the other one fails', async () => {
    const failing = { v6: true };
    const clock = new TestClock();
    const errors: unknown[] = [];
    const resolver = {
      resolve4: vi.fn(async () => a('10.0.0.1')),
      resolve6: async () => (failing.v6 ? failure('ESERVFAIL') : a('2001:db8::1')),
    };
    const options = { records: 'A+AAAA', grace: 0, resolver, clock, jitter: 0 } as const;
    const source = dnsNodes('x.test', { ...options, onError: (error) => errors.push(error) });
    const balancer = new LoadBalancer(source, { clock });
    const nodes = () => balancer.nodes.map(({ node }) => node).join(' ');
    await clock.advance(0);
    expect(nodes()).toBe('10.0.0.1');
    expect(errors).toMatchObject([{ code: 'ESERVFAIL' }]);
    failing.v6 = false;
    await clock.advance(60_000);
    expect(nodes()).toBe('10.0.0.1 2001:db8::1');
    failing.v6 = true;
    resolver.resolve4.mockImplementation(async () => a('10.0.0.9'));
    await clock.advance(60_000);
    expect(nodes()).toBe('10.0.0.9 2001:db8::1');
  });

  it('an onError that throws is reported as uncaught and does not end the lookups', async () => {
    using uncaught = catchUncaught();
    const { clock, dns, nodes } = followed({
      onError: () => {
        throw new Error('from onError');
      },
    });
    dns.answer = () => failure('ESERVFAIL');
    await clock.advance(0);
    dns.answer = () => a('10.0.0.1');
    await clock.advance(5000);
    expect(nodes()).toBe('10.0.0.1');
    expect(uncaught.errors).toMatchObject([{ message: 'from onError' }]);
  });

  it('a toNode that throws keeps the last good list and is reported', async () => {
    let isBroken = false;
    const { clock, dns, nodes, errors } = followed({
      toNode: ({ host }) => {
        if (isBroken) throw new Error('from toNode');
        return host;
      },
    });
    await clock.advance(0);
    isBroken = true;
    dns.answer = () => a('10.0.0.3');
    await clock.advance(60_000);
    expect(nodes()).toBe('10.0.0.1 10.0.0.2');
    expect(errors).toMatchObject([{ message: 'from toNode' }]);
  });
});

describe('Changing answers', () => {
  it('rotated and repeated addresses do not change the list', async () => {
    const { clock, dns, source } = followed();
    const lists = source[Symbol.asyncIterator]();
    dns.answer = () => a('10.0.0.2', '10.0.0.1', '10.0.0.2');
    expect((await lists.next()).value).toEqual([
      { node: '10.0.0.1', weight: 1, priority: 0 },
      { node: '10.0.0.2', weight: 1, priority: 0 },
    ]);
    const next = watch(lists.next());
    dns.answer = () => a('10.0.0.1', '10.0.0.2');
    await clock.advance(600_000);
    expect(next.state).toBe('pending');
  });

  it('a node that is missing for less than the grace gets no calls and keeps its counters and its ejection', async () => {
    const { clock, dns, balancer, nodes } = followed(
      { grace: '2m' },
      { outlier: { consecutiveFailures: 1, ejectFor: '1h' } },
    );
    await clock.advance(0);
    const lease = balancer.acquire();
    expect(lease.node).toBe('10.0.0.1');
    lease.release({ ok: false, error: new Error('down') });
    dns.answer = () => a('10.0.0.2');
    await clock.advance(60_000);
    expect(nodes()).toBe('(10.0.0.1) 10.0.0.2');
    for (let call = 0; call < 10; call++) expect(balancer.acquire().node).toBe('10.0.0.2');
    dns.answer = () => a('10.0.0.1', '10.0.0.2');
    await clock.advance(60_000);
    expect(balancer.nodes[0]).toMatchObject({ node: '10.0.0.1', weight: 1, health: 'ejected', failures: 1, picks: 1 });
  });

  it('a node that is missing for the whole grace is removed with the next answer', async () => {
    const { clock, dns, nodes } = followed({ grace: '90s' });
    await clock.advance(0);
    dns.answer = () => a('10.0.0.2');
    await clock.advance(60_000);
    expect(nodes()).toBe('(10.0.0.1) 10.0.0.2');
    await clock.advance(60_000);
    expect(nodes()).toBe('(10.0.0.1) 10.0.0.2'); // missing since 60 s
    await clock.advance(60_000);
    expect(nodes()).toBe('10.0.0.2');
  });

  it('grace: 0 removes a missing node immediately', async () => {
    const { clock, dns, nodes } = followed({ grace: 0 });
    await clock.advance(0);
    dns.answer = () => a('10.0.0.2');
    await clock.advance(60_000);
    expect(nodes()).toBe('10.0.0.2');
  });

  it('ten thousand addresses become ten thousand nodes, and a changed one is exchanged', async () => {
    const { clock, dns, balancer } = followed({ grace: 0 });
    const addresses = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    dns.answer = () => a(...addresses);
    await clock.advance(0);
    expect(balancer.nodes).toHaveLength(10_000);
    dns.answer = () => a(...addresses.slice(1), '10.9.9.9');
    await clock.advance(60_000);
    const names = new Set(balancer.nodes.map(({ node }) => node));
    expect(names.size).toBe(10_000);
    expect([names.has('10.9.9.9'), names.has('10.0.0.0')]).toEqual([true, false]);
  });
});

describe('The nodes of records', () => {
  async function srvNodes(records: readonly (readonly [string, number, number, number])[]) {
    const answer = records.map(([name, port, priority, weight]) => ({ name, port, priority, weight }));
    const resolver = { resolveSrv: async () => answer };
    const iterator = dnsNodes('_http._tcp.x.test', { records: 'SRV', resolver })[Symbol.asyncIterator]();
    return (await iterator.next()).value;
  }

  it('SRV records of weight 0 share a weight of 1 with those of their priority', async () => {
    expect(
      await srvNodes([
        ['a.test', 80, 0, 9],
        ['b.test', 80, 0, 0],
        ['c.test', 80, 0, 0],
        ['d.test', 80, 1, 0],
        ['e.test', 80, 1, 0],
      ]),
    ).toEqual([
      { node: 'a.test:80', weight: 9, priority: 0 },
      { node: 'b.test:80', weight: 0.5, priority: 0 },
      { node: 'c.test:80', weight: 0.5, priority: 0 },
      { node: 'd.test:80', weight: 0.5, priority: 1 },
      { node: 'e.test:80', weight: 0.5, priority: 1 },
    ]);
  });

  it('repeated SRV targets count with the preferred priority and the sum of its weights', async () => {
    expect(
      await srvNodes([
        ['a.test', 80, 1, 7],
        ['A.test.', 80, 0, 1],
        ['a.test', 80, 0, 2],
        ['a.test', 81, 2, 5],
        ['a.test', 80, 3, 100],
      ]),
    ).toEqual([
      { node: 'a.test:80', weight: 3, priority: 0 },
      { node: 'a.test:81', weight: 5, priority: 2 },
    ]);
  });

  it('the SRV target "." and records with invalid numbers are skipped', async () => {
    expect(
      await srvNodes([
        ['.', 0, 0, 0],
        ['', 80, 0, 1],
        ['a.test', 65_536, 0, 1],
        ['b.test', 80, -1, 1],
        ['c.test', 80, 0, 1.5],
        ['d.test', 80, 0, 1],
      ]),
    ).toEqual([{ node: 'd.test:80', weight: 1, priority: 0 }]);
  });

  it('toNode receives the record, and the weight, zone and priority that it returns have precedence', async () => {
    const { clock, balancer } = followed({
      port: 8080,
      toNode: ({ host, authority, port }) => ({
        node: `http://${authority}`,
        zone: host === '10.0.0.1' ? 'eu-1' : 'eu-2',
        priority: port === 8080 && host !== '10.0.0.1' ? 1 : undefined,
        weight: host === '10.0.0.1' ? 3 : undefined,
      }),
    });
    await clock.advance(0);
    expect(balancer.nodes).toMatchObject([
      { node: 'http://10.0.0.1:8080', weight: 3, zone: 'eu-1', priority: 0 },
      { node: 'http://10.0.0.2:8080', weight: 1, zone: 'eu-2', priority: 1 },
    ]);
  });
});

describe('Dispose', () => {
  it('dispose while a lookup is running ends the source, and its answer is ignored', async () => {
    using uncaught = catchUncaught();
    const { clock, dns, balancer, lookups } = followed();
    const answer = defer<Answer>();
    dns.answer = () => answer.promise;
    await clock.advance(0);
    balancer[Symbol.dispose]();
    answer.resolve(a('10.0.0.1'));
    await settle();
    await clock.advance(600_000);
    expect(balancer.nodes).toEqual([]);
    expect(lookups).toEqual([0]);
    expect(clock.pendingTimers).toBe(0);
    expect(uncaught).toMatchObject({ errors: [], rejections: [] });
  });

  it('a lookup that fails after dispose is neither reported nor an unhandled rejection', async () => {
    using uncaught = catchUncaught();
    const { clock, dns, balancer, errors } = followed();
    const answer = defer<Answer>();
    dns.answer = () => answer.promise;
    await clock.advance(0);
    balancer[Symbol.dispose]();
    answer.reject(new Error('too late'));
    await settle();
    expect(errors).toEqual([]);
    expect(uncaught).toMatchObject({ errors: [], rejections: [] });
  });
});

describe('Invalid options of dnsNodes', () => {
  const resolver = { resolve4: async () => [] };
  it.each<[string, unknown, unknown]>([
    ['host', '', {}],
    ['host', undefined, {}],
    ['records', 'x.test', { records: 'MX' }],
    ['port', 'x.test', { port: 0 }],
    ['port', 'x.test', { port: 65_536 }],
    ['port', 'x.test', { records: 'SRV', port: 80 }],
    ['toNode', 'x.test', { toNode: 'http' }],
    ['minTtl', 'x.test', { minTtl: 0 }],
    ['maxTtl', 'x.test', { minTtl: '10s', maxTtl: '9s' }],
    ['defaultTtl', 'x.test', { defaultTtl: 'soon' }],
    ['jitter', 'x.test', { jitter: 1.1 }],
    ['timeout', 'x.test', { timeout: 0 }],
    ['grace', 'x.test', { grace: -1 }],
    ['onError', 'x.test', { onError: true }],
    ['resolver', 'x.test', { resolver: {} }],
    ['resolver', 'x.test', { records: 'A+AAAA', resolver }],
    ['resolver', 'x.test', { records: 'SRV', resolver }],
    ['clock', 'x.test', { clock: {} }],
    ['random', 'x.test', { random: 1 }],
    ['ttl', 'x.test', { ttl: 1 }],
  ])('an invalid %s is rejected at construction', (option, host, options) => {
    expect(() => dnsNodes(host as string, options as DnsNodesOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', owner: 'dnsNodes', option }),
    );
  });
});
