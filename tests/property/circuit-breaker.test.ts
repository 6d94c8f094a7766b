import { isDeepStrictEqual } from 'node:util';
import { circuitBreaker, type Outcome, type Permit } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { settle } from '../support/promises.js';
import { runs } from '../support/runs.js';
import { catchUncaught } from '../support/uncaught.js';
import {
  ENDS,
  type End,
  NaiveSide,
  REACTIONS,
  type Reacting,
  type Reaction,
  RealSide,
  type Side,
} from './models/breaker-sides.js';
import type { NaiveRules } from './models/naive-breaker.js';

type Step =
  | { readonly do: 'call'; readonly ends: readonly End[] }
  /** The given number of running calls end, in the order of the scheduler. */
  | { readonly do: 'end'; readonly times: number }
  | { readonly do: 'abort' | 'give back'; readonly index: number }
  | { readonly do: 'acquire' | 'look' | 'trip' | 'reset' | 'isolate' | 'disable' | 'restart' }
  | { readonly do: 'uncover'; readonly index: number }
  /** The reactions of listeners to the next events, one each. */
  | { readonly do: 'react'; readonly reactions: readonly Reaction[] }
  | { readonly do: 'wait'; readonly ms: number };

const index = fc.nat(20);
const end = fc.constantFrom<End>(...ENDS, 'error', 'value', 'value', 'ignored', 'ignored');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('call' as const), ends: fc.array(end, { minLength: 1, maxLength: 3 }) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('end' as const), times: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('abort' as const, 'give back' as const), index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('acquire' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom(...(['trip', 'reset', 'isolate', 'disable', 'restart'] as const)) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('uncover' as const), index }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('react' as const),
      reactions: fc.array(fc.constantFrom(...REACTIONS), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 1, 9, 10, 10, 49, 50, 100, 101, 1000),
    }),
  },
);

const threshold = fc.constantFrom(0.1, 0.34, 0.5, 1, 1);
const settings = fc.record({
  window: fc.oneof(
    fc.record({ calls: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ duration: fc.constantFrom(50, 100, 1000, 100_000) }),
  ),
  minimumCalls: fc.integer({ min: 1, max: 6 }),
  failureRateThreshold: threshold,
  slowCallRateThreshold: threshold,
  slowCallDuration: fc.constantFrom(undefined, undefined, 1, 10, 50),
  consecutiveFailures: fc.constantFrom(undefined, undefined, 1, 2, 4),
  openFor: fc.constantFrom('fixed', 'growing'),
  probes: fc.integer({ min: 1, max: 3 }),
  maxFailures: fc.nat(2),
  probeTimeout: fc.constantFrom(10, 100, 5000),
  judge: fc.constantFrom('own' as const, 'own' as const, 'default' as const),
  observe: fc.nat(5).map((n) => n === 0),
  initialState: fc.constantFrom(
    ...(['closed', 'closed', 'closed', 'half-open', 'half-open', 'open', 'isolated', 'disabled'] as const),
  ),
});
type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;

function rulesOf(given: Settings): NaiveRules {
  const { window, minimumCalls, openFor } = given;
  return {
    ...given,
    minimumCalls: 'calls' in window ? Math.min(minimumCalls, window.calls) : minimumCalls,
    openForMs: (openings) => (openFor === 'fixed' ? 100 : openings * 60),
  };
}
const BASES = ['closed', 'open', 'half-open'];
/** All possible state transitions. */
const LEGAL = [
  ...['failure-rate', 'slow-call-rate', 'consecutive-failures', 'tripped'].map((reason) => `closed → open: ${reason}`),
  ...['open → closed: reset', 'half-open → closed: reset'],
  'open → half-open: open-time-passed',
  ...['probe-failed', 'probe-timeout', 'tripped'].map((reason) => `half-open → open: ${reason}`),
  'half-open → closed: probes-succeeded',
  ...[...BASES, 'disabled'].map((state) => `${state} → isolated: isolated`),
  ...[...BASES, 'isolated'].map((state) => `${state} → disabled: disabled`),
  ...BASES.flatMap((state) => [`isolated → ${state}: released`, `disabled → ${state}: released`]),
];

