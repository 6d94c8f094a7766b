import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { isBusy } from '../../demo/run.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const side = (successRate: number) => ({ requests: 100, successes: successRate * 100, successRate });
const busy = { loopDelayMs: 1400, latestCallMs: 1700 };

test.each([
  ['if the claim holds', { plain: side(0.6), resilient: side(0.9) }, 0, /^$/],
  ['if the claim holds on a busy machine', { plain: side(0.6), resilient: side(0.9), busy }, 0, /^$/],
  ['if the claim does not hold', { plain: side(0.9), resilient: side(0.6) }, 1, /must succeed more often/],
  [
    'if the claim does not hold on a busy machine',
    { plain: side(0.9), resilient: side(0.6), busy },
    75,
    /late by 1400 ms/,
  ],
])('the check of the main job exits with the expected code %s', (_, result, code, errors) => {
  const run = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/check-main-job.ts'], {
    cwd: root,
    input: JSON.stringify(result),
    encoding: 'utf8',
  });
  expect([run.status, run.stderr]).toEqual([code, expect.stringMatching(errors)]);
});

test('a run is busy if event loops or calls are late', () => {
  expect(isBusy({ loopDelayMs: 5, latestCallMs: 60 })).toBe(false);
  expect(isBusy({ loopDelayMs: 150, latestCallMs: 60 })).toBe(true);
  expect(isBusy({ loopDelayMs: 5, latestCallMs: 300 })).toBe(true);
});
