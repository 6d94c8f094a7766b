/** Servers in virtual time that limit requests in the ways that servers do. */
import type { Clock } from 'breakwater';

/** A limit: returns the milliseconds until a request at time `now` would be admitted; 0 admits and counts it. */
type Limit = (now: number) => number;

/** `rate` requests in each window that begins at a multiple of `windowMs`. */
function fixedWindow(rate: number, windowMs: number): Limit {
  let window = -1;
  let count = 0;
  return (now) => {
    const current = Math.floor(now / windowMs);
    if (current !== window) [window, count] = [current, 0];
    return ++count <= rate ? 0 : (current + 1) * windowMs - now;
  };
}

function tokenBucket(rate: number, burst: number): Limit {
  let tokens = burst;
  let at = 0;
  return (now) => {
    tokens = Math.min(burst, tokens + ((now - at) * rate) / 1000);
    at = now;
    if (tokens < 1) return ((1 - tokens) * 1000) / rate;
    tokens--;
    return 0;
  };
}

/** At most `rate` requests in any second. */
function slidingLog(rate: number): Limit {
  const log: number[] = [];
  return (now) => {
    while (log.length > 0 && (log[0] as number) <= now - 1000) log.shift();
    if (log.length >= rate) return (log[0] as number) + 1000 - now;
    log.push(now);
    return 0;
  };
}

/** The behaviour of a server. */
export interface ServerOptions {
  readonly limit?: 'fixed' | 'bucket' | 'log' | 'ten-seconds' | 'concurrency' | 'none';
  /** Requests per second, or at once for `concurrency`. @defaultValue 10 */
  readonly rate?: number;
  /** The capacity of a bucket. @defaultValue 10 */
  readonly burst?: number;
  /** The `Retry-After` in seconds, or how it is computed. @defaultValue 'exact', in whole seconds */
  readonly retryAfter?: number | 'exact' | 'none';
  /** Whether responses have `RateLimit` fields. */
  readonly fields?: boolean;
  /** The share of responses that are 503. */
  readonly sick?: number;
  /** Rejects each request. */
  readonly lies?: boolean;
  /** The rate from a time on. */
  readonly falls?: { readonly atMs: number; readonly rate: number };
  /** The requests per second of other clients. */
  readonly others?: number;
  /** The mean time of one direction in milliseconds. @defaultValue 20 */
  readonly latencyMs?: number;
}

export interface Server {
  readonly fetch: (url: string, init?: { readonly signal?: AbortSignal | null }) => Promise<Response>;
  readonly counts: { requests: number; granted: number; refused: number; sentLater: number; refusedLater: number };
}

/** Creates a server. `sentLater` and `refusedLater` count requests that were sent after the first 429 had arrived. */
export function createServer(clock: Clock, random: () => number, options: ServerOptions): Server {
  const { limit: kind = 'fixed', rate = 10, burst = 10, retryAfter = 'exact', fields, sick = 0, lies, falls } = options;
  const { others = 0, latencyMs = 20 } = options;
  const make = (perSecond: number): Limit => {
    if (kind === 'bucket') return tokenBucket(perSecond, Math.min(burst, perSecond));
    if (kind === 'log') return slidingLog(perSecond);
    return kind === 'ten-seconds' ? fixedWindow(perSecond * 10, 10_000) : fixedWindow(perSecond, 1000);
  };
  let limit = make(rate);
  let isFallen = false;
  let running = 0;
  let firstRefusalHeard = Infinity;
  const counts = { requests: 0, granted: 0, refused: 0, sentLater: 0, refusedLater: 0 };
  const sleep = (ms: number, signal: AbortSignal | null | undefined) =>
    new Promise<void>((resolve, reject) => {
      const timer = clock.setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        clock.clearTimeout(timer);
        reject(signal.reason);
      });
    });
  const oneWay = () => latencyMs * (0.5 + random());
  if (others > 0) {
    const tick = () => {
      limit(clock.now());
      clock.setTimeout(tick, (1000 / others) * (0.5 + random()));
    };
    clock.setTimeout(tick, 5);
  }

  /** Returns the time until the request would be admitted. */
  async function ask(signal: AbortSignal | null | undefined): Promise<number> {
    if (lies) return 1;
    if (kind === 'none') return 0;
    if (kind !== 'concurrency') return limit(clock.now());
    if (running >= rate) return 1000;
    running++;
    await sleep(100, signal).finally(() => running--);
    return 0;
  }

  function headersOf(waitMs: number): Record<string, string> {
    const seconds = retryAfter === 'exact' ? Math.ceil(waitMs / 1000) : retryAfter;
    return {
      ...(retryAfter === 'none' ? {} : { 'retry-after': String(seconds) }),
      ...(fields && { ratelimit: `"d";r=0;t=${Math.ceil(waitMs / 1000)}`, 'ratelimit-policy': `"d";q=${rate};w=1` }),
    };
  }

  return {
    counts,
    async fetch(_url, init) {
      counts.requests++;
      const isLater = clock.now() > firstRefusalHeard;
      if (isLater) counts.sentLater++;
      await sleep(oneWay(), init?.signal);
      if (falls !== undefined && !isFallen && clock.now() >= falls.atMs) {
        isFallen = true;
        limit = make(falls.rate);
      }
      const waitMs = await ask(init?.signal);
      const isSick = random() < sick;
      let response = new Response('ok');
      if (isSick) {
        response = new Response(null, { status: 503, headers: headersOf(1000) });
      } else if (waitMs > 0) {
        counts.refused++;
        if (isLater) counts.refusedLater++;
        response = new Response('too many requests', { status: 429, headers: headersOf(waitMs) });
      } else counts.granted++;
      await sleep(oneWay(), init?.signal);
      if (response.status === 429) firstRefusalHeard = Math.min(firstRefusalHeard, clock.now());
      return response;
    },
  };
}
