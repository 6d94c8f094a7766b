/**
 * Many calls of one kind on one signal that lives as long as the process: what is left of them? Needs --expose-gc.
 * Arguments: how many calls, and the kinds; all the others when they begin with 'not'. Prints a line for each.
 */
import { getEventListeners } from 'node:events';
import {
  bulkhead,
  circuitBreaker,
  constantBackoff,
  fallback,
  keyed,
  pipeline,
  RetryBudget,
  resilientFetch,
  retry,
  sleep,
  timeout,
} from 'breakwater';

const AT_ONCE = 100;
const { signal } = new AbortController();
const down = new Error('down');
/** Every tenth call fails at first; every one looks at its signal, and hangs something on it as fetch does. */
let calls = 0;
const operation = ({ signal, attempt }: { signal: AbortSignal; attempt: number }) => {
  signal.addEventListener('abort', () => {});
  if (attempt === 1 && calls++ % 10 === 0) throw down;
  return attempt;
};
const again = retry({ backoff: () => 0, budget: new RetryBudget({ ratio: 1 }) });
const breaker = circuitBreaker();
const slots = bulkhead({ maxConcurrent: 10, maxQueue: AT_ONCE, queueTimeout: '1h' });
const limit = timeout('1h');
const open = circuitBreaker({ initialState: 'open', openFor: '1h' });
const single = bulkhead({ maxConcurrent: 1 });
single.tryAcquire();
const all = pipeline(fallback('an answer'), timeout('1h'), again, breaker, slots, timeout('1m'));
const family = keyed((name) => circuitBreaker({ name }), { maxKeys: 10 });
const fetch = resilientFetch({
  fetch: async (_url: string, init?: RequestInit) => {
    init?.signal?.addEventListener('abort', () => {});
    return { status: calls++ % 10 === 0 ? 503 : 200, headers: new Headers(), body: null } as Response;
  },
  retry: { backoff: constantBackoff(1) },
});

const kinds: Record<string, () => Promise<unknown>> = {
  retry: () => again.execute(operation, { signal }),
  timeout: () => limit.execute(operation, { signal }),
  'total timeout': () => again.execute(operation, { signal, timeout: '1h' }),
  circuitBreaker: () => breaker.execute(operation, { signal }),
  'open circuitBreaker': () => open.execute(operation, { signal }),
  'bulkhead with a queue': () => slots.execute(operation, { signal }),
  'full bulkhead': () => single.execute(operation),
  permits: () => slots.acquire({ signal }).then((permit) => permit.release()),
  fallback: () => fallback(1).execute(operation, { signal }),
  keyed: () => family.execute(operation, { signal, key: `${calls % 20}` }),
  sleep: () => sleep(0, { signal }),
  'pipeline of all': () => all.execute(operation, { signal }),
  resilientFetch: () => fetch('http://127.0.0.1:1/', { signal }),
};

async function run(call: () => Promise<unknown>, times: number): Promise<void> {
  for (let i = 0; i < times; i += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => call().then(ignore, ignore)));
  }
}
const ignore = () => {};

async function heapUsed(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  for (let i = 0; i < 3; i++) {
    gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

const [count, ...names] = process.argv.slice(2);
for (const [name, call] of Object.entries(kinds)) {
  if (names.includes(name) === names.includes('not')) continue;
  await run(call, 10_000);
  const before = await heapUsed();
  await run(call, Number(count));
  const grewBy = (await heapUsed()) - before;
  const timers = process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
  console.log(JSON.stringify({ name, listeners: getEventListeners(signal, 'abort').length, timers, grewBy }));
}
