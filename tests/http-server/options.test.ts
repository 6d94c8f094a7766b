import { InvalidOptionError } from 'breakwater/core';
import { rateLimitHandler, rateLimitMiddleware } from 'breakwater/http-server';
import { TokenBucket } from 'breakwater/rate-limit';
import { describe, expect, it } from 'vitest';
import { FakeLimiter } from './fake-limiter.js';

const limiter = new FakeLimiter();
const { tryAcquire, peek } = limiter;
const key = () => 'k';
const f = () => true;

/** Options that both functions reject, and the message after the name of the function. */
const bad: readonly [options: object, message: string][] = [
  [{ limiter: undefined }, '"limiter" must be an object with tryAcquire, got undefined'],
  [{ limiter: f }, '"limiter" must be an object with tryAcquire, got a function'],
  [
    { limiter: new TokenBucket({ capacity: 1, refill: 1, per: 1 }) },
    '"limiter" must be keyed by client: new KeyedRateLimiter(() => limiter)',
  ],
  [{ limiter: { peek } }, '"limiter" must be an object with tryAcquire, got an object'],
  [
    { limiter: { tryAcquire, peek }, refundWhen: f },
    '"limiter" must be an object with tryAcquire, reserve, got an object',
  ],
  [{ key: 'ip' }, '"key" must be a function, got "ip"'],
  [{ key, trustProxy: 1 }, '"trustProxy" has no effect beside "key", got 1'],
  [{ key, ipv6Prefix: 64 }, '"ipv6Prefix" has no effect beside "key", got 64'],
  [{ onMissingKey: 'allow' }, `"onMissingKey" must be one of 'share', 'skip', 'reject', got "allow"`],
  [{ cost: -1 }, '"cost" must be an integer ≥ 0, got -1'],
  [{ cost: 1.5 }, '"cost" must be an integer ≥ 0, got 1.5'],
  [{ cost: Number.NaN }, '"cost" must be an integer ≥ 0, got NaN'],
  [{ cost: '1' }, '"cost" must be an integer ≥ 0, got "1"'],
  [{ cost: null }, '"cost" must be an integer ≥ 0, got null'],
  [{ skip: true }, '"skip" must be a function, got true'],
  [{ headers: true }, `"headers" must be one of 'x-ratelimit', 'draft-6', 'draft-7', 'draft-8', 'draft-10', got true`],
  [
    { headers: 'draft-9' },
    `"headers" must be one of 'x-ratelimit', 'draft-6', 'draft-7', 'draft-8', 'draft-10', got "draft-9"`,
  ],
  [{ headers: ['x-ratelimit', 5] }, '"headers" must be one of'],
  [
    { headers: ['draft-6', 'draft-10'] },
    '"headers" must not contain two drafts, because their fields have the same names, got an array',
  ],
  [{ headers: ['draft-7', 'draft-7'] }, '"headers" must not contain two drafts'],
  [{ name: '' }, '"name" must be non-empty printable ASCII, got ""'],
  [{ name: 'né' }, '"name" must be non-empty printable ASCII, got "né"'],
  [{ name: 5 }, '"name" must be non-empty printable ASCII, got 5'],
  [{ window: 0 }, '"window" must be milliseconds or a string'],
  [{ window: 'soon' }, '"window" must be milliseconds or a string'],
  [{ policies: [] }, '"policies" must be a non-empty array, got an array'],
  [{ policies: {} }, '"policies" must be a non-empty array, got an object'],
  [{ policies: [{ name: 'a' }, {}] }, '"policies[1].name" must be non-empty printable ASCII, got undefined'],
  [{ policies: [{ name: 'a', window: -1 }] }, '"policies[0].window" must be milliseconds'],
  [{ policies: [{ nam: 'a' }] }, '"policies[0].nam" is unknown (did you mean "name"?), got "a"'],
  [{ policies: ['a'] }, '"policies[0]" must be an object, got "a"'],
  [{ policies: [{ name: 'a' }], name: 'b' }, '"name" has no effect beside "policies", got "b"'],
  [{ policies: [{ name: 'a' }], window: 5 }, '"window" has no effect beside "policies", got 5'],
  [{ partitionKey: 'k' }, '"partitionKey" must be a function, got "k"'],
  [{ mode: 'dry-run' }, `"mode" must be one of 'enforce', 'observe', got "dry-run"`],
  [{ refundWhen: true }, '"refundWhen" must be a function, got true'],
  [{ statusCode: 399 }, '"statusCode" must be an integer ≥ 400 and at most 599, got 399'],
  [{ statusCode: 600 }, '"statusCode" must be an integer ≥ 400 and at most 599, got 600'],
  [{ statusCode: '429' }, '"statusCode" must be an integer'],
  [{ message: { error: 'x' } }, '"message" must be a string, got an object'],
  [{ on: { refuse: f } }, '"on.refuse" is unknown (did you mean "refund"?), got a function'],
  [{ on: { reject: 5 } }, '"on.reject" must be a function, got 5'],
  [{ on: f }, '"on" must be an object, got a function'],
  [{ onRefused: 'x' }, '"onRefused" must be a function, got "x"'],
  [{ limit: 5 }, '"limit" has no effect beside "limiter", got 5'],
  [{ windowMs: 60_000 }, '"windowMs" is unknown (did you mean "window"?), got 60000'],
];

