import { ChaosError, type FaultPlan, InvalidOptionError, isNetworkError, resilientFetch } from 'breakwater';
import { type ChaosFetchOptions, chaosControl, chaosFetch, down, drop, error, hang, slow } from 'breakwater/chaos';
import { constant, constantRate, server, simulate, simulatedFetch } from 'breakwater/simulator';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const url = 'http://api.example/users?page=1';

/** A faulty fetch whose origin answers after 20 ms with ten bytes. */
function setup(options: Omit<ChaosFetchOptions, 'control'>, enabled: boolean | (() => boolean) = true) {
  const clock = new TestClock();
  const control = chaosControl({ enabled, clock, random: seededRandom(1) });
  const requests: { input: unknown; init: unknown; at: number }[] = [];
  const origin = async (input: string | URL | Request, init?: RequestInit) => {
    requests.push({ input, init, at: clock.now() });
    const signal = init?.signal ?? (input as Partial<Request>).signal;
    await new Promise<void>((resolve, reject) => {
      if (signal?.aborted) reject(signal.reason);
      clock.setTimeout(resolve, 20);
    });
    return new Response('0123456789', { headers: { 'x-origin': 'yes', 'cache-control': 'no-store' } });
  };
  const fetch = chaosFetch(Object.assign(origin, { preconnect: () => 'kept' }), { control, ...options });
  return { clock, control, requests, fetch };
}

