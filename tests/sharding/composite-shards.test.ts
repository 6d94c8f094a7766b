import { HashRing } from 'breakwater/hash-ring';
import { type AsyncShardRouter, compositeShards, directoryShards, hashShards, rangeShards } from 'breakwater/sharding';
import { describe, expect, it } from 'vitest';

const low = rangeShards([{ from: 0, to: 100, shard: 'low' }]);
const high = rangeShards([{ from: 50, to: 200, shard: 'high' }]);

describe('routers that know', () => {
  it('are asked in their order until one has an answer', () => {
    const both = compositeShards(low, high);
    expect([both.get(0), both.get(60), both.get(150), both.get(500)]).toEqual(['low', 'low', 'high', undefined]);
    expect([both.shards, both.isAsync]).toEqual([['low', 'high'], undefined]);
    expect(compositeShards(high, low).get(60)).toBe('high');
  });

  it('may be composites', () => {
    expect(compositeShards(compositeShards(low), compositeShards(high)).get(150)).toBe('high');
  });

  it('tell the shards there are by now', () => {
    const ring = new HashRing(['a']);
    const both = compositeShards(hashShards(ring), hashShards(['b', 'a']));
    expect(both.shards).toEqual(['a', 'b']);
    ring.add('z');
    expect(both.shards).toEqual(['a', 'z', 'b']);
  });

  it('are refused when they answer promises without saying so', () => {
    const liar = { shards: [], get: async () => undefined } as never;
    expect(() => compositeShards(liar, low).get(5)).toThrow('must have isAsync: true if get returns a promise');
  });
});

describe('routers that have to ask', () => {
  const pins = directoryShards({ entries: [['acme', 'db-acme']] });
  const known: string[] = [];
  const directory = directoryShards({
    load(key) {
      known.push(key);
      if (key === 'broken') throw new Error('down');
      return key.startsWith('old') ? 'db-old' : undefined;
    },
  });
  const tenants = compositeShards(pins, directory, hashShards(['db-1']));

  it('make the answer a promise, whoever it comes from', async () => {
    const answers = ['acme', 'old-7', 'new-7'].map((key) => tenants.get(key));
    for (const answer of answers) expect(answer).toBeInstanceOf(Promise);
    expect(await Promise.all(answers)).toEqual(['db-acme', 'db-old', 'db-1']);
    expect(tenants.isAsync).toBe(true);
    const behind = compositeShards(hashShards(['db-1']), directory).get('old-7');
    expect(behind).toBeInstanceOf(Promise);
    expect(await behind).toBe('db-1');
  });

  it('are not asked when one before them has answered', async () => {
    known.length = 0;
    await tenants.get('acme');
    expect(known).toEqual([]);
  });

  it('end it when they fail: the next one might be wrong', async () => {
    await expect(tenants.get('broken')).rejects.toThrow('down');
  });

  it('have the signal, and none of them is asked after it has aborted', async () => {
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

describe('construction', () => {
  it('refuses none, and what is no router', () => {
    expect(() => compositeShards()).toThrow('compositeShards: "routers" must be at least one router');
    expect(() => compositeShards(low, null as never)).toThrow('"routers[1]" must be an object with get');
    expect(() => compositeShards({} as never)).toThrow('"routers[0]" must be an object with get');
  });
});
