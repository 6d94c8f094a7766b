/** The rows of the 47 pitfalls in the policies research that need a process of their own. */
import { expect, it } from 'vitest';
import { runChild } from '../support/child.js';

it('40: a process with idle policies of every kind exits by itself, within 100 ms', async () => {
  let exitedAfterMs = Infinity;
  for (let run = 0; run < 3 && exitedAfterMs >= 100; run++) {
    const { code, lines, errors } = await runChild('idle');
    expect([code, errors]).toEqual([0, '']);
    const result = JSON.parse(lines[0] ?? '');
    expect(result).toMatchObject({ breaker: 'open', resources: [] });
    exitedAfterMs = result.exitedAfterMs;
  }
  expect(exitedAfterMs).toBeLessThan(100); // once in three runs: the machine may be busy with something else
});

it.concurrent.each([
  ['backoff', 'tried again'],
  ['timeout', 'ERR_TIMEOUT'],
  ['total timeout', 'ERR_TIMEOUT'],
  ['timeout of a policy in constant use', 'ERR_TIMEOUT'],
  ['queue timeout', 'ERR_QUEUE_TIMEOUT'],
  ['queue timeout of a bulkhead in constant use', 'ERR_QUEUE_TIMEOUT'],
  ['attempt timeout of a fetch', 'ERR_TIMEOUT'],
  ['sleep', 'slept'],
])('40: a process that awaits nothing but a %s does not exit early', async (name, expected) => {
  const { code, lines, errors } = await runChild('awaited', { args: [name] });
  expect([code, lines, errors]).toEqual([0, [expected], '']);
});

it('40: a process exits by itself, at once, when only timers of housekeeping are left', async () => {
  const { code, lines, errors } = await runChild('idle-housekeeping');
  expect([code, errors]).toEqual([0, '']);
  expect(Number(lines[0])).toBeLessThan(1000); // each of the timers would have kept it alive for longer
});
