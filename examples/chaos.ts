/**
 * One script of faults for a client: the same plan that a simulation reads is injected into real policies, here on a
 * virtual clock. It shows what each fault does to a client without and with policies. Run it with
 * `npx tsx examples/chaos.ts`.
 */
import { circuitBreaker, fallback, type Policy, pipeline, retry, seededRandom, timeout } from 'breakwater';
import { chaosControl, down, error, type FaultPlan, hang, slow } from 'breakwater/chaos';
import { TestClock } from 'breakwater/testing';

const script: FaultPlan = [
  error('prices', 0.3, { at: '10s', for: '10s' }),
  hang('prices', 0.2, { at: '20s', for: '10s' }),
  slow('prices', 20, { at: '30s', for: '10s' }),
  down('prices', { at: '40s', for: '10s' }),
];
const phases = ['healthy', 'error 30 %', 'hang 20 %', 'slow × 20', 'down', 'healthy again'];
const PHASE_MS = 10_000;

/** Sends ten calls per second for a minute, and counts the calls of each phase that had a price within a second. */
async function run(makePolicy: (clock: TestClock, chaos: Policy) => Policy<string>) {
  const clock = new TestClock();
  const control = chaosControl({ enabled: true, clock, random: seededRandom(1), maxDuration: '1m' });
  const policy = makePolicy(clock, control.plan(script, { target: 'prices' }));
  const readPrice = () => new Promise<string>((resolve) => clock.setTimeout(() => resolve('9.50'), 50));
  const good = phases.map(() => 0);

  const call = async () => {
    const startedAt = clock.now();
    const price = await policy.attempt(readPrice, { timeout: '1s' });
    const phase = Math.floor(startedAt / PHASE_MS);
    if (price.ok && price.value === '9.50') good[phase] = (good[phase] as number) + 1;
  };
  const calls: Promise<void>[] = [];
  for (let i = 0; i < 600; i++) {
    calls.push(call());
    await clock.advance(100);
  }
  await clock.advance(1000);
  await Promise.all(calls);
  console.log(good.map((count, phase) => `  ${phases[phase]}: ${count} of 100`).join('\n'));
  console.log(`  injected:`, control.stats.byKind, `- timers left: ${clock.pendingTimers}`);
}

console.log('without policies');
await run((_clock, chaos) => chaos);

/** Fallback, retries, a breaker, an attempt timeout, and innermost the chaos, where a real failure would come from. */
const guarded = (openFor?: '2s') => (clock: TestClock, chaos: Policy) =>
  pipeline(
    fallback('no price'),
    retry({ clock, random: seededRandom(2), maxAttempts: 3, backoff: () => 20 }),
    circuitBreaker({ clock, random: seededRandom(3), openFor }),
    timeout({ duration: '200ms', clock }),
    chaos,
  );

console.log('with policies: the breaker is still open when the dependency is well again');
await run(guarded());

console.log('with policies, and a breaker that tries again after two seconds');
await run(guarded('2s'));

/* Prints, but for the milliseconds:
without policies
  healthy: 100 of 100
  error 30 %: 69 of 100
  hang 20 %: 81 of 100
  slow × 20: 0 of 100
  down: 0 of 100
  healthy again: 100 of 100
  injected: { error: 31, hang: 19, slow: 100, down: 100 } - timers left: 0
with policies: the breaker is still open when the dependency is well again
  healthy: 100 of 100
  error 30 %: 95 of 100
  hang 20 %: 97 of 100
  slow × 20: 0 of 100
  down: 0 of 100
  healthy again: 17 of 100
  injected: { error: 44, hang: 28, slow: 167, down: 1 } - timers left: 0
with policies, and a breaker that tries again after two seconds
  healthy: 100 of 100
  error 30 %: 95 of 100
  hang 20 %: 97 of 100
  slow × 20: 0 of 100
  down: 0 of 100
  healthy again: 100 of 100
  injected: { error: 44, hang: 28, slow: 168, down: 5 } - timers left: 0
*/
