import {
  bulkhead,
  constantBackoff,
  loadingCache,
  resilientFetch,
  retry,
  sleep,
  TokenBucket,
  timeout,
} from 'breakwater';

export interface TimedCall {
  /** Never rejects. */
  readonly start: () => Promise<unknown>;
  /** After how many milliseconds it ends, a multiple of 500. */
  readonly ms: number;
  readonly ends: unknown;
}

const forever = (): Promise<never> => new Promise(() => {});
const codeOf = (error: { code?: unknown }) => error.code;

/** A call of each kind that waits for time to pass. */
export const timedCalls: Readonly<Record<string, TimedCall>> = {
  'a timeout': {
    start: () => timeout('5s').execute(forever).catch(codeOf),
    ms: 5000,
    ends: 'ERR_TIMEOUT',
  },
  'the timeout of a call': {
    start: () => retry().execute(forever, { timeout: '5s' }).catch(codeOf),
    ms: 5000,
    ends: 'ERR_TIMEOUT',
  },
  'a retry': {
    start: () =>
      retry({ backoff: constantBackoff(1000) }).execute(({ attempt }) => {
        if (attempt < 3) throw new Error('down');
        return attempt;
      }),
    ms: 2000,
    ends: 3,
  },
  'a retry with maxElapsed': {
    start: () =>
      retry({ backoff: constantBackoff(1000), maxElapsed: '2500ms', maxAttempts: Infinity })
        .execute(({ attempt }) => Promise.reject(attempt))
        .catch((attempt) => attempt),
    ms: 2000,
    ends: 3,
  },
  'a sleep': { start: () => sleep(1000).then(() => 'slept'), ms: 1000, ends: 'slept' },
  'a sleep of 40 days': { start: () => sleep(40 * 86_400_000).then(() => 'slept'), ms: 40 * 86_400_000, ends: 'slept' },
  'a queue timeout': {
    start: () => {
      const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: '1s' });
      void slots.execute(forever);
      return slots.execute(() => 1).catch(codeOf);
    },
    ms: 1000,
    ends: 'ERR_QUEUE_TIMEOUT',
  },
  'acquire of a limiter': {
    start: async () => {
      const limiter = new TokenBucket({ capacity: 1, refill: 1, per: '1s' });
      await limiter.acquire();
      await limiter.acquire({ maxWait: '5s' });
      return 'acquired';
    },
    ms: 1000,
    ends: 'acquired',
  },
  'a fetch with retries': {
    start: async () => {
      let sent = 0;
      const fetch = resilientFetch({
        fetch: async (_url: string) => new Response(null, { status: ++sent < 3 ? 503 : 200 }),
        retry: { backoff: constantBackoff(1000) },
      });
      return (await fetch('http://x.test/')).status;
    },
    ms: 2000,
    ends: 200,
  },
  'a fetch without an answer': {
    start: () => {
      const fetch = resilientFetch({
        fetch: (_url: string): Promise<Response> => forever(),
        attemptTimeout: '2s',
        retry: false,
      });
      return fetch('http://x.test/').then(({ status }) => status, codeOf);
    },
    ms: 2000,
    ends: 'ERR_TIMEOUT',
  },
  'a hard timeout of a loading cache': {
    start: () => loadingCache({ load: forever, capacity: 1, hardTimeout: '1s' }).get('a').catch(codeOf),
    ms: 1000,
    ends: 'ERR_TIMEOUT',
  },
};