describe('chaosFetch', () => {
  it('passes everything on unchanged while its control is off, waits or has ended', async () => {
    const faults = [{ kind: 'status', rate: 1, status: 503 }] as const;
    for (const enabled of [false, () => false, true] as const) {
      const { clock, control, fetch, requests } = setup({ faults }, enabled);
      if (enabled === true) control.stop();
      const init = { headers: { a: 'b' } };
      const call = watch(fetch(url, init));
      await clock.advance(20);
      expect(call.value?.status).toBe(200);
      expect(requests[0]?.input).toBe(url);
      expect(requests[0]?.init).toBe(init);
      expect(control.stats).toMatchObject({ calls: 0, injected: 0 });
    }
  });

  it('keeps the properties of the fetch', () => {
    expect(setup({ faults: [] }).fetch.preconnect()).toBe('kept');
  });

  it('answers with a status, headers and a body of its own, and sends nothing', async () => {
    const { fetch, requests, control } = setup({
      faults: [{ kind: 'status', rate: 1, status: 429, headers: { 'retry-after': '7' }, body: 'slow down' }],
      name: 'limits',
    });
    const response = await fetch(url);
    expect(response).toMatchObject({ status: 429, ok: false, url });
    expect(Object.fromEntries(response.headers)).toMatchObject({ 'retry-after': '7', 'x-chaos': 'limits' });
    expect(await response.text()).toBe('slow down');
    expect(requests).toEqual([]);
    expect(control.stats.byKind).toEqual({ status: 1 });
  });

  it('answers with a text that names it, and with no body where HTTP allows none', async () => {
    const answer = (status: number) => setup({ faults: [{ kind: 'status', rate: 1, status }], name: 'ü' }).fetch(url);
    expect(await (await answer(503)).text()).toBe('The fault injection "ü" has sent this response.');
    expect((await answer(503)).headers.get('x-chaos')).toBe('%C3%BC');
    for (const status of [204, 205, 304]) expect((await answer(status)).body).toBeNull();
  });

  it.each(['refused', 'reset'] as const)('with the fault %s rejects with a network error of chaos', async (kind) => {
    const { fetch, requests } = setup({ faults: [{ kind, rate: 1 }] });
    const failure = (await fetch(url).catch((reason: unknown) => reason)) as TypeError & { cause: Error };
    expect(failure).toBeInstanceOf(TypeError);
    expect(failure.cause.cause).toBeInstanceOf(ChaosError);
    expect(isNetworkError(failure)).toBe(true);
    expect(requests).toEqual([]);
  });

  it('with the fault hang ends with the signal of the init or of the request, and leaves no timer and no listener', async () => {
    for (const call of [
      (fetch: typeof globalThis.fetch, signal: AbortSignal) => fetch(url, { signal }),
      (fetch: typeof globalThis.fetch, signal: AbortSignal) => {
        const request = new Request(url);
        Object.defineProperty(request, 'signal', { value: signal });
        return fetch(request);
      },
    ]) {
      const { clock, fetch, requests } = setup({ faults: [{ kind: 'hang', rate: 1 }] });
      const { controller, listeners } = countingController();
      const result = watch(call(fetch as typeof globalThis.fetch, controller.signal));
      await clock.advance(60_000);
      expect(result.state).toBe('pending');
      controller.abort(new Error('left'));
      await clock.advance(0);
      expect(result.error).toEqual(new Error('left'));
      expect(clock.pendingTimers).toBe(0);
      expect(listeners()).toBe(0);
      expect(requests).toEqual([]);
    }
  });

  it('ignores the signal of a request whose init has the signal null', async () => {
    const { clock, fetch } = setup({ faults: [{ kind: 'hang', rate: 1 }] });
    const controller = new AbortController();
    const call = watch(fetch(new Request(url, { signal: controller.signal }), { signal: null }));
    controller.abort();
    await clock.advance(10);
    expect(call.state).toBe('pending');
  });

  it('delays a request, which is sent as it was at the call', async () => {
    const { clock, fetch, requests } = setup({ faults: [{ kind: 'latency', rate: 1, latency: '1s' }] });
    const { controller, listeners } = countingController();
    const init = { method: 'POST', headers: { a: '1' }, body: 'x', signal: controller.signal };
    const address = new URL(url);
    const call = watch(fetch(address, init));
    init.headers.a = '2';
    init.body = 'y';
    address.pathname = '/other';
    await clock.advance(1019);
    expect(call.state).toBe('pending');
    await clock.advance(1);
    expect(call.value?.status).toBe(200);
    expect(requests).toMatchObject([{ at: 1000, init: { method: 'POST', headers: { a: '1' }, body: 'x' } }]);
    expect(String(requests[0]?.input)).toBe(url);
    expect(listeners()).toBe(0);
  });

  it('with a latency ends with the signal, and the request is not sent', async () => {
    const { clock, fetch, requests } = setup({ faults: [{ kind: 'latency', rate: 1, latency: '1h' }] });
    const { controller, listeners } = countingController();
    const call = watch(fetch(url, { signal: controller.signal }));
    await clock.advance(5);
    controller.abort(new Error('left'));
    await clock.advance(0);
    expect(call.error).toEqual(new Error('left'));
    expect([clock.pendingTimers, listeners(), requests.length]).toEqual([0, 0, 0]);
  });

  it('leaves a request that is aborted or has no valid URL to the fetch', async () => {
    const { clock, fetch, control } = setup({ faults: [{ kind: 'status', rate: 1, status: 503 }] });
    const aborted = watch(fetch(url, { signal: AbortSignal.abort(new Error('left')) }));
    const invalid = watch(fetch('no url'));
    await clock.advance(20);
    expect(aborted.error).toEqual(new Error('left'));
    expect(invalid.value?.status).toBe(200); // the origin of this test accepts any text
    expect(control.stats.injected).toBe(0);
  });

  it('sets and removes header fields of the response of the server', async () => {
    const { clock, fetch } = setup({
      faults: [{ kind: 'headers', rate: 1, headers: { 'cache-control': 'max-age=60', 'x-origin': null } }],
    });
    const call = watch(fetch(url));
    await clock.advance(20);
    const response = call.value as Response;
    expect(Object.fromEntries(response.headers)).toEqual({
      'cache-control': 'max-age=60',
      'content-type': 'text/plain;charset=UTF-8',
    });
    expect(await response.text()).toBe('0123456789');
  });

  it.each([
    [undefined, ''],
    [4, '0123'],
    [10, '0123456789'],
    [1000, '0123456789'],
  ])('truncates a body of ten bytes after %o bytes', async (afterBytes, expected) => {
    const { clock, fetch } = setup({ faults: [{ kind: 'truncated-body', rate: 1, afterBytes }] });
    const call = watch(fetch(url));
    await clock.advance(20);
    const reader = (call.value as Response).body!.getReader();
    let text = '';
    const failure = await (async () => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        text += new TextDecoder().decode(value);
      }
    })().catch((reason: unknown) => reason);
    expect(text).toBe(expected);
    expect(failure).toMatchObject({ name: 'TypeError', message: 'terminated', cause: { code: 'UND_ERR_SOCKET' } });
    expect((failure as { cause: Error }).cause.cause).toBeInstanceOf(ChaosError);
  });

  it('cancels the rest of the body that it truncates', async () => {
    const cancel = vi.fn();
    const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(new Uint8Array(10));
    const origin = async (_url: string) => new Response(new ReadableStream({ pull, cancel }));
    const control = chaosControl({ enabled: true, clock: new TestClock() });
    const fetch = chaosFetch(origin, { control, faults: [{ kind: 'truncated-body', rate: 1, afterBytes: 15 }] });
    await expect((await fetch(url)).text()).rejects.toThrow('terminated');
    expect(cancel).toHaveBeenCalledOnce();
  });

  it('fails a slow body whose signal aborts between two pieces', async () => {
    const { clock, fetch } = setup({ faults: [{ kind: 'slow-body', rate: 1, bytesPerSecond: 10 }] });
    const controller = new AbortController();
    const call = watch(fetch(url, { signal: controller.signal }));
    await clock.advance(20);
    const reader = (call.value as Response).body!.getReader();
    const first = watch(reader.read());
    await clock.advance(100);
    expect(first.state).toBe('fulfilled');
    controller.abort(new Error('left'));
    await expect(reader.read()).rejects.toThrow('left');
    expect(clock.pendingTimers).toBe(0);
  });

  it('lets a body arrive slowly, in pieces, without a timer when it is read or cancelled', async () => {
    const { clock, fetch } = setup({ faults: [{ kind: 'slow-body', rate: 1, bytesPerSecond: 20 }] });
    const call = watch(fetch(url));
    await clock.advance(20);
    const text = watch((call.value as Response).text());
    await clock.advance(499);
    expect(text.state).toBe('pending');
    await clock.advance(1);
    expect(text.value).toBe('0123456789');

    const second = watch(fetch(url));
    await clock.advance(20);
    const reader = (second.value as Response).body!.getReader();
    const piece = watch(reader.read());
    await clock.advance(100);
    expect(piece.value?.value).toEqual(new TextEncoder().encode('01'));
    void reader.read().catch(() => {});
    await clock.advance(10);
    expect(clock.pendingTimers).toBe(1);
    await reader.cancel();
    expect(clock.pendingTimers).toBe(0);
  });

  it('lets the rest of a slow body arrive at once when the control stops, and fails with the signal', async () => {
    const { clock, control, fetch } = setup({ faults: [{ kind: 'slow-body', rate: 1, bytesPerSecond: 1 }] });
    const { controller, listeners } = countingController();
    const [one, other] = [watch(fetch(url)), watch(fetch(url, { signal: controller.signal }))];
    await clock.advance(20);
    const [text, aborted] = [watch((one.value as Response).text()), watch((other.value as Response).text())];
    await clock.advance(3500);
    controller.abort(new Error('left'));
    await clock.advance(0);
    expect(aborted.error).toEqual(new Error('left'));
    expect(listeners()).toBe(0);
    control.stop();
    await clock.advance(0);
    expect(text.value).toBe('0123456789');
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves a response without a body unchanged, and does not count it as an injection', async () => {
    const clock = new TestClock();
    const control = chaosControl({ enabled: true, clock });
    const empty = new Response(null, { status: 204 });
    const faults = [
      { kind: 'truncated-body', rate: 1 },
      { kind: 'slow-body', rate: 1, bytesPerSecond: 1 },
    ] as const;
    expect(await chaosFetch(async (_url: string) => empty, { control, faults })(url)).toBe(empty);
    expect(control.stats.injected).toBe(0);
  });

  it('draws its faults in their order, up to the first one that leaves the request unsent', async () => {
    const { clock, control, fetch } = setup({
      faults: [
        { kind: 'latency', rate: 1, latency: '1s' },
        { kind: 'status', rate: 1, status: 503 },
        { kind: 'reset', rate: 1 },
      ],
    });
    const call = watch(fetch(url));
    await clock.advance(1000);
    expect(call.value?.status).toBe(503);
    expect(control.stats.byKind).toEqual({ latency: 1, status: 1 });
  });

  it('rejects with the error of a latency function that throws or returns no duration', async () => {
    const latency = (value: () => unknown) =>
      setup({ faults: [{ kind: 'latency', rate: 1, latency: value as () => number }] }).fetch(url);
    const failure = new Error('of the function');
    await expect(
      latency(() => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    await expect(latency(() => Number.NaN)).rejects.toThrow(InvalidOptionError);
  });

  it.each<[string, unknown, string]>([
    ['no faults and no plan', {}, '"faults" is required if there is no "plan"'],
    ['faults that are no array', { faults: {} }, '"faults" must be an array'],
    ['an unknown kind', { faults: [{ kind: 'fire', rate: 1 }] }, '"faults[0].kind" must be one of'],
    ['no object', { faults: [null] }, '"faults[0].kind" must be one of'],
    ['a rate above 1', { faults: [{ kind: 'reset', rate: 2 }] }, '"faults[0].rate" must be'],
    ['no rate', { faults: [{ kind: 'reset' }] }, '"faults[0].rate" must be'],
    ['an unknown option', { faults: [{ kind: 'reset', rate: 1, status: 1 }] }, '"faults[0].status" is unknown'],
    ['a status below 200', { faults: [{ kind: 'status', rate: 1, status: 101 }] }, '"faults[0].status" must be'],
    ['no status', { faults: [{ kind: 'status', rate: 1 }] }, '"faults[0].status" must be'],
    ['a body', { faults: [{ kind: 'status', rate: 1, status: 500, body: 1 }] }, '"faults[0].body" must be a string'],
    ['a name', { faults: [{ kind: 'headers', rate: 1, headers: { 'a b': '' } }] }, 'must be a valid header field'],
    [
      'a value',
      { faults: [{ kind: 'headers', rate: 1, headers: { a: 1 } }] },
      '"faults[0].headers.a" must be a string',
    ],
    ['null', { faults: [{ kind: 'status', rate: 1, status: 500, headers: { a: null } }] }, 'must be a string'],
    ['no headers', { faults: [{ kind: 'headers', rate: 1 }] }, '"faults[0].headers" must be an object'],
    ['a latency', { faults: [{ kind: 'latency', rate: 1, latency: -1 }] }, '"faults[0].latency" must be'],
    ['a bandwidth', { faults: [{ kind: 'slow-body', rate: 1, bytesPerSecond: 0 }] }, '"faults[0].bytesPerSecond" must'],
    ['a length', { faults: [{ kind: 'truncated-body', rate: 1, afterBytes: -1 }] }, '"faults[0].afterBytes" must be'],
    ['a plan without an end', { plan: [{ kind: 'down', at: 0 }] }, 'must have a "for" in each fault'],
    ['an empty target', { plan: [], target: '' }, '"target" must be a string that is not empty'],
    ['an empty name', { plan: [], name: '' }, '"name" must be a string that is not empty'],
  ])('rejects %s that is invalid', (_, options, message) => {
    const make = () => chaosFetch(fetch, { control: chaosControl(), ...(options as object) });
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(message);
  });

  it('rejects a control that is none, and a fetch that is no function', () => {
    for (const control of [undefined, null, {}, true]) {
      expect(() => chaosFetch(fetch, { control: control as never, faults: [] })).toThrow('"control" must be a control');
    }
    expect(() => chaosFetch(1 as never, { control: chaosControl(), faults: [] })).toThrow('"fetch" must be a function');
  });
});

