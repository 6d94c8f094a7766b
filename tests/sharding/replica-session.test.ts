import { type ReplicaSessionToken, replicaRouter } from 'breakwater/sharding';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

/** Two processes with the same nodes, whose clocks started at different times. */
function twoRouters() {
  const clocks = [new TestClock(), new TestClock()];
  const starts = [1_800_000_000_000, 1_800_000_500_000];
  return clocks.map((clock, i) => ({
    clock,
    router: replicaRouter({
      primary: 'p',
      replicas: ['r'],
      clock,
      wallClock: () => (starts[i] as number) + clock.now(),
    }),
  })) as [Process, Process];
}

interface Process {
  readonly clock: TestClock;
  readonly router: ReturnType<typeof replicaRouter>;
}

const carried = (session: { toJSON(): ReplicaSessionToken }) =>
  JSON.parse(JSON.stringify(session)) as ReplicaSessionToken;

describe('A session', () => {
  it('a new session serializes to empty data', () => {
    const [{ router }] = twoRouters();
    expect(carried(router.session())).toEqual({ version: 1 });
    expect(carried(router.session({ version: 1, wrote: undefined, read: {} }))).toEqual({ version: 1 });
  });

  it('a restored session keeps the positions of its writes and reads', () => {
    const [one, other] = twoRouters();
    const session = one.router.session();
    session.wrote(one.router.forWrite(), 2n ** 63n);
    session.read(one.router.forRead(), 7);
    const token = carried(session);
    expect(token).toEqual({
      version: 1,
      wrote: { epoch: 1, position: '9223372036854775808' },
      read: { epoch: 1, position: '7' },
    });
    const restored = other.router.session(token);
    expect(carried(restored)).toEqual(token);
    const read = (consistency: 'read-your-writes' | 'monotonic') =>
      other.router.forRead({ consistency, session: restored }).node;
    other.router.report('r', { epoch: 1, position: 2n ** 63n - 1n });
    expect([read('read-your-writes'), read('monotonic')]).toEqual(['p', 'r']);
    other.router.report('r', { epoch: 1, position: 2n ** 63n });
    expect(read('read-your-writes')).toBe('r');
  });

  it('times are transferred between monotonic clocks by the wall clock', async () => {
    const [one, other] = twoRouters();
    await one.clock.advance(510_000.5); // the other process started 500 s later
    await other.clock.advance(5000);
    const session = one.router.session();
    session.wrote(one.router.forWrite());
    await one.clock.advance(2000);
    await other.clock.advance(2000);
    const token = carried(session);
    expect(token).toEqual({ version: 1, wrote: { at: 1_800_000_510_001 } }); // rounded up, because later is stricter
    await other.clock.advance(10_000); // 1,800,000,517,000 by its wall clock, 6.999 s after the write
    const restored = other.router.session(token);
    const read = () => other.router.forRead({ consistency: 'read-your-writes', session: restored }).node;
    other.router.report('r', { epoch: 1, lag: 6999 });
    expect(read()).toBe('p');
    other.router.report('r', { epoch: 1, lag: 6998 });
    expect(read()).toBe('r');
    expect(carried(restored)).toEqual(token);
  });

  it('a time in the future counts as now', async () => {
    const [{ router, clock }] = twoRouters();
    const session = router.session({ version: 1, read: { at: 9e15 } });
    const read = () => router.forRead({ consistency: 'monotonic', session }).node;
    expect(read()).toBe('p');
    await clock.advance(10);
    router.report('r', { epoch: 1, lag: 9 });
    expect(read()).toBe('r');
  });

  it('a session with a time and a position requires both', async () => {
    const [{ router, clock }] = twoRouters();
    const session = router.session();
    session.wrote(router.forWrite(), 5);
    await clock.advance(100);
    session.wrote(router.forWrite());
    const restored = router.session(carried(session));
    const read = () => router.forRead({ consistency: 'read-your-writes', session: restored }).node;
    router.report('r', { epoch: 1, lag: 0, position: 5 });
    expect(read()).toBe('p'); // in the same millisecond the order is unknown
    await clock.advance(1);
    router.report('r', { epoch: 1, lag: 0, position: 4 });
    expect(read()).toBe('p');
    router.report('r', { epoch: 1, lag: 1, position: 5 });
    expect(read()).toBe('p');
    router.report('r', { epoch: 1, lag: 0, position: 5 });
    expect(read()).toBe('r');
  });

  it('a session keeps the latest write by time', async () => {
    const [{ router, clock }] = twoRouters();
    const session = router.session();
    session.wrote(router.forWrite());
    await clock.advance(100);
    session.wrote(router.forWrite());
    router.report('r', { epoch: 1, lag: 1 });
    expect(router.forRead({ consistency: 'read-your-writes', session }).node).toBe('p');
  });
});

describe('A token', () => {
  const [{ router }] = twoRouters();
  const take = (token: unknown) => () => router.session(token as ReplicaSessionToken);

  it.each([
    [null, '"token" must be an object'],
    ['{"version":1}', '"token" must be an object'],
    [[], '"token" must be an object'],
    [{}, '"token.version" must be 1, got undefined'],
    [{ version: 2 }, '"token.version" must be 1'],
    [{ version: 1, admin: true }, '"token.admin" is unknown'],
    [{ version: 1, wrote: 5 }, '"token.wrote" must be an object'],
    [{ version: 1, wrote: { epoch: 1 } }, '"token.wrote.position" must be a string of 1 to 20 digits'],
    [{ version: 1, wrote: { position: '5' } }, '"token.wrote.epoch" must be an integer'],
    [{ version: 1, wrote: { epoch: 1, position: 5 } }, '"token.wrote.position"'],
    [{ version: 1, wrote: { epoch: 1, position: '-5' } }, '"token.wrote.position"'],
    [{ version: 1, wrote: { epoch: 1, position: '0x5' } }, '"token.wrote.position"'],
    [{ version: 1, wrote: { epoch: 1, position: '9'.repeat(1e6) } }, '"token.wrote.position"'],
    [{ version: 1, wrote: { epoch: 2 ** 50, position: '5' } }, '"token.wrote.epoch" must be an integer'],
    [{ version: 1, read: { at: '5' } }, '"token.read.at" must be a finite number'],
    [{ version: 1, read: { at: Infinity } }, '"token.read.at" must be a finite number'],
    [{ version: 1, read: { when: 5 } }, '"token.read.when" is unknown'],
  ])('the token %j is rejected', (token, message) => {
    expect(take(token)).toThrow(`replicaRouter: ${message}`);
  });

  it('a session rejects invalid routes and positions', () => {
    const session = router.session();
    expect(() => session.wrote(undefined as never)).toThrow('"route.epoch" must be an integer');
    expect(() => session.wrote({ epoch: 1 }, -5)).toThrow('"position" must be a bigint ≥ 0');
    expect(() => session.read({ epoch: 1.5 })).toThrow('"route.epoch"');
    expect(carried(session)).toEqual({ version: 1 });
  });
});
