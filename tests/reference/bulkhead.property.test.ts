import { bulkhead } from 'breakwater/bulkhead';
import { expect, it } from 'vitest';
import { Bulkhead as Reference } from '../../reference/bulkhead.js';
import { type Deferred, defer, microtasks, watch } from '../support/promises.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

/** Calls to one bulkhead: which have started, in which order, and what became of each. */
class Calls {
  readonly started: number[] = [];
  readonly running = new Map<number, Deferred<void>>();
  readonly states: { readonly state: string }[] = [];
  readonly #bulkhead: { execute(operation: () => Promise<void>): Promise<void> };

  constructor(bulkhead: { execute(operation: () => Promise<void>): Promise<void> }) {
    this.#bulkhead = bulkhead;
  }

  begin(call: number): void {
    const operation = () => {
      const end = defer<void>();
      this.started.push(call);
      this.running.set(call, end);
      return end.promise;
    };
    this.states[call] = watch(this.#bulkhead.execute(operation));
  }

  end(call: number, fails: boolean): void {
    const operation = this.running.get(call)!;
    this.running.delete(call);
    if (fails) operation.reject(new Error('down'));
    else operation.resolve();
  }
}

it.each(SEEDS)(
  'bulkhead starts and rejects the calls that its reference does in 1,000 random steps (seed %i)',
  async (seed) => {
    const draw = new Draw(seed);
    const [maxConcurrent, maxQueue] = [draw.integer(1, 4), draw.integer(0, 4)];
    const policy = bulkhead({ maxConcurrent, maxQueue });
    const reference = new Reference(maxConcurrent, maxQueue);
    const [ours, theirs] = [new Calls(policy), new Calls(reference)];
    for (let step = 1; step <= STEPS; step++) {
      const calls = [...theirs.running.keys()];
      if (calls.length > 0 && draw.chance(0.45)) {
        const [call, fails] = [calls[draw.integer(0, calls.length - 1)]!, draw.chance(0.3)];
        for (const side of [ours, theirs]) side.end(call, fails);
      } else for (const side of [ours, theirs]) side.begin(step);
      await microtasks(20);
      expect([policy.active, policy.queued], `step ${step}`).toEqual([reference.active, reference.queued]);
      expect(ours.started, `step ${step}`).toEqual(theirs.started);
    }
    expect(ours.states.map(({ state }) => state)).toEqual(theirs.states.map(({ state }) => state));
  },
);
