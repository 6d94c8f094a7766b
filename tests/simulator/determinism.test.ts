/** The same bits on every engine: a digest of a run that uses every part of the model. */
import { expect, it } from 'vitest';
import { digestOfSimulation, EXPECTED_DIGEST } from '../package/installed/simulation-digest.js';

it('a run has the same digest on this engine as on all others', async () => {
  expect(await digestOfSimulation()).toBe(EXPECTED_DIGEST);
});
