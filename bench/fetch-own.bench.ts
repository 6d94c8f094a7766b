import { resilientFetch } from 'breakwater';
import { type Bench, floor, ours, type Prepare, peer } from './bench.js';
import { abortOff, cockatiel, cockatielFour } from './cockatiel.js';

const URL_TEXT = 'http://127.0.0.1:8080/items';
const response = new Response(null, { status: 200 });
let kept: unknown;

/** Answers at once, and keeps what it was called with for as long as a real one would. */
const answer = async (_input: unknown, init?: unknown): Promise<Response> => {
  kept = init;
  return kept === null ? new Response() : response;
};

const off = {
  circuitBreaker: false,
  bulkhead: false,
  retry: false,
  timeout: Infinity,
  attemptTimeout: Infinity,
} as const;
const headers = { accept: 'application/json', 'x-request-id': '17' };

function calls(options: object, init?: RequestInit): Prepare {
  return () => {
    const fetch = resilientFetch({ fetch: answer, ...options });
    return () => fetch(URL_TEXT, init);
  };
}

/** What `resilientFetch` itself costs, around a fetch that answers at once. */
export const bench: Bench = {
  candidates: {
    'a fetch that answers at once': floor(() => () => answer(URL_TEXT)),
    ours: { ...ours(calls({})), targets: { ns: 6_000 } },
    'ours, with init.headers': { ...ours(calls({}, { headers })), targets: { ns: 8_000 } },
    'ours, with everything off': { ...ours(calls(off)), targets: { ns: 4_000 } },
    'new URL() and a signal': peer(() => () => {
      kept = new URL(URL_TEXT);
      return answer(URL_TEXT, { signal: new AbortController().signal });
    }),
    [abortOff]: peer(() => {
      const policy = cockatielFour(cockatiel.handleAll, false);
      return () => policy.execute(({ signal }) => answer(URL_TEXT, { signal }));
    }),
  },
  targets: { peers: { [abortOff]: 0.8 } },
};
