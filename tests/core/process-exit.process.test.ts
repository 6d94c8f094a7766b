import { expect, it } from 'vitest';
import { runChild } from '../support/child.js';

it('the process exits while only timers of idle policies remain', async () => {
  const { code, lines, errors } = await runChild('idle');
  expect([code, errors]).toEqual([0, '']);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ resources: [] });
});

it('a process with idle policies of every kind exits within 100 ms', async () => {
  let exitedAfterMs = Infinity;
  for (let run = 0; run < 3 && exitedAfterMs >= 100; run++) {
    const { code, lines, errors } = await runChild('idle');
    expect([code, errors]).toEqual([0, '']);
    const result = JSON.parse(lines[0] ?? '');
    expect(result).toMatchObject({ breaker: 'open', resources: [] });
    exitedAfterMs = result.exitedAfterMs;
  }
  expect(exitedAfterMs).toBeLessThan(100); // once in three runs, because the machine may be busy
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
])('a process that awaits only a %s does not exit early', async (name, expected) => {
  const { code, lines, errors } = await runChild('awaited', { args: [name] });
  expect([code, lines, errors]).toEqual([0, [expected], '']);
});

it('a process exits at once if only housekeeping timers remain', async () => {
  const { code, lines, errors } = await runChild('idle-housekeeping');
  expect([code, errors]).toEqual([0, '']);
  expect(Number(lines[0])).toBeLessThan(1000); // each of the timers would have kept the process alive for longer
});
