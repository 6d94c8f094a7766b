/** A worker whose requests share policies and caches. */
import * as b from 'breakwater';
import { runChecks } from './checks.js';

interface Environment {
  readonly ORIGIN: string;
}

type Handler = (options: { readonly ms: number; readonly query: string }) => Promise<unknown>;

let origin = '';
let loads = 0;
let runs = 0;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const work = (ms: number) => async () => {
  await wait(ms);
  return 'done';
};

const cache = b.loadingCache({
  capacity: 10,
  load: async (query: string, { signal }) => {
    const load = ++loads;
    const response = await fetch(`${origin}/slow${query}`, { signal });
    return `${await response.text()}, load ${load}`;
  },
});
const coalesced = b.coalesce();
const bulkhead = b.bulkhead({ maxConcurrent: 1, maxQueue: 10 });
const impatient = b.bulkhead({ maxConcurrent: 1, maxQueue: 10, queueTimeout: 100 });
const bucket = new b.TokenBucket({ capacity: 1, refill: 1, per: 50 });
const deadline = b.timeout(200);
const resilient = b.resilientFetch({ bulkhead: { maxConcurrent: 1, maxQueue: 10 } });
const cached = b.cachedFetch(b.resilientFetch());
const leftBulkhead = b.bulkhead({ maxConcurrent: 1, maxQueue: 10 });
const leftOperation = b.coalesce();

const handlers: Record<string, Handler> = {
  '/load': ({ query }) => cache.get(query),
  '/coalesce': ({ ms }) =>
    coalesced.execute(
      async () => {
        await wait(ms);
        return `run ${++runs}`;
      },
      { key: 'k' },
    ),
  '/bulkhead': ({ ms }) => bulkhead.execute(work(ms)),
  '/queue-timeout': ({ ms }) => impatient.execute(work(ms)),
  '/limiter': async () => (await bucket.acquire()).allowed,
  '/timeout': ({ ms }) => deadline.execute(work(ms)),
  '/fetch': async ({ query }) => (await resilient(`${origin}/slow${query}`)).text(),
  '/cached': async ({ query }) => (await cached(`${origin}/slow${query}`)).text(),
  '/leave': async () => {
    leftBulkhead.execute(work(60_000));
    leftOperation.execute(work(60_000), { key: 'k' });
    return 'left';
  },
  '/left-slot': () => leftBulkhead.execute(work(0)),
  '/left-operation': () => leftOperation.execute(work(0), { key: 'k' }),
};

export default {
  async fetch(request: Request, environment: Environment): Promise<Response> {
    origin = environment.ORIGIN;
    const { pathname, search, searchParams } = new URL(request.url);
    if (pathname === '/checks') {
      // Promises of a Worker settle in the order of its requests, so a simulation has another result than elsewhere.
      return Response.json(await runChecks(origin, false));
    }
    try {
      const value = await handlers[pathname]?.({ ms: Number(searchParams.get('ms')), query: search });
      return new Response(String(value));
    } catch (error) {
      const { code, message } = error as { readonly code?: string; readonly message: string };
      return new Response(code ?? message, { status: 500 });
    }
  },
};
