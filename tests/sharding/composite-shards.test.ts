import { HashRing } from 'breakwater/hash-ring';
import { type AsyncShardRouter, compositeShards, directoryShards, hashShards, rangeShards } from 'breakwater/sharding';
import { describe, expect, it } from 'vitest';

const low = rangeShards([{ from: 0, to: 100, shard: 'low' }]);
const high = rangeShards([{ from: 50, to: 200, shard: 'high' }]);

describe('Synchronous routers', () => {
  it('the routers are asked in order until one returns a shard', () => {
    const both = compositeShards(low, high);
    expect([both.get(0), both.get(60), both.get(150), both.get(500)]).toEqual(['low', 'low', 'high', undefined]);
    expect([both.shards, both.isAsync]).toEqual([['low', 'high'], undefined]);
    expect(compositeShards(high, low).get(60)).toBe('high');
  });

  it('a composite can contain composites', () => {
    expect(compositeShards(compositeShards(low), compositeShards(high)).get(150)).toBe('high');
  });

  it('the shards of a composite follow changes of its routers', () => {
    const ring = new HashRing(['a']);
    const both = compositeShards(hashShards(ring), hashShards(['b', 'a']));
    expect(both.shards).toEqual(['a', 'b']);
    ring.add('z');
    expect(both.shards).toEqual(['a', 'z', 'b']);
  });

  it('a router that returns a promise without isAsync is rejected', () => {
    const unmarked = { shards: [], get: async () => undefined } as never;
    expect(() => compositeShards(unmarked, low).get(5)).toThrow('must have isAsync: true if get returns a promise');
  });
});

describe('Asynchronous routers', () => {
  const pins = directoryShards({ entries: [['acme', 'db-acme']] });
  const loaded: string[] = [];
  const directory = directoryShards({
    load(key) {
      loaded.push(key);
      if (key === 'broken') throw new Error('down');
      return key.startsWith('old') ? 'db-old' : undefined;
    },
  });
  const tenants = compositeShards(pins, directory, hashShards(['db-1']));

  it('the result is a promise, even if a synchronous router returns the shard', async () => {
    const answers = ['acme', 'old-7', 'new-7'].map((key) => tenants.get(key));
    for (const answer of answers) expect(answer).toBeInstanceOf(Promise);
    expect(await Promise.all(answers)).toEqual(['db-acme', 'db-old', 'db-1']);
    expect(tenants.isAsync).toBe(true);
    const behind = compositeShards(hashShards(['db-1']), directory).get('old-7');
    expect(behind).toBeInstanceOf(Promise);
    expect(await behind).toBe('db-1');
  });

  it('a router is not asked if an earlier router has returned a shard', async () => {
    loaded.length = 0;
    await tenants.get('acme');
    expect(loaded).toEqual([]);
  });

  it('an error of a router rejects the call, because the next router could be wrong', async () => {
    await expect(tenants.get('broken')).rejects.toThrow('down');
  });

  it('routers receive the signal, and no router is asked after the abort', async () => {
    const controller = new AbortController();
    let asked = 0;
    const slow: AsyncShardRouter<string> = {
      isAsync: true,
      shards: [],
      get(_, options) {
        expect(options?.signal).toBe(controller.signal);
        controller.abort(new Error('left'));
        return Promise.resolve(undefined);
      },
    };
    const next = { shards: [], get: () => void asked++ };
    await expect(compositeShards(slow, next).get('k', controller)).rejects.toThrow('left');
    await expect(compositeShards(next, slow).get('k', controller)).rejects.toThrow('left');
    expect(asked).toBe(0);
    await expect(tenants.get('k', { signal: 5 as never })).rejects.toThrow('"signal" must be an AbortSignal');
  });
});

describe('Construction', () => {
  it('compositeShards rejects an empty list and a value that is not a router', () => {
    expect(() => compositeShards()).toThrow('compositeShards: "routers" must be at least one router');
    expect(() => compositeShards(low, null as never)).toThrow('"routers[1]" must be an object with get');
    expect(() => compositeShards({} as never)).toThrow('"routers[0]" must be an object with get');
  });
});
