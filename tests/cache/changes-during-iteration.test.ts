import { describe, expect, it } from 'vitest';
import { CACHES } from './caches.js';

describe.each(CACHES)('%s', (_name, make) => {
  it('Iteration visits all keys while each is deleted', () => {
    const cache = make<number, number>({ capacity: 6 });
    for (let n = 0; n < 6; n++) cache.set(n, n);
    const visited: number[] = [];
    for (const key of cache.keys()) {
      visited.push(key);
      cache.delete(key);
    }
    expect([visited.sort(), cache.size]).toEqual([[0, 1, 2, 3, 4, 5], 0]);
  });

  it('Iteration ends although each step inserts a key', () => {
    const cache = make<number, number>({ capacity: 4 });
    for (let n = 0; n < 4; n++) cache.set(n, n);
    let steps = 0;
    for (const _ of cache.keys()) {
      expect(++steps).toBeLessThanOrEqual(4);
      cache.set(100 + steps, 0);
    }
    expect([cache.size, steps > 0]).toEqual([4, true]);
  });

  it('Iteration ends and visits no key twice when each step changes the cache', () => {
    const changes: Record<string, (key: number, step: number) => unknown> = {
      'deletes and sets its own key': (key) => cache.delete(key) && cache.set(key, 0),
      'reads all keys': () => [0, 1, 2, 3].map((key) => cache.get(key)),
      'clears and fills the cache': (_key, step) => [cache.clear(), cache.set(step, 0).set(step + 1, 0)],
      'resizes the cache': (_key, step) => cache.resize(step),
      'restores the cache': () => cache.restore(cache.dump()),
    };
    const cache = make<number, number>({ capacity: 4 });
    for (const [description, change] of Object.entries(changes)) {
      cache.resize(4);
      for (let n = 0; n < 4; n++) cache.set(n, n);
      const visited: number[] = [];
      for (const key of cache.keys()) {
        expect(visited.push(key), description).toBeLessThanOrEqual(4);
        change(key, visited.length);
      }
      expect(new Set(visited).size, description).toBe(visited.length);
    }
  });
});
