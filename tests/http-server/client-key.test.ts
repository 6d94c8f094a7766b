import { isIP } from 'node:net';
import { InvalidOptionError } from 'breakwater/core';
import { clientKey } from 'breakwater/http-server';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../support/runs.js';

const whole = clientKey({ ipv6Prefix: 128 });

describe('addresses', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '192.0.2.1'], // behind a NAT64 translator, where IPv4 clients stay distinct
    ['2001:db8:1:2ff:3:4:5:6', '2001:db8:1:200::/56'],
    ['2001:DB8:0001:0200::', '2001:db8:1:200::/56'],
    ['2001:db8::', '2001:db8::/56'],
    ['fe80::1%eth0', 'fe80::/56'],
    ['::1', '::/56'],
    ['::', '::/56'],
  ])('The address %s has the key %s', (address, key) => {
    expect(clientKey()(address)).toBe(key);
  });

  it.each([
    ...[
      '',
      ' ',
      'localhost',
      '1.2.3',
      '1.2.3.4.5',
      '1.2.3.256',
      '01.2.3.4',
      '1.2.3.4 ',
      '0x1.2.3.4',
      '1.2.3.-4',
      '1.2.3.4/8',
    ],
    ...[
      '1::2::3',
      ':1',
      '1:',
      ':::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7::8:9',
      '1:2:3:4:5:6:7:8::',
      '::1:2:3:4:5:6:7:8',
      '1:2:3:4::5:6:7:8',
      '12345::',
      'g::',
      '::1.2.3.4.5',
    ],
    ...['1.2.3.4::', '::1.2.3.4:5', '[::1]', '::1%', '%eth0', 'unknown', '٣.1.1.1'],
  ])('The text "%s" is not an address', (text) => {
    expect(clientKey()(text)).toBeUndefined();
  });

  it.each([
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4'],
    ['1:0:0:2:0:0:0:4', '1:0:0:2::4'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['0:0:1::', '0:0:1::'],
  ])('The address %s has the key %s in the format of RFC 5952', (address, key) => {
    expect(whole(address)).toBe(key);
  });

  it('An overlong text is not an address', () => {
    for (const text of [`::1%${'a'.repeat(1000)}`, '1:'.repeat(1e6), '1'.repeat(1e6)]) {
      expect(clientKey()(text) === undefined).toBe(true);
    }
  });

  it('A missing address has no key', () => {
    expect(clientKey()(undefined)).toBeUndefined();
    expect(clientKey()(undefined, '192.0.2.1')).toBeUndefined();
  });

  it('A text is an address if Node accepts it, and its key is in the format of URLs', () => {
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc
        .array(fc.constantFrom('0', '1', 'ffff', ':', '::', '.', '255', '256', 'a', 'g', '%', '00', '1.2.3.4'), {
          maxLength: 17,
        })
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (address) => {
        const kind = address.includes('%') && !/%[^%]/.test(address) ? 0 : isIP(address);
        const key = whole(address);
        if (address.includes('%')) return;
        expect(key !== undefined, address).toBe(kind !== 0);
        if (kind === 0 || key === undefined) return;
        const canonical = kind === 4 ? address : new URL(`http://[${address}]`).hostname.slice(1, -1);
        const isMapped =
          /^(?:::ffff|64:ff9b:):[0-9a-f]{1,4}:[0-9a-f]{1,4}$/.test(canonical) || /^64:ff9b::/.test(canonical);
        if (isMapped) expect(isIP(key)).not.toBe(0);
        else expect(key).toBe(canonical);
      }),
      { numRuns: runs(20_000) },
    );
  });
});

