import { expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { setUp } from './setup.js';

const never = () => new Promise<never>(() => {});

it.each(['resolve', 'reject'] as const)(
  'a call that started while the breaker was closed does not change a probe in flight (%s)',
  async (how) => {
    const { clock, breaker, changes, fail, start } = setUp({ window: { calls: 1 }, halfOpen: { probes: 1 } });
    const early = start();
    await fail();
    await clock.advance(1000);
    const probe = start();
    if (how === 'resolve') early.resolve('late');
    else early.reject(new Error('late'));
    await settle();
    expect(breaker.state).toBe('half-open');
    probe.resolve('fine');
    await settle();
    expect(breaker.state).toBe('closed');
    expect(changes).toHaveLength(3);
  },
);

it('a hanging probe blocks no caller and counts as failed when its probe timeout ends', async () => {
  const { clock, breaker, start } = setUp({ initialState: 'half-open', halfOpen: { probes: 1, probeTimeout: 5000 } });
  start();
  await expect(breaker.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN', retryAfterMs: 5000 });
  await clock.advance(5000);
  expect(breaker.state).toBe('open');
  await clock.advance(1000);
  expect(await breaker.execute(() => 'admitted')).toBe('admitted');
  expect(breaker.state).toBe('closed');
});

it('an abort settles the call of a hanging probe at once and releases the probe', async () => {
  const { breaker } = setUp({ initialState: 'half-open', halfOpen: { probes: 1 } });
  const controller = new AbortController();
  const hung = watch(breaker.execute(never, { signal: controller.signal }));
  controller.abort('enough');
  await settle();
  expect(hung.error).toBe('enough');
  expect(await breaker.execute(() => 'admitted')).toBe('admitted');
});

it('a probe whose outcome is ignored is released each time', async () => {
  const { breaker, fail } = setUp({ initialState: 'half-open', classify: ({ ok }) => (ok ? 'success' : 'ignore') });
  await fail(1000);
  expect(breaker.state).toBe('half-open');
  for (let i = 0; i < 3; i++) await breaker.execute(() => i);
  expect(breaker.state).toBe('closed');
});
