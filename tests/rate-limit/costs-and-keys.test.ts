import { InvalidOptionError } from 'breakwater';
import { KeyedRateLimiter, type RateLimiter } from 'breakwater/rate-limit';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { LIMITERS } from './limiters.js';

describe.each(LIMITERS)('%s', (name, make) => {
  const setUp = () => make({ size: 5, per: '1m' }, new ManualClock());
  const keyed = () => new KeyedRateLimiter(setUp);

  /** Expects that each method rejects the cost, naming limiter and option, and takes no tokens. */
  async function expectRejected(cost: never): Promise<void> {
    const limiter: RateLimiter = setUp();
    const message = `${name}: "cost" must be an integer ≥ 0`;
    expect(() => limiter.tryAcquire(cost)).toThrow(message);
    expect(() => limiter.peek(cost)).toThrow(message);
    expect(() => limiter.refund(cost)).toThrow(message);
    expect(() => limiter.reserve({ cost })).toThrow(message);
    await expect(limiter.acquire({ cost })).rejects.toThrow(message);
    expect(() => keyed().tryAcquire('a', cost)).toThrow(InvalidOptionError);
    expect(limiter.peek()).toMatchObject({ remaining: 5, resetAfterMs: 0 });
  }

  it('NaN is rejected as a cost', () => expectRejected(Number.NaN as never));
  it('-1 is rejected as a cost', () => expectRejected(-1 as never));
  it('A cost of 0 is allowed and takes no token', () => {
    expect(setUp().tryAcquire(0)).toMatchObject({ allowed: true, remaining: 5, resetAfterMs: 0 });
  });
  it('1.5 is rejected as a cost', () => expectRejected(1.5 as never));
  it('Infinity, 2**53 and values of other types are rejected as a cost', async () => {
    await expectRejected(Infinity as never);
    await expectRejected((2 ** 53) as never);
    for (const cost of ['2', null, {}, 1n, true]) await expectRejected(cost as never);
  });
  it('A cost above the limit fails at once with RangeError', async () => {
    expect(() => setUp().tryAcquire(6)).toThrow(RangeError);
    await expect(setUp().acquire({ cost: 6 })).rejects.toThrow(RangeError);
  });
  it("NaN, '2', null, 1.5 and 2**53 are rejected as a limit", () => {
    for (const size of [Number.NaN, '2', null, 1.5, -1, Infinity, 2 ** 53]) {
      expect(() => make({ size: size as never, flow: 1, per: 1 })).toThrow(InvalidOptionError);
    }
  });
  it('0 is rejected as a limit, because nothing could ever pass', () => {
    expect(() => make({ size: 0, flow: 1, per: 1 })).toThrow(InvalidOptionError);
    if (name.endsWith('Bucket')) expect(() => make({ size: 1, flow: 0, per: 1 })).toThrow(InvalidOptionError);
  });
  it('0 and other invalid durations are rejected as a period', () => {
    for (const per of [0, -1, Number.NaN, Infinity, '5', '5x', null, new Date(), 2 ** 53, '365000000d']) {
      expect(() => make({ size: 1, per: per as never })).toThrow(`${name}: "per"`);
    }
  });
  it('A rate that is indistinguishable from 0 is rejected', () => {
    if (!name.endsWith('Bucket')) return;
    for (const flow of [Number.NaN, -1, Infinity, '1', null, 5e-324]) {
      expect(() => make({ size: 1, flow: flow as never, per: '1s' })).toThrow(InvalidOptionError);
    }
  });
  it('Undefined, null, objects, NaN and symbols are rejected as a key', async () => {
    for (const key of [undefined, null, {}, Number.NaN, Symbol('a'), 1]) {
      const limiter = keyed();
      for (const act of [
        () => limiter.tryAcquire(key as never),
        () => limiter.peek(key as never),
        () => limiter.reserve(key as never),
        () => limiter.refund(key as never, 1),
        () => limiter.reconfigure(key as never, {}),
        () => limiter.delete(key as never),
      ]) {
        expect(act).toThrow('KeyedRateLimiter: "key" must be a string');
      }
      await expect(limiter.acquire(key as never)).rejects.toThrow(InvalidOptionError);
      expect(limiter.size).toBe(0);
    }
  });
  it('Unusual strings are ordinary keys', () => {
    const unusual = [
      '',
      'x'.repeat(2 ** 20),
      '\r\n',
      '\0',
      '\ud800',
      '{tag}',
      '__proto__',
      'constructor',
      'hasOwnProperty',
    ];
    const limiter = keyed();
    for (const key of unusual) expect(limiter.tryAcquire(key)).toMatchObject({ allowed: true, remaining: 4 });
    for (const key of unusual) expect(limiter.tryAcquire(key).remaining).toBe(3);
    expect(limiter.size).toBe(unusual.length);
  });
  it('Keys are compared exactly, so prefixes do not collide', () => {
    const limiter = keyed();
    for (const key of ['a:b:c', 'a:b', 'a', 'a:', 'A']) expect(limiter.tryAcquire(key).remaining).toBe(4);
  });
});
