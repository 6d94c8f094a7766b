import { isDeepStrictEqual } from 'node:util';
import { bulkhead } from 'breakwater/bulkhead';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { runs } from '../support/runs.js';
import { catchUncaught } from '../support/uncaught.js';

type Kind = 'call' | 'acquire' | 'tryAcquire';
type Step =
  /** A call can make another call of priority 5 when it starts. */
  | { readonly do: 'call'; readonly priority: number; readonly nests: boolean }
  | { readonly do: 'acquire'; readonly priority: number }
  | { readonly do: 'tryAcquire' }
  | { readonly do: 'end' | 'fail' | 'abort'; readonly index: number }
  /** The next listener of `idle` makes a call. */
  | { readonly do: 'call when idle' }
  | { readonly do: 'resize'; readonly to: number }
  | { readonly do: 'wait'; readonly ms: number };

const index = fc.nat(30);
const priority = fc.constantFrom(5, 5, 5, 1, 9);
const nests = fc.nat(5).map((n) => n === 0);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('call' as const), priority, nests }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('acquire' as const), priority }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('tryAcquire' as const, 'call when idle' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('end' as const, 'fail' as const, 'abort' as const), index }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resize' as const), to: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 120 }) }) },
);

const QUEUE_TIMEOUT_MS = 100;

interface Entry {
  readonly id: number;
  readonly kind: Kind;
  readonly priority: number;
  readonly nests: boolean;
  readonly deadline: number;
  status: 'queued' | 'running' | 'over';
}

/** A bulkhead that keeps its entries in an array. */
class NaiveBulkhead {
  readonly entries: Entry[] = [];
  readonly started: number[] = [];
  readonly events = { queued: 0, reject: 0, idle: 0 };
  callsWhenIdle = 0;
  #limit: number;
  readonly #maxQueue: number;

  constructor(limit: number, maxQueue: number) {
    this.#limit = limit;
    this.#maxQueue = maxQueue;
  }

  all(status: Entry['status']): Entry[] {
    return this.entries.filter((entry) => entry.status === status);
  }