describe('invalid options are rejected at construction', () => {
  it.each(bad)('rateLimitMiddleware and rateLimitHandler reject the options %j', (options, message) => {
    const middleware = () => rateLimitMiddleware({ limiter, ...options });
    const handler = () =>
      rateLimitHandler({ limiter, ...('key' in options ? {} : { address: () => '::1' }), ...options });
    expect(middleware).toThrow(InvalidOptionError);
    expect(middleware).toThrow(`rateLimitMiddleware: ${message}`);
    expect(handler).toThrow(InvalidOptionError);
    expect(handler).toThrow(`rateLimitHandler: ${message}`);
  });

  it.each([undefined, null, 5, []])('rateLimitMiddleware and rateLimitHandler reject %j as options', (options) => {
    expect(() => rateLimitMiddleware(options as never)).toThrow(InvalidOptionError);
    expect(() => rateLimitHandler(options as never)).toThrow(InvalidOptionError);
  });

  it('A trustProxy of true is rejected with alternatives', () => {
    expect(() => rateLimitMiddleware({ limiter, trustProxy: true as never })).toThrow(
      'rateLimitMiddleware: "trustProxy" must not be true, because any client could then choose its own address; use the ' +
        'number of proxies (an integer ≥ 1), or a list of their addresses and networks, got true',
    );
    expect(() => rateLimitHandler({ limiter, address: () => '::1', trustProxy: true as never })).toThrow(
      'must not be true',
    );
  });

  it('A handler without exactly one of address and key is rejected', () => {
    expect(() => rateLimitHandler({ limiter })).toThrow(
      'rateLimitHandler: "address" must be a function, unless there is a "key", got undefined',
    );
    expect(() => rateLimitHandler({ limiter, address: '::1' as never })).toThrow('"address" must be a function');
    expect(() => rateLimitHandler({ limiter, key, address: () => '::1' })).toThrow(
      '"address" has no effect beside "key"',
    );
    expect(() => rateLimitMiddleware({ limiter, address: f } as never)).toThrow('"address" is unknown');
  });
});

it('Undefined options count as absent, and options are read once', () => {
  const names = [
    'key',
    'trustProxy',
    'ipv6Prefix',
    'onMissingKey',
    'cost',
    'skip',
    'headers',
    'name',
    'window',
    'policies',
  ];
  const more = ['partitionKey', 'mode', 'refundWhen', 'statusCode', 'message', 'on', 'onRefused'];
  const undefineds = Object.fromEntries([...names, ...more].map((name) => [name, undefined]));
  expect(() => rateLimitMiddleware({ limiter, ...undefineds })).not.toThrow();
  const options = { limiter, headers: ['draft-6'] as ('draft-6' | 'draft-10')[] };
  rateLimitMiddleware(options);
  options.headers.push('draft-10');
  expect(() => rateLimitMiddleware(options)).toThrow(InvalidOptionError);
});
