/**
 * 10,000 calls through random policies, whose operations do anything, with aborts, timeouts, refusals and listeners that
 * throw. Prints what is left of them. Arguments: the clock ('test' or 'system'), the seed.
 */
import { getEventListeners } from 'node:events';
import {
  bulkhead,
  type CallContext,
  type CallOptions,
  circuitBreaker,
  exponentialBackoff,
  fallback,
  keyed,
  type Policy,
  pipeline,
  RetryBudget,
  retry,
  systemClock,
  timeout,
  type Verdict,
} from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';

const CALLS = 10_000;
const AT_ONCE = 200;
const [kind, seed] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const clock = kind === 'test' ? new TestClock() : systemClock;
const upTo = (most: number) => Math.floor(random() * most);
const oneOf = <T>(...values: readonly T[]): T => values[upTo(values.length)] as T;
const happens = (probability: number) => random() < probability;

const ill = new Error('the listener is ill');
let listenerThrows = 0;
const uncaught: unknown[] = [];
const unhandled: unknown[] = [];
process.on('uncaughtException', (error) => uncaught.push(error));
process.on('unhandledRejection', (reason) => unhandled.push(reason));
const listener = () => {
  if (!happens(0.1)) return;
  listenerThrows++;
  throw ill;
};

const breakers = Array.from({ length: 4 }, () =>
  circuitBreaker({
    window: oneOf({ calls: 10 }, { duration: 50 }),
    minimumCalls: 5,
    failureRateThreshold: 0.8,
    openFor: 1 + upTo(10),
    slowCallDuration: oneOf(undefined, 15),
    halfOpen: { probes: 2, probeTimeout: Infinity }, // a probe that got lost would be lost for good
    clock,
    random,
  }),
);
const slots = Array.from({ length: 4 }, () =>
  bulkhead({ maxConcurrent: 1 + upTo(8), maxQueue: upTo(30), queueTimeout: 1 + upTo(20), clock }),
);
const backoff = exponentialBackoff({ initial: 1, max: 8 });
const retries = [
  retry({ backoff, clock, random, maxElapsed: 50 }),
  retry({ backoff: () => 0, clock, random, budget: new RetryBudget({ ratio: 0.5, window: 100, clock }) }),
];
const limits = [1, 5, 20].map((duration) => timeout({ duration, clock }));
const members = new Set<ReturnType<typeof bulkhead>>();
const family = keyed(
  () => {
    const member = bulkhead({ maxConcurrent: 2, maxQueue: 5, clock });
    members.add(member);
    return member;
  },
  { maxKeys: 5, idleFor: 20, clock },
);
const answers = [fallback('an answer'), fallback(async () => Promise.reject(new Error('no answer')))];
const all: readonly Policy<unknown>[] = [...breakers, ...slots, ...retries, ...limits, family, ...answers];
for (const one of breakers) for (const type of ['open', 'halfOpen', 'close', 'reject'] as const) one.on(type, listener);
for (const one of slots) for (const type of ['queued', 'reject', 'idle'] as const) one.on(type, listener);
for (const one of retries) for (const type of ['retry', 'giveUp'] as const) one.on(type, listener);
for (const one of limits) one.on('timeout', listener);
const pipelines = Array.from({ length: 20 }, () => {
  const policy = pipeline(...Array.from({ length: 1 + upTo(6) }, () => oneOf(...all)));
  for (const type of ['success', 'failure'] as const) policy.on(type, listener);
  return policy;
});

const after = (ms: number, act: () => void) => clock.setTimeout(act, ms);
const later = (ms: number, act: () => unknown) =>
  new Promise((resolve, reject) => {
    after(ms, () => {
      try {
        resolve(act());
      } catch (error) {
        reject(error);
      }
    });
  });
const fail = () => {
  throw oneOf<unknown>(
    new Error('down'),
    new TypeError('a mistake'),
    undefined,
    'text',
    Object.freeze(new Error('ice')),
  );
};

/** All that operations do, and some that they should not. */
function operation(context: CallContext): unknown {
  const ms = upTo(20);
  const acts: (() => unknown)[] = [
    () => 'at once',
    fail,
    () => later(ms, () => 'later'),
    () => later(ms, fail),
    () => new Promise(() => {}),
    () =>
      new Promise((_, reject) => {
        context.signal.addEventListener('abort', () => reject(new Error('told to stop')));
      }),
    () => ({ then: (resolve: (value: string) => void) => resolve('a thenable') }),
    () => ({ then: fail }),
    () => oneOf(...all).execute(() => later(1, () => 'from inside'), { timeout: 50, key: 'inner' }),
  ];
  return oneOf(...acts)();
}

const { signal: shared } = new AbortController();
const settled = { fulfilled: 0, rejected: 0 };
let aborts = 0;

function call(): Promise<unknown> {
  const controller = new AbortController();
  if (happens(0.3)) {
    aborts++;
    if (happens(0.1)) controller.abort('before');
    else after(upTo(30), () => controller.abort(oneOf<unknown>('enough', undefined, new Error('stop'))));
  }
  const options: CallOptions = {
    signal: happens(0.5) ? controller.signal : shared,
    timeout: 1 + upTo(60), // every call has an end
    priority: upTo(10),
    key: `${upTo(8)}`,
    classify: happens(0.3) ? () => oneOf<Verdict>('success', 'failure', 'permanent', 'ignore') : undefined,
  };
  return oneOf(...pipelines)
    .execute(operation, options)
    .then(
      () => settled.fulfilled++,
      () => settled.rejected++,
    );
}

for (let i = 0; i < CALLS; i += AT_ONCE) {
  const wave = Promise.all(Array.from({ length: AT_ONCE }, call));
  if (clock instanceof TestClock) await clock.advance(100);
  const unsettled = CALLS - settled.fulfilled - settled.rejected;
  let giveUp: NodeJS.Timeout | undefined;
  const hung = new Promise((resolve) => {
    giveUp = setTimeout(resolve, 5000, 'hung');
  });
  const everything = await Promise.race([wave, hung]);
  clearTimeout(giveUp);
  if (everything === 'hung') throw new Error(`some of ${unsettled} calls never settled (seed ${seed})`);
}

// What still runs comes to its end, and open breakers to theirs.
const pause = (ms: number) => (clock instanceof TestClock ? clock.advance(ms) : new Promise((r) => setTimeout(r, ms)));
await pause(200);
const permits = breakers.map((breaker) => {
  const three = [breaker.tryAcquire(), breaker.tryAcquire(), breaker.tryAcquire()].filter(Boolean);
  for (const permit of three) permit?.release();
  return breaker.state === 'closed' || three.length > 0;
});
await new Promise((resolve) => setImmediate(resolve));

console.log(
  JSON.stringify({
    seed,
    settled: settled.fulfilled + settled.rejected,
    unhandled: unhandled.length,
    uncaught: uncaught.filter((error) => error !== ill).map(String),
    unreported: listenerThrows - uncaught.length,
    held: [...slots, ...members].reduce((sum, { active, queued }) => sum + active + queued, 0),
    permits,
    listeners: getEventListeners(shared, 'abort').length,
    timers:
      clock instanceof TestClock
        ? clock.pendingTimers
        : process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length,
    happened: { ...settled, aborts, listenerThrows, members: members.size },
  }),
);
process.exit();
