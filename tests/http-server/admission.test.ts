import { bulkhead } from 'breakwater/bulkhead';
import * as core from 'breakwater/core';
import {
  type AdmissionLimit,
  type AdmissionOptions,
  admissionHandler,
  admissionMiddleware,
  deadlineHandler,
  deadlineMiddleware,
  readPriority,
  toProblem,
} from 'breakwater/http-server';
import { currentContext } from 'breakwater/request-context';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { defer } from '../support/promises.js';

const name = 'x-envoy-expected-rq-timeout-ms';

type Options = AdmissionOptions<[request: Request]>;

/** An admission handler in front of a route that answers `ok`, with a function that sends a request. */
function admitted(
  options: Options,
  handler: (request: Request) => Response | Promise<Response> = () => new Response('ok'),
) {
  const admit = admissionHandler(options);
  const serve = admit(handler);
  const send = (headers: Record<string, string> = {}, path = '/', init: RequestInit = {}) =>
    serve(new Request(`http://localhost${path}`, { ...init, headers }));
  return { admit, send };
}

/** A clock whose event loop can be blocked: time passes, and the timers fire late. */
class LateClock extends TestClock {
  #blockedMs = 0;

  override now(): number {
    return super.now() + this.#blockedMs;
  }

  /** Blocks the event loop; no timer has fired yet. */
  block(ms: number): void {
    this.#blockedMs += ms;
  }

  /** Blocks the event loop; then the timer that is overdue fires. */
  async stall(ms: number): Promise<void> {
    this.block(ms);
    await this.advance(10);
  }
}

