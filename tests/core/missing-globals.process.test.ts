import { expect, it } from 'vitest';
import { runChild } from '../support/child.js';

it.concurrent.each([
  ['WeakRef'],
  ['FinalizationRegistry'],
  ['WeakRef FinalizationRegistry'],
  ['performance'],
  ['setImmediate'],
  ['structuredClone'],
  ['AbortSignal.any AbortSignal.timeout'],
  ['DOMException'],
  ['Intl'],
  ['URL.canParse'],
])('every pattern works on a runtime without %s', async (missing) => {
  const { code, lines, errors } = await runChild('missing-globals', { args: missing.split(' ') });
  expect([code, lines, errors]).toEqual([0, [], '']);
});