  submit(kind: Kind, now: number, priority = 5, nests = false): void {
    const hasSlot = this.all('running').length < this.#limit;
    const isAccepted = hasSlot || (kind !== 'tryAcquire' && this.all('queued').length < this.#maxQueue);
    const status = isAccepted ? 'queued' : 'over';
    this.entries.push({
      id: this.entries.length,
      kind,
      priority,
      nests,
      deadline: now + QUEUE_TIMEOUT_MS,
      status,
    });
    if (!isAccepted && kind !== 'tryAcquire') this.events.reject++;
    if (isAccepted && !hasSlot) this.events.queued++;
    this.#fill(now);
  }

  /** Selects all entries that can start before the first of them starts. */
  #fill(now: number): void {
    const waiting = this.all('queued').sort((a, b) => a.priority - b.priority || a.id - b.id);
    const starting = waiting.slice(0, Math.max(0, this.#limit - this.all('running').length));
    for (const entry of starting) entry.status = 'running';
    for (const entry of starting) {
      this.started.push(entry.id);
      if (entry.nests) this.submit('call', now);
    }
  }

  end(entry: Entry, now: number): void {
    const wasRunning = entry.status === 'running';
    entry.status = 'over';
    this.#fill(now);
    if (!wasRunning || this.all('running').length > 0) return;
    this.events.idle++;
    if (this.callsWhenIdle > 0) {
      this.callsWhenIdle--;
      this.submit('call', now);
    }
  }

  resize(to: number, now: number): void {
    this.#limit = to;
    this.#fill(now);
  }

  expire(now: number): void {
    for (const entry of this.all('queued').filter(({ deadline }) => deadline <= now)) {
      entry.status = 'over';
      this.events.reject++;
    }
  }
}

it('a bulkhead behaves like a naive model for any calls, ends, aborts, resizes and timeouts, and with any listeners', async () => {
  using uncaught = catchUncaught();
  const most = { queued: 0, reject: 0, idle: 0, nested: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 6 }),
      fc.array(step, { maxLength: 80, size: 'max' }),
      async (maxConcurrent, maxQueue, steps) => {
        const clock = new TestClock();
        const policy = bulkhead({ maxConcurrent, maxQueue, queueTimeout: QUEUE_TIMEOUT_MS, clock });
        const model = new NaiveBulkhead(maxConcurrent, maxQueue);
        const started: number[] = [];
        const events = { queued: 0, reject: 0, idle: 0 };
        const aborts: (() => void)[] = [];
        const ends: ((how: 'end' | 'fail') => void)[] = [];
        let callsWhenIdle = 0;
        for (const type of ['queued', 'reject', 'idle'] as const) {
          policy.on(type, () => {
            events[type]++;
            if (type === 'idle' && callsWhenIdle > 0) {
              callsWhenIdle--;
              call(5, false);
            }
            throw new Error('the listener failed');
          });
        }

        const submit = (): [number, AbortController] => {
          const controller = new AbortController();
          const id = aborts.push(() => controller.abort()) - 1;
          return [id, controller];
        };
        const call = (priority: number, nests: boolean) => {
          const [id, { signal }] = submit();
          const operation = () => {
            started.push(id);
            if (nests) call(5, false);
            return new Promise((resolve, reject) => {
              ends[id] = (how) => (how === 'end' ? resolve(id) : reject(new Error(`${id}`)));
            });
          };
          watch(policy.execute(operation, { signal, priority }));
        };
        const acquire = (priority: number, waits: boolean) => {
          const [id, { signal }] = submit();
          const hold = (permit: { release(): void } | undefined) => {
            if (permit === undefined) return;
            started.push(id);
            ends[id] = () => permit.release();
          };
          if (waits) policy.acquire({ signal, priority }).then(hold, () => {});
          else hold(policy.tryAcquire());
        };

        const end = async (entry: Entry, how: 'end' | 'fail' | 'abort') => {
          // An abort has no effect on an acquired permit, but has on a running call.
          const isInReach = entry.kind === 'call' || entry.status === 'queued';
          if (how === 'abort' && isInReach) aborts[entry.id]?.();
          else ends[entry.id]?.(how === 'fail' ? 'fail' : 'end');
          await settle();
          model.end(entry, clock.now());
        };
        const compare = async () => {
          await settle();
          // Permits reach their holders a few microtasks later than operations start. Among entries that are admitted together,
          // only the order of the calls is visible.
          const isCall = (id: number) => model.entries[id]?.kind === 'call';
          const view = (ids: number[]) => [ids.filter(isCall), [...ids].sort()];
          const seen = [view(started), policy.active, policy.queued, events];
          const expected = [view(model.started), model.all('running').length, model.all('queued').length, model.events];
          if (!isDeepStrictEqual(seen, expected)) expect(seen).toEqual(expected);
        };

        for (const each of steps) {
          const now = clock.now();
          switch (each.do) {
            case 'call':
              call(each.priority, each.nests);
              model.submit('call', now, each.priority, each.nests);
              break;
            case 'acquire':
              acquire(each.priority, true);
              model.submit('acquire', now, each.priority);
              break;
            case 'tryAcquire':
              acquire(5, false);
              model.submit('tryAcquire', now);
              break;
            case 'call when idle':
              callsWhenIdle++;
              model.callsWhenIdle++;
              break;
            case 'resize':
              policy.resize(each.to);
              model.resize(each.to, now);
              break;
            case 'wait':
              await clock.advance(each.ms);
              model.expire(clock.now());
              break;
            default: {
              const running = model.all('running');
              const candidates = each.do === 'abort' ? [...running, ...model.all('queued')] : running;
              const entry = candidates[each.index % Math.max(1, candidates.length)];
              if (entry !== undefined) await end(entry, each.do);
            }
          }
          await compare();
        }

        // At the end every slot is released.
        for (let running = model.all('running'); running.length > 0; running = model.all('running')) {
          for (const entry of running) await end(entry, 'end');
          await compare();
        }
        expect([policy.active, policy.queued, clock.pendingTimers]).toEqual([0, 0, 0]);
        for (const type of ['queued', 'reject', 'idle'] as const) most[type] += events[type];
        most.nested += model.entries.filter((entry) => entry.nests && entry.status === 'over').length;
      },
    ),
    { numRuns: runs(1000) },
  );
  expect(uncaught.errors.every((error) => (error as Error).message === 'the listener failed')).toBe(true);
  expect(Math.min(most.queued, most.reject, most.idle, most.nested)).toBeGreaterThan(runs(1000)); // all of these events happened
});
