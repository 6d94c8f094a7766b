import { loadingCache } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';
import { type Options, setUp } from './write-behind-setup.js';

describe('readYourWrites', () => {
  const setUpReading = (options: Options = {}) => {
    const made = setUp(options);
    const loads: Deferred<string>[] = [];
    const loadArguments: unknown[][] = [];
    const read = made.writer.readYourWrites(
      (...args: [string, string]) => {
        const load = defer<string>();
        loadArguments.push(args);
        loads.push(load);
        return load.promise;
      },
      { onDeleted: (key: string) => `no ${key}` },
    );
    return { ...made, loads, loadArguments, read };
  };

  it('readYourWrites returns the pending value, onDeleted of a pending deletion, or the loaded value', async () => {
    const { writer, loads, loadArguments, read } = setUpReading();
    writer.set('a', '1');
    writer.delete('b');
    expect([await read('a', 'context'), await read('b', 'context'), loads.length]).toEqual(['1', 'no b', 0]);
    const third = read('c', 'context');
    loads[0]!.resolve('stored');
    expect([await third, loadArguments]).toEqual(['stored', [['c', 'context']]]);
    expect(await writer.readYourWrites(async () => 'stored')('b', undefined)).toBe(undefined);
  });

  it.each<[string, unknown, unknown]>([
    ['"load" must be a function', undefined, undefined],
    ['"onDeleted" must be a function', async () => 'stored', { onDeleted: 'none' }],
    ['"whenDeleted" is unknown', async () => 'stored', { whenDeleted: () => 'none' }],
  ])('readYourWrites rejects invalid arguments at construction: %s', (message, load, options) => {
    const { writer } = setUpReading();
    expect(() => writer.readYourWrites(load as never, options as never)).toThrow(
      `writeBehind.readYourWrites: ${message}`,
    );
  });

  it('readYourWrites returns a value whose write is in flight', async () => {
    const { writer, calls, loads, read } = setUpReading({ maxBatch: 1 });
    writer.set('a', '1');
    await settle();
    expect([calls.length, await read('a', ''), loads.length]).toEqual([1, '1', 0]);
  });

  it('readYourWrites returns the written value instead of a load that began before the write', async () => {
    const { writer, calls, loads, read } = setUpReading({ maxBatch: 1 });
    const [first, second] = [read('a', ''), read('a', '')];
    writer.set('a', '1');
    writer.set('a', '2');
    await settle();
    for (const call of calls) call.resolve(undefined);
    await settle();
    expect(writer.pending).toBe(0);
    loads[0]!.resolve('old');
    loads[1]!.reject(new Error('down'));
    expect([await first, await second]).toEqual(['2', '2']);
    const third = watch(read('a', ''));
    loads[2]!.reject(new Error('down'));
    await third.done;
    expect(third.error).toEqual(new Error('down'));
  });

  it('readYourWrites returns the loaded value if the write during the load was lost', async () => {
    const { writer, calls, loads, read } = setUpReading({ maxBatch: 1, maxAttempts: 1 });
    const first = read('a', '');
    writer.set('a', '1');
    await settle();
    calls[0]!.reject(new Error('down'));
    await settle();
    loads[0]!.resolve('stored');
    expect(await first).toBe('stored');
  });

  it('A loadingCache over readYourWrites reads pending writes after their eviction', async () => {
    const rows = new Map([['a', 'stored']]);
    const { writer, clock } = setUp({
      cache: undefined,
      write: (key, value) => void rows.set(key, value),
      flushEvery: 10,
    });
    const cache = loadingCache<string, string | undefined>({
      load: writer.readYourWrites((key: string) => rows.get(key) as string),
      capacity: 1,
    });
    expect(await cache.get('a')).toBe('stored');
    await writer.set('a', 'new');
    cache.delete('a');
    expect(await cache.get('a')).toBe('new');
    expect(rows.get('a')).toBe('stored');
    await clock.advance(10);
    expect(rows.get('a')).toBe('new');
  });
});
