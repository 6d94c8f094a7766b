import { circuitBreaker } from 'breakwater/circuit-breaker';
import { expect, it } from 'vitest';
import { CircuitBreaker as Reference } from '../../reference/circuit-breaker.js';
import { type Deferred, defer, microtasks, watch } from '../support/promises.js';
import { ManualClock } from './manual-clock.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

it.each(SEEDS)(
  'circuitBreaker has the state of its reference after each of 1,000 random steps (seed %i)',
  async (seed) => {
    const draw = new Draw(seed);
    const clock = new ManualClock();
    const windowSize = draw.integer(1, 40);
    const minimumCalls = draw.integer(1, windowSize);
    const failureRateThreshold = draw.from([0.1, 0.5, 1]);
    const [openForMs, probes] = [draw.integer(1, 50), draw.integer(1, 3)];
    const breaker = circuitBreaker({
      window: { calls: windowSize },
      minimumCalls,
      failureRateThreshold,
      openFor: openForMs,
      halfOpen: { probes, probeTimeout: Infinity },
      clock,
    });
    const reference = new Reference({ windowSize, minimumCalls, failureRateThreshold, openForMs, probes }, clock.now);
    const running: Deferred<void>[][] = [];
    const seen = new Set<string>();
    for (let step = 1; step <= STEPS; step++) {
      const command = draw.from(['call', 'call', 'end', 'end', 'wait']);
      if (command === 'call') {
        const started: Deferred<void>[] = [];
        const calls = [breaker, reference].map((one) =>
          watch(
            one.execute(() => {
              const operation = defer<void>();
              started.push(operation);
              return operation.promise;
            }),
          ),
        );
        await microtasks(10);
        const [ours, theirs] = calls.map(({ state }) => state);
        expect(ours, `step ${step}: call`).toBe(theirs);
        if (started.length > 0) running.push(started);
      } else if (command === 'end' && running.length > 0) {
        const [operations] = running.splice(draw.integer(0, running.length - 1), 1);
        const fails = draw.chance([1, 0, 0.5][Math.floor(step / 200) % 3]!); // an outage, a recovery, a mixture
        for (const operation of operations!) fails ? operation.reject(new Error('down')) : operation.resolve();
        await microtasks(20);
      } else clock.ms += draw.integer(0, 30);
      expect(breaker.state, `step ${step}: ${command}`).toBe(reference.state);
      seen.add(breaker.state);
    }
    for (const operations of running) for (const operation of operations) operation.resolve();
    expect([...seen].sort()).toEqual(['closed', 'half-open', 'open']);
  },
);
