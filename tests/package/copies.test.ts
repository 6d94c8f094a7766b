import { describe, it, vi } from 'vitest';
import { type Copy, copyChecks } from './copy-checks.js';

/** Loads the sources once more, as a second copy of the package in the same process. */
async function loadCopy(): Promise<Copy> {
  vi.resetModules();
  const [root, { TestClock }] = [await import('breakwater'), await import('breakwater/testing')];
  return { ...root, ...(await import('breakwater/request-context')), TestClock };
}

const one = await loadCopy();
const other = await loadCopy();

describe('Two copies of the package in one process', () => {
  it.each(Object.entries(copyChecks))('%s', async (_name, check) => {
    await check(one, other);
  });
});
