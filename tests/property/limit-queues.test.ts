import { bulkhead, type Permit } from 'breakwater';
import { adaptiveLimit, codelQueue } from 'breakwater/overload';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settle, type Watched, watch } from '../support/promises.js';
import { runs } from '../support/runs.js';
import { type Fate, NaiveLimit, type NaiveLimitOptions } from './models/naive-limit-queue.js';

type Step =
  | { readonly do: 'join'; readonly priority: number }
  | { readonly do: 'end' | 'abort'; readonly index: number }
  | { readonly do: 'wait'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('join' as const), priority: fc.constantFrom(0, 1, 5, 5, 5, 9) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const), index: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), index: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 4, 5, 6, 20, 100) }) },
);

const codel = fc.record({
  target: fc.constantFrom(5, 10),
  interval: fc.constantFrom(20, 100),
  lifo: fc.boolean(),
});

const options = (evicts: boolean, queue: fc.Arbitrary<NaiveLimitOptions['codel']>) =>
  fc.record({
    slots: fc.integer({ min: 1, max: 3 }),
    maxQueue: fc.integer({ min: 0, max: 6 }),
    evicts: fc.constant(evicts),
    codel: queue,
  });

type Make = (
  own: NaiveLimitOptions,
  clock: TestClock,
) => ReturnType<typeof bulkhead> | ReturnType<typeof adaptiveLimit>;

const queueOf = ({ codel: own, evicts, maxQueue }: NaiveLimitOptions) => ({
  maxQueue,
  queue: own === undefined ? ('fifo' as const) : codelQueue(own),
  onFull: evicts ? ('evict-lowest' as const) : ('reject' as const),
});

const LIMITS: Readonly<Record<string, Make>> = {
  bulkhead: (own, clock) => bulkhead({ ...queueOf(own), maxConcurrent: own.slots, clock }),
  adaptiveLimit: (own, clock) => adaptiveLimit({ ...queueOf(own), minLimit: own.slots, maxLimit: own.slots, clock }),
};

/** Calls to a limit, and what has become of each. */
class Calls {
  readonly #limit: ReturnType<Make>;
  readonly #calls: { readonly permit: Watched<Permit>; readonly abort: AbortController }[] = [];
  readonly #ended = new Set<number>();

  constructor(limit: ReturnType<Make>) {
    this.#limit = limit;
  }

  join(priority: number): void {
    const abort = new AbortController();
    this.#calls.push({ permit: watch(this.#limit.acquire({ priority, signal: abort.signal })), abort });
  }

  end(id: number): void {
    this.#ended.add(id);
    this.#calls[id]!.permit.value!.release();
  }

  abort(id: number): void {
    this.#calls[id]!.abort.abort();
  }

  get fates(): string[] {
    return this.#calls.map(({ permit, abort }, id) => {
      if (this.#ended.has(id)) return 'ended';
      if (permit.state === 'pending') return 'waiting';
      if (permit.state === 'fulfilled') return 'running';
      return abort.signal.aborted ? 'aborted' : (permit.error as { readonly code: string }).code;
    });
  }
}

/** How a fate of the model shows. */
const SHOWN: Readonly<Partial<Record<Fate, string>>> = {
  full: 'ERR_BULKHEAD_FULL',
  evicted: 'ERR_BULKHEAD_FULL',
  late: 'ERR_QUEUE_TIMEOUT',
};

/** Runs the steps on a limit and on the model, and compares them after each step. Returns the fates of the model. */
async function compare(make: Make, own: NaiveLimitOptions, steps: readonly Step[]): Promise<readonly Fate[]> {
  const clock = new TestClock();
  const limit = make(own, clock);
  const [ours, naive] = [new Calls(limit), new NaiveLimit(own)];
  const check = async () => {
    await settle();
    expect(ours.fates).toEqual(naive.fates.map((fate) => SHOWN[fate] ?? fate));
    expect([limit.active, limit.queued]).toEqual([naive.ids('running').length, naive.ids('waiting').length]);
  };
  for (const each of steps) {
    if (each.do === 'join') for (const side of [ours, naive]) side.join(each.priority);
    else if (each.do === 'wait') {
      naive.now += each.ms;
      await clock.advance(each.ms);
    } else {
      const ids = naive.ids(each.do === 'end' ? 'running' : 'waiting');
      if (ids.length === 0) continue;
      for (const side of [ours, naive]) side[each.do](ids[each.index % ids.length]!);
    }
    await check();
  }
  // Every accepted call is served now: no permit is lost, and no slot stays taken.
  for (let [id] = naive.ids('running'); id !== undefined; [id] = naive.ids('running')) {
    for (const side of [ours, naive]) side.end(id);
    await check();
  }
  expect([limit.active, limit.queued, naive.ids('waiting')]).toEqual([0, 0, []]);
  return naive.fates;
}

const steps = fc.array(step, { maxLength: 120, size: 'max' });

describe.each(Object.entries(LIMITS))('%s', (_, make) => {
  it("with onFull 'evict-lowest' evicts the newest waiter of the lowest priority, none of an equal one, and loses no other call", async () => {
    const seen = new Set<Fate>();
    await fc.assert(
      fc.asyncProperty(options(true, fc.constant(undefined)), steps, async (own, all) => {
        for (const fate of await compare(make, own, all)) seen.add(fate);
      }),
      { numRuns: runs(60) },
    );
    expect([...seen].sort()).toEqual(['aborted', 'ended', 'evicted', 'full']);
  });

  it('with codelQueue rejects overdue waiters of a persistent queue, always uses a free slot, and loses no other call', async () => {
    const seen = new Set<Fate>();
    await fc.assert(
      fc.asyncProperty(fc.boolean(), options(false, codel), steps, async (evicts, own, all) => {
        for (const fate of await compare(make, { ...own, evicts }, all)) seen.add(fate);
      }),
      { numRuns: runs(100) },
    );
    expect([...seen].sort()).toEqual(['aborted', 'ended', 'evicted', 'full', 'late']);
  });
});