describe('Shedding by the delay of the event loop', () => {
  it('begins when the last tick is overdue, before any timer has fired', async () => {
    const clock = new LateClock();
    const { admit, send } = admitted({ clock, random: () => 0.5 });
    await clock.advance(100);
    expect((await send()).status).toBe(200);
    clock.block(70); // 60 ms late: a fifth is shed
    expect(admit.stats.shedShare).toBeCloseTo(0.2);
    expect((await send()).status).toBe(200);
    clock.block(40); // 100 ms late
    expect(admit.stats.shedShare).toBe(1);
    const shed = await send();
    expect([shed.status, shed.headers.get('retry-after')]).toEqual([503, '2']);
    expect(admit.stats).toMatchObject({ admitted: 2, rejected: 1 });
  });

  it('counts no delay before the first tick, since the program may still be starting', async () => {
    const clock = new LateClock();
    const { admit } = admitted({ clock });
    clock.block(5000);
    expect(admit.stats).toMatchObject({ eventLoopDelayMs: 0, shedShare: 0 });
  });

  it('has no false alarm when the maximum delay is shorter than the sampling interval', async () => {
    const clock = new TestClock();
    const { admit } = admitted({ clock, eventLoop: { maxDelay: 2 } });
    for (let ms = 0; ms < 100; ms++) {
      await clock.advance(1);
      expect(admit.stats.shedShare).toBe(0);
    }
  });

  it('lasts for a second after the delay, and ends then', async () => {
    const late = new LateClock();
    const { admit } = admitted({ clock: late });
    await late.advance(100);
    await late.stall(300);
    const shares: number[] = [];
    for (let step = 0; step < 12; step++) {
      shares.push(admit.stats.shedShare);
      await late.advance(100);
    }
    expect(shares).toEqual([...Array(10).fill(1), ...Array(2).fill(0)]);
  });

  it('rejects the least important requests first', async () => {
    const late = new LateClock();
    const priority = (request: Request) => Number(request.headers.get('x-priority'));
    const { admit, send } = admitted({ clock: late, priority, random: core.seededRandom(1) });
    await late.advance(100);
    for (let call = 0; call < 300; call++) await send({ 'x-priority': String([1, 5, 8][call % 3]) });
    await late.stall(75); // half of all requests
    expect(admit.stats.shedShare).toBe(0.5);
    const passed = { 1: 0, 5: 0, 8: 0 };
    for (let call = 0; call < 600; call++) {
      const own = ([1, 5, 8] as const)[call % 3]!;
      if ((await send({ 'x-priority': String(own) })).status === 200) passed[own]++;
    }
    expect([passed[1], passed[8]]).toEqual([200, 0]);
    expect(passed[5]).toBeGreaterThan(60);
    expect(passed[5]).toBeLessThan(140);
  });

  it('never rejects an exempt request', async () => {
    const late = new LateClock();
    const never = (request: Request) => new URL(request.url).pathname === '/health';
    const { send } = admitted({ clock: late, never });
    await late.advance(100);
    await late.stall(500);
    expect([(await send()).status, (await send({}, '/health')).status]).toEqual([503, 200]);
  });

  it('only reports in mode observe', async () => {
    const late = new LateClock();
    const events: object[] = [];
    const { admit, send } = admitted({
      clock: late,
      mode: 'observe',
      deadline: true,
      limit: bulkhead({ maxConcurrent: 1 }),
      on: { reject: ({ reason, enforced }) => events.push({ reason, enforced }) },
    });
    await late.advance(100);
    await late.stall(500);
    expect((await send({ [name]: '0' })).status).toBe(200);
    expect(events).toEqual([
      { reason: 'deadline', enforced: false },
      { reason: 'event-loop', enforced: false },
    ]);
    expect(admit.stats).toMatchObject({ admitted: 1, rejected: 2 });
  });

  it('stops with its only timer when the handler is disposed', async () => {
    const clock = new TestClock();
    const { admit } = admitted({ clock });
    await clock.advance(1000);
    expect(clock.pendingTimers).toBe(1);
    admit[Symbol.dispose]();
    await clock.advance(100);
    expect(clock.pendingTimers).toBe(0);
    admissionMiddleware({ clock, eventLoop: false });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('The Retry-After of a rejected request', () => {
  it('is a random whole number of seconds between the option and its double', async () => {
    const clock = new TestClock();
    const seen = new Set<string | null>();
    const { send } = admitted({
      clock,
      limit: { tryAcquire: () => undefined },
      retryAfter: '3s',
      random: core.seededRandom(1),
    });
    for (let call = 0; call < 100; call++) seen.add((await send()).headers.get('retry-after'));
    expect([...seen].sort()).toEqual(['3', '4', '5', '6']);
  });
});

describe('The limit of admission', () => {
  it('is held until the body of the response was read', async () => {
    const slots = bulkhead({ maxConcurrent: 1 });
    const { send } = admitted({ limit: slots, clock: new TestClock() });
    const first = await send();
    expect([slots.active, (await send()).status]).toEqual([1, 503]);
    expect(await first.text()).toBe('ok');
    expect(slots.active).toBe(0);
    const second = await send();
    await second.body!.cancel();
    expect(slots.active).toBe(0);
  });

  it.each([
    ['no body', () => new Response(null, { status: 204 })],
    ['a body that fails', () => new Response(new ReadableStream({ pull: () => Promise.reject(new Error('broken')) }))],
    [
      'a handler that fails',
      () => {
        throw new Error('broken');
      },
    ],
  ])('is released after %s', async (_title, handler) => {
    const slots = bulkhead({ maxConcurrent: 1 });
    const { send } = admitted({ limit: slots, clock: new TestClock() }, handler);
    await send()
      .then((response) => response.text())
      .catch(() => {});
    expect(slots.active).toBe(0);
  });

  it('is released after a HEAD request, whose body is never read', async () => {
    const slots = bulkhead({ maxConcurrent: 1 });
    const { send } = admitted({ limit: slots, clock: new TestClock() });
    await send({}, '/', { method: 'HEAD' });
    expect(slots.active).toBe(0);
  });

  it('is given back by a client that leaves while its request is queued or running', async () => {
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
    let runs = 0;
    const pending = defer<Response>();
    const { admit, send } = admitted({ limit: slots, clock: new TestClock() }, () => {
      runs++;
      return pending.promise;
    });
    const [one, two] = [new AbortController(), new AbortController()];
    const running = send({}, '/', { signal: one.signal });
    const queued = send({}, '/', { signal: two.signal });
    await new Promise(setImmediate);
    expect([slots.active, slots.queued]).toEqual([1, 1]);
    two.abort(new Error('left'));
    await expect(queued).rejects.toThrow('left');
    expect([slots.active, slots.queued, runs, admit.stats.rejected]).toEqual([1, 0, 1, 0]);
    one.abort();
    expect(slots.active).toBe(0);
    pending.resolve(new Response('late'));
    await running;
  });

  it('admits waiters in the order of their priority, with the outcome of each response', async () => {
    const outcomes: unknown[] = [];
    const asked: unknown[] = [];
    const limit: AdmissionLimit = {
      tryAcquire: () => undefined,
      acquire: async ({ priority }) => {
        asked.push(priority);
        return { release: (outcome) => outcomes.push(outcome) };
      },
    };
    const { send } = admitted(
      { limit, priority: () => 2, clock: new TestClock() },
      () => new Response(null, { status: 503 }),
    );
    await send();
    expect([asked, outcomes]).toEqual([[2], [{ ok: true, value: { statusCode: 503 } }]]);
  });

  it('leaves nothing behind at a request that finds none', () => {
    const limit: AdmissionLimit = { tryAcquire: () => undefined };
    const admit = admissionMiddleware({ limit, eventLoop: false });
    const listeners: string[] = [];
    const once = (event: string) => listeners.push(event);
    const response = {
      ...{ statusCode: 200, headersSent: false, writableEnded: false, writableFinished: false, destroyed: false },
      ...{ once, getHeader: () => undefined, setHeader: () => {}, destroy: () => {}, end: () => {} },
    };
    admit({ headers: {}, socket: { once } as never, httpVersionMajor: 1 }, response, () => expect.unreachable());
    expect([response.statusCode, listeners]).toEqual([503, []]);
  });

  it('is refused by a full queue without an abort: the client has not left', async () => {
    const signals: AbortSignal[] = [];
    const limit: AdmissionLimit = {
      tryAcquire: () => undefined,
      async acquire({ signal }) {
        signals.push(signal);
        throw new Error('the queue is full');
      },
    };
    const { send } = admitted({ limit, eventLoop: false });
    expect((await send()).status).toBe(503);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  });

  it('starts no request that has waited in the queue until less than the margin was left', async () => {
    const clock = new TestClock();
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 2, clock });
    const pending = defer<Response>();
    let runs = 0;
    const { send } = admitted({ limit: slots, deadline: { margin: 40 }, eventLoop: false, clock }, () => {
      runs++;
      return pending.promise;
    });
    const running = send();
    const doomed = send({ [name]: '100' });
    const expired = send({ [name]: '50' });
    await clock.advance(70);
    expect((await expired).status).toBe(504);
    pending.resolve(new Response(null));
    expect([(await running).status, (await doomed).status, runs]).toEqual([200, 504, 1]);
    expect([slots.active, slots.queued, clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  it('passes the deadline and the priority on in a request context', async () => {
    const clock = new TestClock();
    const { send } = admitted({ deadline: true, priority: () => 3, clock }, () => {
      const { remainingMs, priority } = currentContext()!;
      return Response.json({ remainingMs, priority });
    });
    expect(await (await send({ [name]: '700' })).json()).toEqual({ remainingMs: 700, priority: 3 });
  });
});

describe('readPriority', () => {
  it.each([
    ['u=0', 0],
    ['u=7, i', 7],
    ['i, u=3', 3],
    ['u=1, u=5', 5],
    ['u=8', undefined],
    ['u=-1', undefined],
    ['u=1.5', undefined],
    ['u', undefined],
    ['i', undefined],
    ['u=1;', undefined],
    ['nonsense!', undefined],
    ['', undefined],
    [`${'a, '.repeat(200)}u=1`, undefined],
  ])('reads %j as %s', (value, priority) => {
    expect(readPriority({ priority: value })).toBe(priority);
    expect(readPriority(new Headers({ priority: value }))).toBe(priority);
  });

  it('reads a missing header as undefined, and repeated ones as one', () => {
    expect([readPriority({}), readPriority({ priority: ['u=1', 'u=2'] })]).toEqual([undefined, 2]);
  });
});

describe('toProblem', () => {
  const policy = 'https://secret.internal';
  it.each([
    [new core.ShedError({ policy, reason: 'memory', retryAfterMs: 1500 }), 503, '2'],
    [new core.CircuitOpenError({ policy, retryAfterMs: 10 }), 503, '1'],
    [new core.CircuitOpenError({ policy, retryAfterMs: Infinity }), 503, null],
    [new core.BulkheadFullError({ policy }), 503, null],
    [new core.QueueTimeoutError({ policy, timeoutMs: 1 }), 503, null],
    [new core.NoHealthyNodeError({ policy }), 503, null],
    [new core.ClosedError({ policy }), 503, null],
    [new core.TimeoutError({ policy, timeoutMs: 1 }), 504, null],
    [new core.DeadlineExceededError({ policy, remainingMs: 0 }), 504, null],
    [
      new core.RateLimitedError({
        policy,
        decision: { allowed: false, limit: 1, remaining: 0, retryAfterMs: 2000, resetAfterMs: 2000 },
      }),
      429,
      '2',
    ],
    [new core.LostWritesError({ policy, lost: [] }), 500, null],
    [new core.ChaosError({ policy }), 500, null],
    [new core.InvalidOptionError(policy, 'option', 'must be', 1), 500, null],
    [new Error(policy), 500, null],
    [policy, 500, null],
    [undefined, 500, null],
    [Object.assign(new Error(policy), { retryAfterMs: 5 }), 500, null],
    [
      new Proxy(
        {},
        {
          get() {
            throw new Error(policy);
          },
        },
      ),
      500,
      null,
    ],
  ])('answers error %# with its status, and with no text of the error', (error, status, retryAfter) => {
    const problem = toProblem(error);
    expect([problem.status, problem.headers['retry-after'] ?? null]).toEqual([status, retryAfter]);
    expect(problem.headers['content-type']).toBe('application/problem+json');
    expect(problem.body).not.toContain('secret');
    expect(JSON.parse(problem.body)).toMatchObject({ type: 'about:blank', title: expect.any(String), status });
  });
});

describe('The options', () => {
  it.each([
    [{ limit: {} }, 'limit'],
    [{ eventLoop: { maxDelay: 0 } }, 'eventLoop.maxDelay'],
    [{ eventLoop: { maxUtilization: 2 } }, 'eventLoop.maxUtilization'],
    [{ eventLoop: { max: 2 } }, 'eventLoop.max'],
    [{ memory: { maxHeapShare: 0 } }, 'memory.maxHeapShare'],
    [{ memory: 3 }, 'memory'],
    [{ priority: 'header' }, 'priority'],
    [{ priority: 4 }, 'priority'],
    [{ trustedPeers: [] }, 'trustedPeers'],
    [{ trustedPeers: ['0.0.0.0/0'] }, 'trustedPeers[0]'],
    [{ deadline: 'yes' }, 'deadline'],
    [{ deadline: { margin: -1 } }, 'margin'],
    [{ never: true }, 'never'],
    [{ retryAfter: 0 }, 'retryAfter'],
    [{ mode: 'off' }, 'mode'],
    [{ on: { reject: 1 } }, 'on.reject'],
    [{ lmit: 1 }, 'lmit'],
  ] as [object, string][])('admission rejects %j', (options, option) => {
    for (const make of [admissionMiddleware, admissionHandler] as ((options: object) => unknown)[]) {
      expect(() => make(options)).toThrow(core.InvalidOptionError);
      expect(() => make(options)).toThrow(`"${option}"`);
    }
  });

  it.each([
    [{ header: {} }, 'header'],
    [{ margin: Number.NaN }, 'margin'],
    [{ priority: 'header' }, 'priority'],
    [{ trustedPeers: ['nowhere'] }, 'trustedPeers[0]'],
    [{ on: { reject: 1 } }, 'on.reject'],
    [{ marign: 1 }, 'marign'],
  ] as [object, string][])('deadlines reject %j', (options, option) => {
    for (const make of [deadlineMiddleware, deadlineHandler] as ((options: object) => unknown)[]) {
      expect(() => make(options)).toThrow(core.InvalidOptionError);
      expect(() => make(options)).toThrow(`"${option}"`);
    }
  });
});
