import type { Policy } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { settle, type Watched, watch } from '../support/promises.js';
import { runs } from '../support/runs.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';
import { type Behaviour, behaviour, hostileOperation, OperationTimers, REASONS } from './models/hostile-operations.js';
import { buildPipeline, type Made, type Spec, specs } from './models/random-policies.js';

const SIGNALS = 3;
const signal = fc.nat(SIGNALS - 1);

type Step =
  | {
      readonly do: 'call';
      readonly behaviours: readonly Behaviour[];
      readonly signal: number;
      readonly timeoutMs: number | undefined;
      readonly key: string | undefined;
      readonly priority: number;
    }
  | { readonly do: 'abort'; readonly signal: number; readonly reason: number }
  | { readonly do: 'wait'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      behaviours: fc.array(behaviour, { minLength: 1, maxLength: 3 }),
      signal,
      timeoutMs: fc.constantFrom(undefined, undefined, 1, 20, 90, 400),
      key: fc.constantFrom('a', 'a', 'b', 'c', 'bad', undefined),
      priority: fc.constantFrom(1, 5, 5),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('abort' as const), signal, reason: fc.nat(REASONS.length - 1) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 10, 20, 60, 200) }) },
);

const REACTIONS = ['execute', 'reset', 'trip', 'isolate', 'disable', 'release', 'resize', 'throw', 'nothing'] as const;
type Reaction = (typeof REACTIONS)[number];

const program = fc.record({
  members: specs,
  steps: fc.array(step, { minLength: 1, maxLength: 25, size: 'max' }),
  /** The reactions of listeners to events, one after the other, until none is left. */
  reactions: fc.array(fc.constantFrom(...REACTIONS), { maxLength: 20, size: 'max' }),
  ending: fc.constantFrom('abort' as const, 'wait' as const),
});

interface Call {
  readonly watched: Watched<unknown>;
  readonly signal: number;
  readonly due: number;
  /** Set if an abort found the call pending, which must then reject with this reason. */
  mustRejectWith?: { readonly reason: unknown };
}

const listenerError = new Error('the listener failed');

/** One pipeline with all its calls. */
class Run {
  readonly clock = new TestClock();
  readonly timers = new OperationTimers();
  readonly calls: Call[] = [];
  readonly signals: ReturnType<typeof countingController>[] = [];
  readonly handles: Disposable[] = [];
  readonly made: Made;
  readonly #policy: Policy<unknown>;
  readonly #reactions: Reaction[];

  constructor(members: readonly Spec[], reactions: readonly Reaction[]) {
    this.#reactions = [...reactions];
    const onEvent = (policy: Policy<unknown>) => this.#react(policy);
    this.made = { clock: this.clock, breakers: [], bulkheads: [], families: [], onEvent };
    for (let i = 0; i < SIGNALS; i++) this.signals.push(countingController());
    this.#policy = buildPipeline(members, this.made);
  }

  call({ behaviours, signal, timeoutMs: timeout, key, priority }: Step & { do: 'call' }): void {
    const surroundings = {
      clock: this.clock,
      abort: () => this.#controller(signal).abort(),
      reenter: () => this.#call(this.#policy, () => 'inside', signal, { timeout: 30, key }),
    };
    const operation = hostileOperation(behaviours, surroundings, this.timers);
    this.#call(this.#policy, operation, signal, { timeout, key, priority });
  }

