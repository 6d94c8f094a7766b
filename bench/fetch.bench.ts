import { resilientFetch } from 'breakwater';
import { type Bench, floor, ours, peer } from './bench.js';
import { abortOff, asItComes, cockatiel, cockatielFour } from './cockatiel.js';
import { REQUESTS, read, requests } from './requests.js';

/** What `resilientFetch` takes for a failure, more or less. */
const failures = cockatiel.handleAll.orWhenResult((response) => (response as Response).status >= 500);

/** Plain `fetch`, and the same inside policies, against a server on loopback: 50 requests in flight, all is well. */
export const bench: Bench = {
  measured: 'requests',
  unit: 'request',
  perUse: REQUESTS,
  candidates: {
    'plain fetch': floor(requests(() => async (url) => read(await fetch(url)))),
    ours: ours(
      requests(() => {
        const fetch = resilientFetch();
        return async (url) => read(await fetch(url));
      }),
    ),
    'fetch with AbortSignal.timeout()': peer(
      requests(() => async (url) => read(await fetch(url, { signal: AbortSignal.timeout(10_000) }))),
    ),
    [abortOff]: peer(
      requests(() => {
        const policy = cockatielFour(failures, false);
        return async (url) => read(await policy.execute(({ signal }) => fetch(url, { signal })));
      }),
    ),
    // It aborts its signal as soon as the operation is done, so the body must be read inside.
    [asItComes]: peer(
      requests(() => {
        const policy = cockatielFour(cockatiel.handleAll, true);
        return (url) => policy.execute(async ({ signal }) => read(await fetch(url, { signal })));
      }),
    ),
  },
  targets: { floor: 0.93, peers: { [abortOff]: 1.2, [asItComes]: 1.2 } },
};