describe('A plan of chaosFetch', () => {
  const plan: FaultPlan = [
    down('api.example', { at: 0, for: '1s' }),
    error('api.example', 1, { at: '1s', for: '1s' }),
    hang('api.example', 1, { at: '2s', for: '1s' }),
    slow('api.example', 3, { at: '3s', for: '1s' }),
  ];

  it('concerns the host of the URL by default, and refuses, fails, holds and slows its requests', async () => {
    const { clock, control, fetch, requests } = setup({ plan });
    const refused = watch(fetch(url));
    const other = watch(fetch('http://other.example/'));
    await clock.advance(1000);
    expect(refused.error).toMatchObject({ message: 'fetch failed', cause: { code: 'ECONNREFUSED' } });
    expect(other.value?.status).toBe(200);
    const failed = await fetch(url);
    expect([failed.status, failed.headers.get('x-chaos')]).toEqual([500, 'chaosFetch']);
    await clock.advance(1000);
    const controller = new AbortController();
    const held = watch(fetch(url, { signal: controller.signal }));
    await clock.advance(1000);
    expect(held.state).toBe('pending');
    controller.abort(new Error('left'));
    const late = watch(fetch(url));
    await clock.advance(59);
    expect([held.state, late.state]).toEqual(['rejected', 'pending']);
    await clock.advance(1);
    expect(late.value?.status).toBe(200);
    expect(requests).toHaveLength(2);
    expect(control.stats.byKind).toEqual({ down: 1, error: 1, hang: 1, slow: 1 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('concerns the given target instead', async () => {
    const { fetch } = setup({ plan: [down('api', { at: 0, for: '1s' })], target: 'api' });
    await expect(fetch('http://staging.internal/')).rejects.toThrow('fetch failed');
  });

  it('cancels the body of a lost answer when the call is aborted', async () => {
    const clock = new TestClock();
    const control = chaosControl({
      enabled: true,
      clock,
      random: (() => {
        const draws = [0.9, 0.1];
        return () => draws.shift() ?? 0.99;
      })(),
    });
    const cancel = vi.fn();
    const origin = async (_url: string, _init?: { readonly signal: AbortSignal }) =>
      new Response(new ReadableStream({ cancel }));
    const fetch = chaosFetch(origin, { control, plan: [drop('api', 0.5, { at: 0, for: '1s' })], target: 'api' });
    const controller = new AbortController();
    const call = watch(fetch(url, { signal: controller.signal }));
    await clock.advance(10);
    expect(call.state).toBe('pending');
    controller.abort(new Error('left'));
    await clock.advance(0);
    expect(call.error).toEqual(new Error('left'));
    expect(cancel).toHaveBeenCalledOnce();
  });

  it('runs with the same script and the same resilientFetch in a simulation', async () => {
    const script = [error('api', 0.5, { at: '5s', for: '5s' }), down('api', { at: '15s', for: '5s' })];
    const scenario = {
      world: { api: server({ workers: Infinity, service: constant('20ms') }) },
      load: constantRate({ perSecond: 20 }),
      duration: '20s' as const,
    };
    const options = { retry: { maxAttempts: 2, backoff: () => 5 }, circuitBreaker: false } as const;
    const goodOf = async (isInjected: boolean) => {
      const result = await simulate({
        ...scenario,
        faults: isInjected ? [] : script,
        seed: 3,
        candidate: ({ clock, random, world }) => {
          const origin = simulatedFetch(world);
          const control = chaosControl({ enabled: true, clock, random });
          const inner = isInjected ? chaosFetch(origin, { control, plan: script }) : origin;
          const fetch = resilientFetch({ ...options, fetch: inner, clock, random });
          return async () => {
            const response = await fetch('http://api/');
            if (!response.ok) throw new Error('bad');
          };
        },
      });
      const share = (from: number, to: number) => {
        const rows = result.series.filter(({ t }) => t >= from && t < to);
        const sum = (key: 'good' | 'offered') => rows.reduce((total, row) => total + row[key], 0);
        return sum('good') / sum('offered');
      };
      return [share(0, 5000), share(5000, 10_000), share(10_000, 15_000), share(15_000, 20_000)];
    };
    const [simulated, injected] = [await goodOf(false), await goodOf(true)];
    for (const [index, share] of injected.entries())
      expect(Math.abs(share - (simulated[index] as number))).toBeLessThan(0.1);
    expect(injected).toMatchObject([1, expect.any(Number), 1, 0]);
  });
});
