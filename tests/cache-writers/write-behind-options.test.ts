import { type WriteBehind, writeBehind } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { setUp } from './write-behind-setup.js';

describe('options of writeBehind', () => {
  it.each([
    [{ write: () => {} }, 'writeBehind: "write" or "writeMany" is required, but not both'],
    [{ writeMany: undefined }, 'writeBehind: "write" or "writeMany" is required, but not both'],
    [{ writeMany: 1 }, 'writeBehind: "writeMany" must be a function'],
    [{ writeMany: undefined, write: 1 }, 'writeBehind: "write" must be a function'],
    [{ remove: () => {} }, 'writeBehind: "remove" is allowed only with "write"'],
    [{ writeMany: undefined, write: () => {}, remove: 1 }, 'writeBehind: "remove" must be a function'],
    [{ cache: {} }, 'writeBehind: "cache" must be'],
    [{ flushEvery: Infinity }, 'writeBehind: "flushEvery" must be'],
    [{ maxBatch: 0 }, 'writeBehind: "maxBatch" must be an integer ≥ 1'],
    [{ maxPending: 0 }, 'writeBehind: "maxPending" must be an integer ≥ 1'],
    [{ atLimit: 'drop' }, `writeBehind: "atLimit" must be one of 'wait', 'reject'`],
    [{ concurrency: 0 }, 'writeBehind: "concurrency" must be an integer ≥ 1'],
    [{ backoff: 100 }, 'writeBehind: "backoff" must be a function'],
    [{ maxAttempts: 0 }, 'writeBehind: "maxAttempts" must be an integer ≥ 1'],
    [{ policy: {} }, 'writeBehind: "policy" must be'],
    [{ journal: { append() {} } }, 'writeBehind: "journal" must be an object with append, ack'],
    [{ initial: 1 }, 'writeBehind: "initial" must be iterable'],
    [{ initial: [{ type: 'put', number: 1 }] }, 'writeBehind: "initial.type" must be one of'],
    [{ initial: [{ type: 'set', number: -1 }] }, 'writeBehind: "initial.number" must be'],
    [{ writeMany: undefined, write: () => {}, initial: [{ type: 'delete', number: 1 }] }, '"remove" is required'],
    [{ name: '' }, 'writeBehind: "name" must be'],
    [{ clock: 1 }, 'writeBehind: "clock" must be'],
    [{ random: 1 }, 'writeBehind: "random" must be'],
    [{ flushevery: 1 }, 'writeBehind: "flushevery" is unknown (did you mean "flushEvery"?)'],
  ])('writeBehind rejects the options %o', (options, message) => {
    expect(() => writeBehind({ writeMany: () => {}, ...options } as never)).toThrow(message);
  });

  it.each([
    ['set', { tll: 1 }, (writer, options) => writer.set('k', 'v', options), '"tll" is unknown'],
    ['set', { ttl: 1 }, (writer, options) => writer.set('k', 'v', options), '"ttl" is unknown'],
    ['delete', { signa: null }, (writer, options) => writer.delete('k', options), 'did you mean "signal"?'],
    ['flush', { timeout: 1 }, (writer, options) => writer.flush(options), '"timeout" is unknown'],
    ['close', { timeOut: 1 }, (writer, options) => writer.close(options), 'did you mean "timeout"?'],
    ['set', 5, (writer, options) => writer.set('k', 'v', options), '"options" must be an object'],
    ['flush', null, (writer, options) => writer.flush(options), '"options" must be an object'],
    ['close', '100ms', (writer, options) => writer.close(options), '"options" must be an object'],
  ] as [string, unknown, (writer: WriteBehind<string, string>, options: never) => Promise<void>, string][])(
    '%s rejects the options %o and changes nothing',
    async (method, options, call, message) => {
      const { cache, writer } = setUp({ name: 'views' });
      const rejected = watch(call(writer, options as never));
      await settle();
      expect(rejected.error).toMatchObject({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining(message) });
      expect((rejected.error as Error).message).toContain(`views.${method}: `);
      expect([writer.pending, cache.size]).toEqual([0, 0]);
      await writer.set('k', 'v', { signal: undefined });
      await writer.delete('k', { signal: null });
      watch(writer.close({ timeout: undefined, signal: undefined }));
    },
  );
});
