import { bulkhead, circuitBreaker, keyed, pipeline, resilientFetch, retry, timeout } from 'breakwater';
import { resilient } from 'breakwater/undici';
import { Agent, type Dispatcher, interceptors, RetryAgent, request, fetch as undiciFetch } from 'undici';
import { type Bench, floor, ours, peer } from './bench.js';
import { REQUESTS, read, requests } from './requests.js';

/** Sends requests with `undici.request`. */
const requestWith = (makeDispatcher: () => Dispatcher) =>
  requests(() => {
    const dispatcher = makeDispatcher();
    return async (url) => {
      const { statusCode, body } = await request(url, { dispatcher });
      return read({ status: statusCode, text: () => body.text() });
    };
  });

/** The same with the undici of npm, for which there are interceptors. They retry; they have no breaker and no bulkhead. */
export const bench: Bench = {
  measured: 'requests',
  unit: 'request',
  perUse: REQUESTS,
  candidates: {
    "undici's fetch": floor(
      requests(() => {
        const dispatcher = new Agent();
        return async (url) => read(await undiciFetch(url, { dispatcher }));
      }),
    ),
    'ours around it': ours(
      requests(() => {
        const dispatcher = new Agent();
        const fetch = resilientFetch({ fetch: undiciFetch });
        return async (url) => read(await fetch(url, { dispatcher }));
      }),
    ),
    'our policies around undici.request': ours(
      requests(() => {
        const dispatcher = new Agent();
        const policy = pipeline(
          retry(),
          keyed(() => pipeline(circuitBreaker(), bulkhead({ maxConcurrent: 100 }), timeout('10s'))),
        );
        return async (url) => {
          const send = ({ signal }: { signal: AbortSignal }) => request(url, { dispatcher, signal });
          const { statusCode, body } = await policy.execute(send, { key: 'origin' });
          return read({ status: statusCode, text: () => body.text() });
        };
      }),
    ),
    // At most half the CPU time of `ours around it`.
    'undici.request + resilient()': ours(requestWith(() => new Agent().compose(resilient()))),
    'undici.request': peer(requestWith(() => new Agent())),
    'undici.request + RetryAgent': peer(requestWith(() => new RetryAgent(new Agent()))),
    'interceptors.retry()': peer(
      requests(() => {
        const dispatcher = new Agent().compose(interceptors.retry());
        return async (url) => read(await undiciFetch(url, { dispatcher }));
      }),
    ),
  },
};