  #call(
    policy: Policy<unknown>,
    operation: Parameters<Policy['execute']>[0],
    signal: number,
    options: Parameters<Policy['execute']>[1] = {},
  ): Promise<unknown> {
    const promise = policy.execute(operation, { ...options, signal: this.#controller(signal).signal });
    const due = this.clock.now() + Number(options.timeout ?? Infinity);
    this.calls.push({ watched: watch(promise), signal, due });
    return promise;
  }

  #controller(signal: number): AbortController {
    return (this.signals[signal] as ReturnType<typeof countingController>).controller;
  }

  /** Settles everything that can settle by itself first, so that only the abort can end a pending call. */
  async abort(signal: number, reason: unknown): Promise<void> {
    await settle();
    const controller = this.#controller(signal);
    if (controller.signal.aborted) return;
    for (const call of this.calls) {
      if (call.signal === signal && call.watched.state === 'pending') call.mustRejectWith = { reason };
    }
    controller.abort(reason);
    await settle();
  }

  #react(policy: Policy<unknown>): void {
    const reaction = this.#reactions.shift();
    const breaker = this.made.breakers.find((each) => each === policy);
    const slots = this.made.bulkheads.find((each) => each === policy);
    if (reaction === 'execute') this.#call(policy, () => 'inside', 0, { timeout: 50, key: 'a' }).catch(() => {});
    if (reaction === 'reset') breaker?.reset();
    if (reaction === 'trip') breaker?.trip();
    if (reaction === 'isolate' && breaker !== undefined) this.handles.push(breaker.isolate());
    if (reaction === 'disable' && breaker !== undefined) this.handles.push(breaker.disable());
    if (reaction === 'release') this.handles.pop()?.[Symbol.dispose]();
    if (reaction === 'resize') slots?.resize(1 + (this.#reactions.length % 4));
    if (reaction === 'throw') throw listenerError;
  }

  /** Asserts that calls that are over have settled. */
  checkCalls(): void {
    for (const { watched, signal, due, mustRejectWith } of this.calls) {
      const isOver = this.#controller(signal).signal.aborted || due <= this.clock.now();
      if (isOver && watched.state === 'pending') expect.fail('a call continues after its abort or its timeout');
      if (mustRejectWith === undefined) continue;
      const { state, error } = watched;
      if (state !== 'rejected' || !Object.is(error, mustRejectWith.reason)) {
        expect.fail(`an aborted call is ${state} without the reason of its signal`);
      }
    }
  }

  /** Asserts that calls that are over have left no slots, timers or listeners. */
  checkRest(): void {
    const { made, clock, timers, calls, signals } = this;
    for (const { active, queued } of made.bulkheads) expect({ active, queued }).toEqual({ active: 0, queued: 0 });
    expect(calls.filter(({ watched }) => watched.state === 'pending')).toHaveLength(0);
    expect(clock.pendingTimers - timers.pending).toBe(0);
    expect(signals.map(({ listeners }) => listeners())).toEqual(signals.map(() => 0));
    for (const { family, maxKeys } of made.families) {
      expect(family.size).toBeLessThanOrEqual(maxKeys + this.handles.length);
    }
  }
}

it('A pipeline of any policies ends each call in time and releases all of its resources, with any operations and listeners', async () => {
  using uncaught = catchUncaught();
  const seen = { fulfilled: 0, rejected: 0, aborted: 0, reentered: 0 };
  await fc.assert(
    fc.asyncProperty(program, async ({ members, steps, reactions, ending }) => {
      uncaught.rejections.length = 0;
      const run = new Run(members, reactions);
      for (const each of steps) {
        if (each.do === 'call') run.call(each);
        else if (each.do === 'abort') await run.abort(each.signal, REASONS[each.reason]);
        else await run.clock.advance(each.ms);
        await settle();
        run.checkCalls();
      }
      if (ending === 'wait') {
        await run.clock.advance(3_600_000);
        run.checkCalls();
      }
      // Signals whose calls are all over have no listener left, even if they have not aborted.
      for (const [index, { listeners }] of run.signals.entries()) {
        const isBusy = run.calls.some(({ signal, watched }) => signal === index && watched.state === 'pending');
        if (!isBusy) expect(listeners()).toBe(0);
      }
      for (let i = 0; i < SIGNALS; i++) await run.abort(i, REASONS[i]);
      await settle();
      run.checkCalls();
      run.checkRest();
      expect(uncaught.rejections).toEqual([]);
      expect(uncaught.errors.filter((error) => error !== listenerError)).toEqual([]);
      for (const { watched, mustRejectWith } of run.calls) {
        if (watched.state !== 'pending') seen[watched.state]++;
        if (mustRejectWith !== undefined) seen.aborted++;
      }
      seen.reentered += run.calls.length - steps.filter((each) => each.do === 'call').length;
    }),
    { numRuns: runs(300) },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
});
