import { fallback, pipeline, retry, timeout } from 'breakwater';
import { expect, it } from 'vitest';

const down = new Error('down');

it('a fallback receives the outcome and the key, and the pipeline emits its own events', async () => {
  const received: unknown[] = [];
  const policy = pipeline(
    fallback((outcome, { key }) => {
      received.push(outcome, key);
      return 'an answer';
    }),
    retry({ maxAttempts: 2, backoff: () => 0 }),
    timeout('1s'),
  );
  const events: unknown[] = [];
  policy.on('success', ({ attempts, outcome }) => events.push(['success', attempts, outcome]));
  policy.on('failure', ({ attempts, outcome }) => events.push(['failure', attempts, outcome]));
  expect(await policy.execute(() => Promise.reject(down), { key: 'k' })).toBe('an answer');
  expect(received).toEqual([{ ok: false, error: down }, 'k']);
  expect(events).toEqual([['success', 2, { ok: true, value: 'an answer' }]]);
});