describe('ipv6Prefix', () => {
  it.each([
    [32, '2001:db8::/32'],
    [48, '2001:db8:1::/48'],
    [56, '2001:db8:1:200::/56'],
    [64, '2001:db8:1:2ff::/64'],
    [127, '2001:db8:1:2ff:3:4:5:6/127'],
    [128, '2001:db8:1:2ff:3:4:5:7'],
  ])('An ipv6Prefix of %i leads to the key %s', (ipv6Prefix, key) => {
    expect(clientKey({ ipv6Prefix })('2001:db8:1:2ff:3:4:5:7')).toBe(key);
    expect(clientKey({ ipv6Prefix })('192.0.2.1')).toBe('192.0.2.1');
  });

  it('Addresses have equal keys exactly if they share the prefix', () => {
    const address = fc.bigInt({ min: 1n << 125n, max: (1n << 126n) - 1n });
    const text = (value: bigint) => (value.toString(16).padStart(32, '0').match(/.{4}/g) as string[]).join(':');
    fc.assert(
      fc.property(address, address, fc.integer({ min: 32, max: 128 }), (one, random, ipv6Prefix) => {
        const key = clientKey({ ipv6Prefix });
        const hostBits = BigInt(128 - ipv6Prefix);
        const neighbour = ((one >> hostBits) << hostBits) | (random & ((1n << hostBits) - 1n));
        expect(key(text(neighbour))).toBe(key(text(one)));
        expect(key(text(one ^ (1n << hostBits)))).not.toBe(key(text(one)));
      }),
      { numRuns: runs(2000) },
    );
  });
});

describe('trustProxy', () => {
  const forwarded = '203.0.113.9, 198.51.100.7, 10.0.0.2';

  it('X-Forwarded-For is ignored by default', () => {
    expect(clientKey()('10.0.0.1', forwarded)).toBe('10.0.0.1');
    expect(clientKey({ trustProxy: false })('10.0.0.1', forwarded)).toBe('10.0.0.1');
  });

  it.each([
    [1, '10.0.0.2'],
    [2, '198.51.100.7'],
    [3, '203.0.113.9'],
    [9, '203.0.113.9'], // fewer entries than proxies
  ])('A trustProxy of %i leads to the client address %s', (trustProxy, key) => {
    expect(clientKey({ trustProxy })('10.0.0.1', forwarded)).toBe(key);
    expect(clientKey({ trustProxy })('10.0.0.1')).toBe('10.0.0.1');
    expect(clientKey({ trustProxy })('10.0.0.1', '')).toBe('10.0.0.1');
  });

  it('A proxy on a Unix socket without an address is trusted by number but not by list', () => {
    expect(clientKey({ trustProxy: 1 })(undefined, '192.0.2.1')).toBe('192.0.2.1');
    expect(clientKey({ trustProxy: ['10.0.0.0/8'] })(undefined, '192.0.2.1')).toBeUndefined();
  });

  it.each([
    [['10.0.0.0/8'], '198.51.100.7'],
    [['10.0.0.0/8', '198.51.100.0/24'], '203.0.113.9'],
    [['10.0.0.1'], '10.0.0.2'],
    [['10.0.0.1/32', '10.0.0.2'], '198.51.100.7'],
    [['192.168.0.0/16'], '10.0.0.1'], // the peer itself is not trusted
    [['10.0.0.0/8', '198.51.100.7', '203.0.113.9'], '203.0.113.9'], // all are trusted: the farthest one
    [['::ffff:10.0.0.0/104'], '198.51.100.7'],
    [['2001:db8::/32', '10.0.0.0/30'], '198.51.100.7'],
  ])('A trustProxy of %j leads to the client address %s', (trustProxy, key) => {
    expect(clientKey({ trustProxy })('10.0.0.1', forwarded)).toBe(key);
    expect(clientKey({ trustProxy })('::ffff:10.0.0.1', forwarded)).toBe(key);
    expect(clientKey({ trustProxy })('10.0.0.1', forwarded.split(', '))).toBe(key);
  });

  it('Proxies may be trusted by IPv6 network', () => {
    const key = clientKey({ trustProxy: ['2001:db8::/32'], ipv6Prefix: 64 });
    expect(key('2001:db8:ffff::1', '2001:db9::1')).toBe('2001:db9::/64');
    expect(key('2001:db7::1', '192.0.2.1')).toBe('2001:db7::/64');
  });

  it.each([
    ['192.0.2.1:5123', '192.0.2.1'],
    ['[2001:db8::1]:443', '2001:db8::/56'],
    ['[2001:db8::1]', '2001:db8::/56'],
    [' 192.0.2.1 ', '192.0.2.1'],
    ['unknown', undefined],
    ['_hidden', undefined],
    ['"192.0.2.1"', undefined],
    ['evil, ', undefined],
    ['192.0.2.1:port', undefined],
  ])('The X-Forwarded-For value %j leads to the key %s', (header, key) => {
    expect(clientKey({ trustProxy: 1 })('10.0.0.1', header)).toBe(key);
  });

  it('A client cannot choose its key by entries left of those of the proxies', () => {
    const lies = fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string({ unit: 'grapheme-ascii' })), { maxLength: 5 });
    const [hops, list] = [clientKey({ trustProxy: 2 }), clientKey({ trustProxy: ['10.0.0.0/8'] })];
    fc.assert(
      fc.property(lies, (written) => {
        const header = [...written, '192.0.2.1', '10.0.0.2'].join(', ');
        expect(hops('10.0.0.1', header)).toBe('192.0.2.1');
        expect(list('10.0.0.1', header)).toBe('192.0.2.1');
      }),
      { numRuns: runs(2000) },
    );
  });

  it('A header of 100,000 trusted proxies is read within two seconds', () => {
    const key = clientKey({ trustProxy: ['10.0.0.0/8'] });
    const start = process.cpuUsage();
    expect(key('10.0.0.1', `192.0.2.1${', 10.0.0.2'.repeat(100_000)}`)).toBe('192.0.2.1');
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000).toBeLessThan(2000);
  });
});

