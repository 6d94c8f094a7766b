import { definePolicy, type InvalidationSubscriber, shareInvalidations, type TieredCache, tiered } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';
import { runs } from '../support/runs.js';
import { MapStore, type StoreCall } from '../tiered-cache/map-store.js';

const KEYS = ['a', 'b'] as const;
type Key = (typeof KEYS)[number];

/**
 * The state of the simulation: every call to the store waits before its effect and before its response, every load waits
 * before its response, and every message waits before its delivery. The test releases them in any order.
 */
type Step =
  | {
      readonly type: 'read' | 'write' | 'writeAndSet' | 'writeAndDeleteByTag' | 'refresh';
      readonly process: number;
      readonly key: Key;
    }
  | { readonly type: 'writeAllAndClear'; readonly process: number }
  /** Long enough that all calls in flight time out. The store still applies them later. */
  | { readonly type: 'passTimeout' }
  /** The index of a waiting call, or -1 for the newest. */
  | { readonly type: 'release'; readonly which: number; readonly how: 'well' | 'fail' };

const steps = (processes: number, timePasses: boolean) => {
  const process = fc.nat(processes - 1);
  const key = fc.constantFrom(...KEYS);
  return fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ type: fc.constant('read' as const), process, key }) },
      {
        weight: 4,
        arbitrary: fc.record({
          type: fc.constantFrom('write', 'writeAndSet', 'writeAndDeleteByTag', 'refresh'),
          process,
          key,
        }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('writeAllAndClear' as const), process }) },
      { weight: timePasses ? 4 : 0, arbitrary: fc.record({ type: fc.constant('passTimeout' as const) }) },
      {
        weight: 8,
        arbitrary: fc.record({
          type: fc.constant('release' as const),
          which: fc.oneof(fc.nat(20), fc.constant(-1)),
          how: fc.constantFrom('well', 'well', 'well', 'fail'),
        }),
      },
    ),
    { minLength: 1, maxLength: 60 },
  ) as fc.Arbitrary<Step[]>;
};

/** No circuit breaker, which would only keep calls from the store. */
const unguarded = definePolicy({ name: 'unguarded', run: (next, context) => next(context) });

class World {
  readonly clock = new TestClock();
  readonly store = new MapStore(this.clock);
  readonly processes: TieredCache<number>[];
  /** The state of the origin: the number of the last write. */
  readonly versions = new Map<string, number>(KEYS.map((key) => [key, 0]));
  /** By process and key: the version that a new read must not be older than. */
  readonly floors: Map<string, number>[];
  readonly reads: { readonly floor: number; readonly read: ReturnType<typeof watch<number>> }[] = [];
  readonly #waiting: Deferred<void>[] = [];
  readonly #listeners: InvalidationSubscriber[] = [];
  #isFree = false;
  #writes = 0;

  /** @param capacity - of each first tier: with 1 the second tier is read often, with 10 errors in the first tier remain. */
  constructor(count: number, capacity: number) {
    this.store.before = this.#wait;
    this.store.after = this.#wait;
    const load = async (key: string) => {
      const version = this.versions.get(key)!;
      await this.#wait();
      return version;
    };
    this.processes = Array.from({ length: count }, (_, index) => {
      const options = {
        load,
        ttl: 60_000,
        tags: (_: number, key: string) => [key],
        l2Policy: unguarded,
        clock: this.clock,
      };
      const process = tiered({ capacity }, this.store, options);
      shareInvalidations(process, this.#bus, { origin: `${index}` });
      return process;
    });
    this.floors = this.processes.map(() => new Map(KEYS.map((key) => [key, 0])));
  }

  readonly #bus = {
    publish: (message: string) => {
      for (const { onMessage } of this.#listeners)
        this.#wait().then(
          () => onMessage(message),
          () => onMessage(message),
        );
    },
    subscribe: (listener: InvalidationSubscriber) => {
      this.#listeners.push(listener);
      return () => {};
    },
  };

  readonly #wait = (_?: StoreCall): Promise<void> => {
    if (this.#isFree) return Promise.resolve();
    const gate = defer<void>();
    this.#waiting.push(gate);
    return gate.promise;
  };

  async do(step: Step): Promise<void> {
    if (step.type === 'release') {
      const newest = this.#waiting.length - 1;
      const [gate] = this.#waiting.splice(step.which < 0 ? newest : step.which % Math.max(1, newest + 1), 1);
      if (step.how === 'well') gate?.resolve();
      else gate?.reject(new Error('lost'));
    } else if (step.type === 'passTimeout') await this.clock.advance(250);
    else this.#start(step);
    await settle();
    await settle();
  }

  #start(step: Exclude<Step, { type: 'release' | 'passTimeout' }>): void {
    const process = this.processes[step.process]!;
    const floors = this.floors[step.process]!;
    if (step.type === 'writeAllAndClear') {
      for (const key of KEYS) floors.set(key, this.#write(key));
      process.clear();
      return;
    }
    const { key } = step;
    if (step.type === 'read' || step.type === 'refresh') {
      const read = step.type === 'read' ? process.get(key) : process.refresh(key);
      this.reads.push({ floor: floors.get(key)!, read: watch(read) });
      return;
    }
    const version = this.#write(key);
    floors.set(key, version);
    if (step.type === 'write') process.delete(key);
    else if (step.type === 'writeAndSet') process.set(key, version);
    else process.deleteMatching({ tag: key });
  }

  #write(key: string): number {
    this.versions.set(key, ++this.#writes);
    return this.#writes;
  }

  /** Releases all calls until none is left. Then the store works, and is called. */
  async finish(): Promise<void> {
    this.#isFree = true;
    for (let round = 0; round < 3; round++) {
      for (const gate of this.#waiting.splice(0)) gate.resolve();
      for (let turn = 0; turn < 10; turn++) await settle();
      await this.clock.advance(1000); // the time for which the store is not called after a failure
    }
  }

  check(): void {
    for (const { floor, read } of this.reads) {
      if (read.state === 'fulfilled') expect(read.value).toBeGreaterThanOrEqual(floor);
    }
  }

  inSecondTier(key: string): number | undefined {
    const kept = this.store.kept.get(key);
    return kept === undefined ? undefined : JSON.parse(kept.data).value;
  }
}

it('one process never reads a version older than its own last write, with any failures of the second tier', async () => {
  await fc.assert(
    fc.asyncProperty(steps(1, true), fc.constantFrom(1, 10), async (all, capacity) => {
      const world = new World(1, capacity);
      for (const step of all) await world.do(step);
      await world.finish();
      world.check();
      expect(world.processes[0]!.stats.l2.pendingInvalidations).toBe(0);
      for (const key of KEYS) {
        const version = world.versions.get(key)!;
        expect(world.inSecondTier(key) ?? version).toBe(version);
        expect(world.processes[0]!.peek(key) ?? version).toBe(version);
        expect(await world.processes[0]!.get(key)).toBe(version);
      }
    }),
    { numRuns: runs(1000) },
  );
});

it('after the last message no process and no second tier has a stale version', async () => {
  await fc.assert(
    fc.asyncProperty(steps(3, false), fc.constantFrom(1, 10), async (all, capacity) => {
      const world = new World(3, capacity);
      for (const step of all) await world.do(step);
      await world.finish();
      for (const key of KEYS) {
        const version = world.versions.get(key)!;
        expect(world.inSecondTier(key) ?? version).toBe(version);
        for (const process of world.processes) {
          expect(process.peek(key) ?? version).toBe(version);
          expect(await process.get(key)).toBe(version);
        }
      }
    }),
    { numRuns: runs(1000) },
  );
});
