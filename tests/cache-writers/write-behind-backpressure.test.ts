import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { type Options, setUp } from './write-behind-setup.js';

describe('maxPending', () => {
  const full = async (options: Options = {}) => {
    const made = setUp({ maxPending: 2, flushEvery: '1h', ...options });
    await made.writer.set('a', '1');
    await made.writer.set('b', '1');
    return made;
  };

  it('A write waits for room only if its key is not pending', async () => {
    const { writer, cache } = await full();
    await writer.set('a', '2');
    const third = watch(writer.set('c', '1'));
    await null;
    expect([third.state, cache.has('c'), writer.peek('c'), writer.pending]).toEqual(['pending', false, undefined, 2]);
    expect(writer.stats.waiting).toBe(1);
  });

  it('A full queue is written at once, and waiting writes are admitted in arrival order', async () => {
    const { writer, calls, written } = await full({ maxBatch: 1 });
    const order: string[] = [];
    for (const what of ['c=1', 'd=1', 'c=2', 'e=1']) {
      const [key, value] = what.split('=') as [string, string];
      writer.set(key, value).then(() => order.push(what));
    }
    await settle();
    expect([written(), order]).toEqual([['a=1'], []]);
    calls[0]!.resolve(undefined);
    await settle();
    // All waiting writes of a key are admitted together. Otherwise a later one could precede an earlier one.
    expect([order, writer.peek('c')]).toEqual([['c=1', 'c=2'], { type: 'set', key: 'c', value: '2' }]);
    expect(writer.pending).toBe(2);
    calls[1]!.resolve(undefined);
    await settle();
    expect(order).toEqual(['c=1', 'c=2', 'd=1']);
  });

  it('A new write does not take room while other writes wait', async () => {
    const { writer, calls } = await full({ maxBatch: 2 });
    const waiting = ['c', 'd', 'e'].map((key) => watch(writer.set(key, '1')));
    await settle();
    calls[0]!.resolve(undefined);
    await settle();
    const late = watch(writer.set('f', '1'));
    await settle();
    expect([...waiting, late].map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled', 'pending', 'pending']);
  });

  it('An aborted write leaves the queue at once without a listener or an entry', async () => {
    const { writer, calls, written } = await full();
    const { controller, listeners } = countingController();
    const third = watch(writer.set('c', '1', { signal: controller.signal }));
    const fourth = watch(writer.set('d', '1'));
    await settle();
    calls[0]!.resolve(undefined);
    controller.abort('enough');
    await settle();
    expect([third.error, fourth.state, listeners()]).toEqual(['enough', 'fulfilled', 0]);
    expect([writer.peek('c'), writer.stats.waiting]).toEqual([undefined, 0]);
    await expect(writer.set('c', '1', { signal: controller.signal })).rejects.toBe('enough');
    expect(written()).toEqual(['a=1 b=1']);
  });

  it('An accepted write leaves no listener on its signal', async () => {
    const { writer } = setUp();
    const { controller, listeners } = countingController();
    await writer.set('c', '1', { signal: controller.signal });
    expect(listeners()).toBe(0);
  });

  it('With atLimit "reject" a write without room is rejected', async () => {
    const { writer } = await full({ atLimit: 'reject', name: 'views' });
    await writer.set('a', '2');
    await expect(writer.set('c', '1')).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL', policy: 'views' });
    expect(writer.stats.waiting).toBe(0);
  });
});