it.each([
  [['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16']],
  [['fc00::/7', 'fe80::/10', 'fec0::/10', '::1', 'ff00::/8']],
  [['::ffff:10.0.0.0/104', '64:ff9b::10.0.0.0/104', '2002:a00::/24']],
  // Some of the widest ranges of clouds.
  [['3.0.0.0/9', '13.32.0.0/12', '18.128.0.0/9', '34.64.0.0/10', '35.184.0.0/13', '52.0.0.0/10', '104.16.0.0/13']],
  [['2600:1f00::/24', '2603:1000::/24', '2600:1900::/28', '2606:4700::/32', '2a05:d000::/25', '2400:cb00::/32']],
  [Array.from({ length: 32 }, (_, n) => `${2 * n}.0.0.0/8`)],
  [Array.from({ length: 100 }, () => '64.0.0.0/4')], // the same network 100 times
])('Networks like %j may be trusted', (trustProxy) => {
  expect(clientKey({ trustProxy })('203.0.113.9', '198.51.100.7')).toBe('203.0.113.9');
});

it('A trusted NAT64 network includes its IPv4 network', () => {
  const key = clientKey({ trustProxy: ['64:ff9b::10.0.0.0/104'] });
  expect([key('10.1.2.3', '192.0.2.1'), key('64:ff9b::10.1.2.3', '192.0.2.1')]).toEqual(['192.0.2.1', '192.0.2.1']);
  expect([key('11.1.2.3', '192.0.2.1'), key('::1', '192.0.2.1')]).toEqual(['11.1.2.3', '::/56']);
});

