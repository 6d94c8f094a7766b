import {
  assertNoWarnings,
  explain,
  hedge,
  pipeline,
  type ResilientFetchOptions,
  resilientFetch,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';

/** The time until a response in milliseconds; its status is 200 unless another one is given. */
type Answer = number | { readonly ms: number; readonly status: number };

/** A server with these answers in turn. */
function servedBy(clock: TestClock, ...answers: readonly Answer[]) {
  const sent: { readonly url: string; readonly method: string; readonly at: number; signal: AbortSignal }[] = [];
  const discarded: number[] = [];
  const fetch = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const index = sent.length;
    const request = new Request(input, init);
    const signal = init?.signal as AbortSignal;
    sent.push({ url: request.url, method: request.method, at: clock.now(), signal });
    const answer = answers[index % answers.length]!;
    const { ms, status } = typeof answer === 'number' ? { ms: answer, status: 200 } : answer;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(`response ${index}`));
      },
      cancel() {
        discarded.push(index);
      },
    });
    return new Promise((resolve, reject) => {
      clock.setTimeout(() => resolve(new Response(body, { status, headers: { 'content-length': '1000000' } })), ms);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  };
  return { fetch, sent, discarded };
}

const url = 'https://a.example/users/1';

function hedgedFetch(options: ResilientFetchOptions, ...answers: readonly Answer[]) {
  const clock = new TestClock();
  const served = servedBy(clock, ...answers);
  const policy = hedge({ delay: 100 });
  const calls: { attempts: number; hedges: number }[] = [];
  const on = { call: ({ attempts, hedges }: { attempts: number; hedges: number }) => calls.push({ attempts, hedges }) };
  const fetch = resilientFetch({ fetch: served.fetch, clock, hedge: policy, on, ...options });
  return { ...served, clock, fetch, policy, calls };
}

