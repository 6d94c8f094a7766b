import { afterEach, describe, expect, it, vi } from 'vitest';
import { sharedWeakMap } from '../../src/core/shared-map.js';

afterEach(() => vi.restoreAllMocks());

describe('A map that all copies of the package share', () => {
  it('the map is the same for each request of its name, and is not enumerable', () => {
    const map = sharedWeakMap<object, number>('test-same');
    expect(sharedWeakMap('test-same')).toBe(map);
    expect(sharedWeakMap('test-other')).not.toBe(map);
    expect(Reflect.getOwnPropertyDescriptor(globalThis, Symbol.for('breakwater.test-same'))?.enumerable).toBe(false);
  });

  it('each request gets a map of its own if the global object cannot be extended', () => {
    vi.spyOn(Reflect, 'defineProperty').mockReturnValue(false);
    const map = sharedWeakMap<object, number>('test-frozen');
    expect(map).toBeInstanceOf(WeakMap);
    expect(sharedWeakMap('test-frozen')).not.toBe(map);
  });
});