describe('invalid options', () => {
  it.each<[unknown, string]>([
    [{ trustProxy: true }, '"trustProxy" must not be true, because any client could then choose its own address'],
    [{ trustProxy: 0 }, '"trustProxy" must be an integer ≥ 1, got 0'],
    [{ trustProxy: 1.5 }, '"trustProxy" must be an integer ≥ 1, got 1.5'],
    [{ trustProxy: Infinity }, '"trustProxy" must be an integer ≥ 1, got Infinity'],
    [{ trustProxy: 'loopback' }, '"trustProxy" must be false, the number of proxies'],
    [{ trustProxy: null }, '"trustProxy" must be false, the number of proxies'],
    [{ trustProxy: [] }, '"trustProxy" must be false, the number of proxies'],
    [
      { trustProxy: ['10.0.0.0/8', 'proxy'] },
      '"trustProxy[1]" must be an address, or a network like 10.0.0.0/8, got "proxy"',
    ],
    [{ trustProxy: ['10.0.0.0/33'] }, '"trustProxy[0]" must be an address, or a network'],
    [{ trustProxy: ['::1/129'] }, '"trustProxy[0]" must be an address, or a network'],
    [{ trustProxy: ['10.0.0.0/8/8'] }, '"trustProxy[0]" must be an address, or a network'],
    [{ trustProxy: ['10.0.0.0/'] }, '"trustProxy[0]" must be an address, or a network'],
    [{ trustProxy: [10] }, '"trustProxy[0]" must be an address, or a network'],
    [{ trustProxy: ['0.0.0.0/0'] }, '"trustProxy[0]" must not cover a large part of the internet, got "0.0.0.0/0"'],
    [{ trustProxy: ['::/0'] }, '"trustProxy[0]" must not cover a large part of the internet, got "::/0"'],
    [
      { trustProxy: ['0.0.0.0/1', '128.0.0.0/1'] },
      '"trustProxy[0]" must not cover a large part of the internet, got "0.0.0.0/1"',
    ],
    [
      { trustProxy: ['10.0.0.0/8', '0.0.0.0/3', '32.0.0.0/8'] },
      '"trustProxy" must not cover a large part of the internet with all networks together, got an array',
    ],
    [
      { trustProxy: Array.from({ length: 33 }, (_, n) => `${n}.0.0.0/8`) },
      '"trustProxy" must not cover a large part of the internet with all networks together',
    ],
    [
      { trustProxy: ['2600::/13', '2608::/13'] },
      '"trustProxy" must not cover a large part of the internet with all networks together',
    ],
    [
      { trustProxy: ['::ffff:0.0.0.0/99', '::ffff:32.0.0.0/104'] },
      '"trustProxy" must not cover a large part of the internet',
    ],
    [
      { trustProxy: ['2002::/19', '64:ff9b::32.0.0.0/104'] },
      '"trustProxy" must not cover a large part of the internet',
    ],
    ...[
      ...['0.0.0.0/2', '128.0.0.0/1', '::/1', '8000::/1', '::/8', '::/79', '::/80', '::/96', '4000::/2', 'e000::/5'],
      ...['::ffff:0:0/96', '::ffff:0.0.0.0/96', '::ffff:0:0/98', '::ffff:0:0:0/96', '::fffe:0:0/95'],
      ...['64:ff9b::/96', '64:ff9b::/97', '64:ff9b::/64', '64:ff9b::/32', '64::/16', '64:ff9b:1::/48', '64:ff9b::/47'],
      ...['2001::/32', '2001::/31', '2001::/16', '2001:0:53aa:64c::/64', '2002::/16', '2002::/18', '2002:8000::/17'],
      ...['2000::/3', '2000::/4', '2400::/6', '2600::/7', '2600::/12', '3000::/4'],
    ].map((entry): [unknown, string] => [
      { trustProxy: ['10.0.0.1', entry] },
      `"trustProxy[1]" must not cover a large part of the internet, got "${entry}"`,
    ]),
    [{ ipv6Prefix: 31 }, '"ipv6Prefix" must be an integer ≥ 32 and at most 128, got 31'],
    [{ ipv6Prefix: 129 }, '"ipv6Prefix" must be an integer ≥ 32 and at most 128, got 129'],
    [{ ipv6Prefix: '56' }, '"ipv6Prefix" must be an integer'],
    [{ ipv6Prefix: Number.NaN }, '"ipv6Prefix" must be an integer'],
    [{ trustproxy: 1 }, '"trustproxy" is unknown (did you mean "trustProxy"?)'],
    [null, '"options" must be an object'],
  ])('clientKey rejects the options %j', (options, message) => {
    expect(() => clientKey(options as never)).toThrow(InvalidOptionError);
    expect(() => clientKey(options as never)).toThrow(`clientKey: ${message}`);
  });
});
