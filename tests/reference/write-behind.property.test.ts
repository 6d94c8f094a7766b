import { constantBackoff } from 'breakwater';
import { writeBehind } from 'breakwater/cache-writers';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { WriteBehind } from '../../reference/write-behind.js';
import { type Deferred, defer, settle } from '../support/promises.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

/** A store whose calls end when the test says so. */
class Store {
  readonly values = new Map<string, number>();
  call: { readonly entries: readonly (readonly [string, number])[]; readonly end: Deferred<void> } | undefined;

  writeMany(entries: Iterable<readonly [string, number]>): Promise<void> {
    expect(this.call, 'a call that has not ended').toBeUndefined();
    this.call = { entries: [...entries], end: defer<void>() };
    return this.call.end.promise;
  }

  /** @param how - 'arrived' means that the store has the values although the call fails. */
  endCall(how: 'succeeded' | 'failed' | 'arrived'): void {
    const { entries, end } = this.call!;
    this.call = undefined;
    for (const [key, value] of how === 'failed' ? [] : entries) {
      expect(value, `a write of ${key} that is older than what the store has`).toBeGreaterThanOrEqual(
        this.values.get(key) ?? 0,
      );
      this.values.set(key, value);
    }
    if (how === 'succeeded') end.resolve();
    else end.reject(new Error('down'));
  }
}

it.each(SEEDS)('writeBehind leaves the store as its reference does in 500 random steps (seed %i)', async (seed) => {
  const draw = new Draw(seed);
  const clock = new TestClock();
  const [flushEveryMs, maxBatch] = [draw.integer(1, 20), draw.integer(1, 4)];
  const [ours, theirs] = [new Store(), new Store()];
  const writer = writeBehind<string, number>({
    writeMany: (entries) =>
      ours.writeMany(entries.map((entry) => [entry.key, entry.type === 'set' ? entry.value : Number.NaN])),
    ...{ flushEvery: flushEveryMs, maxBatch, backoff: constantBackoff(flushEveryMs), clock },
  });
  const reference = new WriteBehind<string, number>({
    writeMany: (entries) => theirs.writeMany(entries),
    ...{ flushEveryMs, maxBatch, setTimeout: clock.setTimeout.bind(clock) },
  });
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
  const newest = new Map<string, number>();
  const endCalls = async (how: 'succeeded' | 'failed' | 'arrived') => {
    for (const store of [ours, theirs]) if (store.call !== undefined) store.endCall(how);
    await settle();
  };
  for (let step = 1; step <= STEPS / 2; step++) {
    const command = draw.from(['set', 'set', 'set', 'end', 'wait', 'wait']);
    if (command === 'set') {
      const key = draw.from(keys);
      newest.set(key, step);
      await writer.set(key, step);
      reference.set(key, step);
    } else if (command === 'end') await endCalls(draw.from(['succeeded', 'succeeded', 'failed', 'arrived']));
    else await clock.advance(draw.integer(0, 10));
    for (const key of keys) {
      const pending = writer.peek(key);
      const readable = pending?.type === 'set' ? pending.value : ours.values.get(key);
      expect(readable, `step ${step}: ${key}`).toBe(newest.get(key));
      expect(reference.peek(key) ?? theirs.values.get(key), `step ${step}: ${key}`).toBe(readable);
    }
    if (step % 25 > 0) continue;
    while (writer.pending + reference.pending > 0) {
      await clock.advance(flushEveryMs);
      await endCalls('succeeded');
    }
    expect(ours.values, `step ${step}: all is written`).toEqual(theirs.values);
    expect(theirs.values).toEqual(newest);
  }
  expect(clock.pendingTimers).toBe(0);
});
