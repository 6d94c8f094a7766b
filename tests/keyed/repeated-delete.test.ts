import { keyed, retry } from 'breakwater';
import { expect, it } from 'vitest';

it('deleting a key twice returns true, then false', () => {
  const family = keyed(() => retry());
  family.for('a');
  expect([family.delete('a'), family.delete('a'), family.size]).toEqual([true, false, 0]);
});