it('a breaker behaves like a naive model for any calls, ends, aborts and manual control, and with any listeners', async () => {
  using uncaught = catchUncaught();
  const reached = new Map<string, number>();
  const count = (event: string) => reached.set(event, (reached.get(event) ?? 0) + 1);
  await fc.assert(
    fc.asyncProperty(
      settings,
      fc.array(step, { maxLength: 120, size: 'max' }),
      fc.scheduler(),
      async (given, steps, scheduler) => {
        const clock = new TestClock();
        const rules = rulesOf(given);
        const real = new RealSide(rules, clock, scheduler, given.initialState);
        const naive = new NaiveSide(rules, clock, given.initialState);
        const sides: readonly (Side & Reacting)[] = [real, naive];
        const both = (act: (side: Side) => void) => sides.forEach(act);
        const permits: string[] = [];

        for (const [at, each] of steps.entries()) {
          const name = `${at}`;
          switch (each.do) {
            case 'call':
              for (const [n, how] of each.ends.entries()) both((side) => side.call(`${name}.${n}`, how));
              break;
            case 'end':
              for (let times = Math.min(each.times, scheduler.count()); times > 0; times--) {
                await scheduler.waitNext(1);
                await settle();
              }
              break;
            case 'abort': {
              const running = [...real.aborts.keys()];
              const aborted = running[each.index % Math.max(1, running.length)];
              if (aborted === undefined) break;
              real.aborts.get(aborted)?.abort('enough');
              naive.settle(aborted, { verdict: 'ignore' });
              break;
            }
            case 'acquire':
              permits.push(name);
              both((side) => side.acquire(name));
              break;
            case 'give back': {
              const [permit] = permits.splice(each.index % Math.max(1, permits.length), 1);
              if (permit !== undefined) both((side) => side.giveBack(permit, ENDS[each.index % 5] as End));
              break;
            }
            case 'isolate':
              both((side) => side.cover('isolated'));
              break;
            case 'disable':
              both((side) => side.cover('disabled'));
              break;
            case 'uncover':
              both((side) => side.uncover(each.index));
              break;
            case 'react':
              for (const side of sides) side.reactions.push(...each.reactions);
              break;
            case 'restart':
              both((side) => side.restart());
              permits.length = 0;
              real.aborts.clear();
              break;
            case 'wait':
              await clock.advance(each.ms);
              break;
            case 'reset':
              both((side) => side.reset());
              break;
            case 'trip':
              both((side) => side.trip());
              break;
            case 'look':
              both((side) => side.look());
          }
          do {
            await settle();
            for (let ended = real.ended.shift(); ended !== undefined; ended = real.ended.shift()) {
              naive.settle(ended);
              real.aborts.delete(ended);
            }
            both((side) => side.look()); // reading the state can change it and emit events
          } while (real.ended.length > 0);
          const [realView, naiveView] = [real.view, naive.view];
          const seen = { ...realView, events: real.events, results: [...real.results], timers: clock.pendingTimers };
          const results = seen.results.map(([call]) => [call, naive.results.get(call)]);
          const expected = { ...naiveView, events: naive.events, results, timers: 0 };
          // `expect` alone would take most of the time.
          if (!isDeepStrictEqual(seen, expected)) expect(seen).toEqual(expected);
          real.results.clear();
          for (const event of real.events.splice(0)) count(event);
          naive.events.length = 0;
        }
      },
    ),
    { numRuns: runs(1000) },
  );
  expect(uncaught.errors.every((error) => (error as Error).message === 'the listener failed')).toBe(true);
  const changes = [...reached.keys()].filter((event) => !event.startsWith('reject'));
  expect(changes.sort()).toEqual([...LEGAL].sort());
});

it('reading the state at any time does not change the behaviour of a breaker', async () => {
  const verdict = fc.constantFrom('success' as const, 'failure' as const, 'ignore' as const);
  const command = fc.oneof(
    { weight: 4, arbitrary: fc.constant('acquire' as const) },
    { weight: 4, arbitrary: fc.record({ index, verdict }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('trip' as const, 'reset' as const, 'isolate' as const, 'release' as const),
    },
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 60 }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 30 }), fc.nat(2), async (commands, maxFailures) => {
      const clock = new TestClock();
      const [watched, unwatched] = [0, 1].map(() => ({
        breaker: circuitBreaker({
          initialState: 'half-open',
          consecutiveFailures: 2,
          openFor: ({ attempt }) => attempt * 20,
          halfOpen: { probes: 2, maxFailures, probeTimeout: 50 },
          classify: ({ ok, ...rest }: Outcome) => (ok ? (rest as { value: 'success' }).value : 'failure'),
          clock,
        }),
        permits: [] as (Permit | undefined)[],
        isolations: [] as Disposable[],
      }));
      const both = [watched as NonNullable<typeof watched>, unwatched as NonNullable<typeof unwatched>];
      for (const each of commands) {
        if (typeof each === 'number') await clock.advance(each);
        else {
          for (const { breaker, permits, isolations } of both) {
            if (each === 'acquire') permits.push(breaker.tryAcquire());
            else if (each === 'isolate') isolations.push(breaker.isolate());
            else if (each === 'release') isolations.pop()?.[Symbol.dispose]();
            else if (typeof each === 'string') breaker[each]();
            else permits[each.index % Math.max(1, permits.length)]?.release({ ok: true, value: each.verdict });
          }
        }
        watched?.breaker.state;
      }
      const [one, other] = both.map(({ breaker, permits }) => [permits.map(Boolean), breaker.toJSON(), breaker.stats]);
      expect(one).toEqual(other);
    }),
    { numRuns: runs(1000) },
  );
});
