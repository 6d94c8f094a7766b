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

it.concurrent.each([
  ['fetch', ['a global fetch']],
  ['AbortController AbortSignal', ['a global fetch', 'a fetch', 'signal']],
  ['TextEncoder', ['a key in UTF-8']],
])('on a runtime without %s, the calls that need it reject with an error that names it', async (missing, calls) => {
  const { code, lines } = await runChild('missing-global-errors', { args: missing.split(' ') });
  const [name] = missing.split(' ');
  const expected = calls.map((call) => `${call}: TypeError: This runtime has no "${name}", which this call needs`);
  expect([code, lines.filter((line) => line.includes('This runtime'))]).toEqual([0, expected]);
});