describe('resilientFetch with a hedge', () => {
  it('a slow request is sent again, the first response wins, and the call event counts the hedge', async () => {
    const { clock, fetch, sent, policy, calls } = hedgedFetch({}, 500, 20);
    const call = watch(fetch(url));
    await clock.advance(120);
    expect(call.value?.status).toBe(200);
    expect(sent.map(({ at }) => at)).toEqual([0, 100]);
    expect(sent[0]!.signal.aborted).toBe(true);
    expect(sent[1]!.signal.aborted).toBe(false);
    expect(calls).toEqual([{ attempts: 1, hedges: 1 }]);
    expect(policy.stats).toMatchObject({ calls: 1, hedges: 1, wins: 1 });
    expect(clock.pendingTimers).toBe(1); // that of the abandoned response
  });

  it.each([
    ['GET', {}, 2],
    ['HEAD', {}, 2],
    ['OPTIONS', {}, 2],
    ['PUT', {}, 1],
    ['DELETE', {}, 1],
    ['POST', {}, 1],
    ['PATCH', {}, 1],
    ['POST', { 'idempotency-key': 'a' }, 2],
    ['PUT', { 'Idempotency-Key': 'a' }, 2],
  ])('O4: a slow %s with the headers %j is sent as often as it is safe', async (method, headers, count) => {
    const { clock, fetch, sent } = hedgedFetch({}, 500);
    const call = watch(fetch(url, { method, headers }));
    await clock.advance(500);
    expect(call.value?.status).toBe(200);
    expect(sent).toHaveLength(count);
  });

  it('O4: the same holds under a policy of the caller', async () => {
    for (const [method, count] of [
      ['GET', 2],
      ['PUT', 1],
      ['DELETE', 1],
      ['POST', 1],
    ] as const) {
      const clock = new TestClock();
      const { fetch: given, sent } = servedBy(clock, 500);
      const fetch = resilientFetch({
        fetch: given,
        policy: pipeline(hedge({ delay: 100, clock }), timeout({ duration: '5s', clock })),
      });
      const call = watch(fetch(url, { method }));
      await clock.advance(500);
      expect(call.value?.status, method).toBe(200);
      expect(sent, method).toHaveLength(count);
      expect(await readable(call.value), method).toBe(true);
    }
  });

  it('a caller may declare that a POST may be sent twice, and explain warns about an instance that does', async () => {
    const { clock, fetch, sent } = hedgedFetch({}, 500);
    const one = watch(fetch(url, { method: 'POST', breakwater: { repeatable: true } }));
    await clock.advance(500);
    expect([one.value?.status, sent.length]).toEqual([200, 2]);
    expect(explain(fetch).warnings).toEqual([]);
    const declared = hedgedFetch({ repeatable: () => true }, 500);
    const two = watch(declared.fetch(url, { method: 'POST' }));
    await declared.clock.advance(500);
    expect([two.value?.status, declared.sent.length]).toEqual([200, 2]);
    expect(explain(declared.fetch).warnings.map(({ code }) => code)).toEqual(['hedge-of-unsafe-calls']);
    expect(() => assertNoWarnings(declared.fetch, { allow: ['hedge-of-unsafe-calls'] })).not.toThrow();
    expect(() => assertNoWarnings(fetch.breakwater.with({ repeatable: true }))).toThrow('hedge-of-unsafe-calls');
  });

  it('a hedge that fails leaves the first request running, and its response intact', async () => {
    const { clock, fetch, sent } = hedgedFetch({ retry: false }, 300, { ms: 10, status: 503 });
    const call = watch(fetch(url));
    await clock.advance(300);
    expect(call.value?.status).toBe(200);
    expect(sent[0]!.signal.aborted).toBe(false);
    expect(await readable(call.value)).toBe(true);
  });

  it('if all responses are bad, the first one is returned intact and the other is discarded', async () => {
    const { clock, fetch, discarded } = hedgedFetch({ retry: false }, { ms: 10, status: 503 }, { ms: 10, status: 500 });
    const call = watch(fetch(url));
    await clock.advance(20);
    expect(call.value?.status).toBe(503);
    expect(await readable(call.value)).toBe(true);
    expect(discarded).toEqual([1]);
  });

  it('a bad response is discarded when the hedge that follows it succeeds', async () => {
    const { clock, fetch, discarded } = hedgedFetch({}, { ms: 10, status: 503 }, 10);
    const call = watch(fetch(url));
    await clock.advance(20);
    expect(call.value?.status).toBe(200);
    expect(discarded).toEqual([0]);
  });

  it('a response that arrives after another one has won is discarded, although fetch ignores its signal', async () => {
    const clock = new TestClock();
    const discarded: number[] = [];
    let requests = 0;
    const given = (_input: string) => {
      const index = requests++;
      const body = new ReadableStream({ cancel: () => void discarded.push(index) });
      const headers = { 'content-length': '1000000' };
      return new Promise<Response>((resolve) => {
        clock.setTimeout(() => resolve(new Response(body, { headers })), index === 0 ? 300 : 10);
      });
    };
    const call = watch(resilientFetch({ fetch: given, clock, hedge: hedge({ delay: 100 }) })(url));
    await clock.advance(110);
    expect(call.value?.status).toBe(200);
    await clock.advance(500);
    expect(discarded).toEqual([0]);
  });

  it('a 429 starts no hedge and closes the pacing gate', async () => {
    const { clock, fetch, sent } = hedgedFetch({}, { ms: 10, status: 429 }, 10);
    const call = watch(fetch(url));
    await clock.advance(600);
    expect(sent).toHaveLength(1);
    await clock.advance(2000);
    expect(call.value?.status).toBe(200);
    expect(sent).toHaveLength(2);
  });

  it('each key has a cap and latencies of its own, and the policy has the events and counts of all keys', async () => {
    const { clock, fetch, policy, sent } = hedgedFetch({}, 5000);
    let hedges = 0;
    policy.on('hedge', () => hedges++);
    const calls = Array.from({ length: 40 }, (_, index) => watch(fetch(`https://${index % 2 ? 'a' : 'b'}.example/`)));
    await clock.advance(5000);
    expect(calls.every(({ state }) => state === 'fulfilled')).toBe(true);
    // 0.05 × 20 + 10 for each of the two origins
    expect(sent).toHaveLength(40 + 22);
    expect([hedges, policy.stats.hedges, policy.stats.calls]).toEqual([22, 22, 40]);
  });

  it('a hedge has an attempt timeout of its own, and the total timeout limits it', async () => {
    const { clock, fetch, sent } = hedgedFetch({ attemptTimeout: 150, timeout: 5000, retry: false }, 10_000, 120);
    const call = watch(fetch(url));
    await clock.advance(220);
    expect(call.value?.status).toBe(200);
    expect(sent[0]!.signal.reason).toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('each attempt of a retry has hedges of its own', async () => {
    const { clock, fetch, sent, calls } = hedgedFetch(
      { retry: { backoff: () => 50 } },
      ...[{ ms: 10, status: 503 }, { ms: 10, status: 503 }, 400, 10],
    );
    const call = watch(fetch(url));
    await clock.advance(1000);
    expect(call.value?.status).toBe(200);
    expect(sent.map(({ at }) => at)).toEqual([0, 10, 70, 170]);
    expect(calls).toEqual([{ attempts: 2, hedges: 2 }]);
  });

  it('the body of a mutable request is sent unchanged by the hedge', async () => {
    const clock = new TestClock();
    const bodies: string[] = [];
    const given = async (input: unknown, init?: RequestInit) => {
      bodies.push(await new Request(input as string, init).text());
      return new Promise<Response>((resolve) => clock.setTimeout(() => resolve(new Response('ok')), 300));
    };
    const fetch = resilientFetch({ fetch: given, clock, hedge: hedge({ delay: 100 }) });
    const bytes = new TextEncoder().encode('a body');
    const headers = { 'idempotency-key': '1' };
    const one = watch(fetch(url, { method: 'POST', body: bytes, headers }));
    bytes.fill(0);
    const two = watch(fetch(new Request(url, { method: 'POST', body: 'of a request', headers })));
    await clock.advance(500);
    expect([one.state, two.state]).toEqual(['fulfilled', 'fulfilled']);
    expect(bodies.sort()).toEqual(['a body', 'a body', 'of a request', 'of a request']);
  });

  it('a caller that aborts ends the request and its hedge', async () => {
    const { clock, fetch, sent } = hedgedFetch({}, 500);
    const controller = new AbortController();
    const call = watch(fetch(url, { signal: controller.signal }));
    await clock.advance(150);
    controller.abort(new Error('left'));
    await settle();
    expect(call.error).toMatchObject({ message: 'left' });
    expect(sent.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  });

  it('only the result of hedge() is accepted, and not beside a policy', () => {
    for (const bad of [null, true, {}, () => {}, 'p95', timeout(5)]) {
      expect(() => resilientFetch({ hedge: bad as never })).toThrow('"hedge" must be the result of hedge()');
    }
    expect(() => resilientFetch({ hedge: hedge(), policy: timeout(5) })).toThrow(
      '"hedge" has no effect beside "policy"',
    );
  });

  it('explain includes the hedge', () => {
    const plain = resilientFetch().breakwater.explain();
    const hedged = resilientFetch({ hedge: hedge({ delay: 100 }) }).breakwater.explain();
    expect(hedged.maxAttempts).toBe(2 * plain.maxAttempts);
    expect(hedged.amplification).toBeCloseTo(1.05 * plain.amplification);
    expect(hedged.warnings).toEqual([]);
  });
});

async function readable(response: Response | undefined): Promise<boolean> {
  const { value } = await response!.body!.getReader().read();
  return new TextDecoder().decode(value).startsWith('response');
}
