import { batch, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';

/** A batched function that records the keys of each call. */
function recording(options: Parameters<typeof batch<number, string>>[1] = {}) {
  const calls: (readonly number[])[] = [];
  const load = batch<number, string>(async (keys) => {
    calls.push(keys);
    return keys.map((key) => (key < 0 ? new RangeError(`no ${key}`) : `value ${key}`));
  }, options);
  return { calls, load };
}

describe('A batched function', () => {
  it('the keys of one turn are loaded in one call, and later ones in another', async () => {
    const { calls, load } = recording();
    expect(await Promise.all([load(1), load(2), load(3)])).toEqual(['value 1', 'value 2', 'value 3']);
    expect(await load(1)).toBe('value 1');
    expect(calls).toEqual([[1, 2, 3], [1]]);
  });

  it('a key that is requested twice in one batch is passed once', async () => {
    const { calls, load } = recording();
    expect(await Promise.all([load(1), load(2), load(1), load(-1).catch(String)])).toEqual([
      'value 1',
      'value 2',
      'value 1',
      'RangeError: no -1',
    ]);
    expect(calls).toEqual([[1, 2, -1]]);
  });

  it('a batch has at most maxBatch keys', async () => {
    const { calls, load } = recording({ maxBatch: 2 });
    await Promise.all([1, 2, 3, 4, 5].map((key) => load(key)));
    expect(calls).toEqual([[1, 2], [3, 4], [5]]);
  });

  it('the first key waits for maxWait', async () => {
    const clock = new TestClock();
    const { calls, load } = recording({ maxWait: '50ms', clock });
    const first = load(1);
    await clock.advance(49);
    const second = load(2);
    expect(calls).toEqual([]);
    await clock.advance(1);
    expect(await Promise.all([first, second])).toEqual(['value 1', 'value 2']);
    expect([calls, clock.pendingTimers]).toEqual([[[1, 2]], 0]);
  });

  it('an Error rejects only the callers of its key, and a Map is read by key', async () => {
    const { load } = recording();
    const [bad, good] = await Promise.allSettled([load(-1), load(1)]);
    expect([bad?.status, good?.status]).toEqual(['rejected', 'fulfilled']);
    const mapped = batch<string, number>(async (keys) => new Map(keys.map((key) => [key, key.length])));
    expect(await Promise.all([mapped('a'), mapped('bb'), mapped('a')])).toEqual([1, 2, 1]);
  });

  it('the policy runs around each call, and an aborted caller leaves its batch', async () => {
    let attempts = 0;
    const load = batch<number, number>(
      async (keys) => {
        attempts++;
        if (attempts === 1) throw new Error('down');
        return keys;
      },
      { policy: retry({ backoff: () => 0 }) },
    );
    const controller = new AbortController();
    const left = load(1, { signal: controller.signal });
    const stays = load(2);
    controller.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(await stays).toBe(2);
    expect(attempts).toBe(2);
  });

  it('the call is aborted when all callers have left', async () => {
    const clock = new TestClock();
    let signal: AbortSignal | undefined;
    const load = batch<number, number>(
      (_keys, context) => {
        ({ signal } = context);
        return new Promise(() => {});
      },
      { policy: timeout({ duration: '1m', clock }) },
    );
    const controller = new AbortController();
    const calls = [load(1, { signal: controller.signal }), load(2, { signal: controller.signal })];
    await settle();
    controller.abort(new Error('gone'));
    for (const call of calls) await expect(call).rejects.toThrow('gone');
    expect(signal?.aborted).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a result with a wrong number of values rejects all callers', async () => {
    const load = batch<number, number>(async () => [1]);
    const results = await Promise.allSettled([load(1), load(2), load(2)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it.each([
    [() => batch(undefined as never), 'batch: "loadMany" must be a function'],
    [() => batch(async () => [], { maxBatch: 0 }), 'batch: "maxBatch" must be an integer'],
    [() => batch(async () => [], { maxWait: -1 }), 'batch: "maxWait"'],
    [() => batch(async () => [], { policy: {} as never }), 'batch: "policy" must be an object'],
    [() => batch(async () => [], { maxSize: 1 } as never), '"maxSize" is unknown'],
  ])('an invalid option is rejected: %s', (make, message) => {
    expect(make).toThrow(message);
  });

  it('an aborted signal, an unknown option and a value that is no signal reject the call', async () => {
    const { calls, load } = recording();
    await expect(load(1, { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone');
    await expect(load(1, { signl: 1 } as never)).rejects.toThrow('"signl" is unknown');
    await expect(load(1, { signal: {} as never })).rejects.toThrow('"signal" must be an AbortSignal');
    expect(calls).toEqual([]);
  });
});
