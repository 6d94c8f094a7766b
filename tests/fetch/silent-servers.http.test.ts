import { resilientFetch, TimeoutError } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { testServer } from '../support/http-server.js';
import { settle, watch } from '../support/promises.js';
import { tcpProxy } from '../support/tcp-proxy.js';

// Real sockets, but the timers of the library run on a TestClock, so that a timeout fires at the same step on any machine.

it('a server that never responds causes TimeoutError, the socket is destroyed and the slot is released', async () => {
  const clock = new TestClock();
  await using server = await testServer(() => ({ body: 'well' }));
  await using proxy = await tcpProxy(server.port, () => ({ blackhole: true }));
  const fetch = resilientFetch({ clock, retry: false, attemptTimeout: '2s', bulkhead: { maxConcurrent: 1 } });

  const hanging = watch(fetch(proxy.origin));
  const queued = watch(fetch(proxy.origin));
  await eventually(() => expect(proxy.connections).toHaveLength(1));
  const [connection] = proxy.connections;
  proxy.faults = () => ({});
  await clock.advance(1_999);
  expect([hanging.state, queued.state]).toEqual(['pending', 'pending']);

  await clock.advance(1);
  await hanging.done;
  expect(hanging.error).toBeInstanceOf(TimeoutError);
  expect(hanging.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 2_000 });
  await connection!.closed;
  await queued.done; // now has the slot
  expect(await queued.value?.text()).toBe('well');
  expect(server.requests).toHaveLength(1);
  expect(clock.pendingTimers).toBe(0);
});

it('the attempt timeout ends each attempt on dripping headers, and the total timeout ends the call', async () => {
  const clock = new TestClock();
  await using server = await testServer(() => ({ body: 'never whole' }));
  await using proxy = await tcpProxy(server.port, () => ({ response: { drip: { bytes: 1, everyMs: 40 } } }));
  const timeouts: unknown[] = [];
  const fetch = resilientFetch({
    clock,
    timeout: 2_500,
    attemptTimeout: 1_000,
    retry: { maxAttempts: 10, backoff: () => 0 },
    on: { timeout: (event) => timeouts.push(event) },
  });
  // Connections cannot be counted here, because undici opens a spare connection when a request is aborted.
  const dripped = async (attempts: number) => {
    await eventually(() => expect(server.requests).toHaveLength(attempts));
    const before = proxy.bytes.response;
    await eventually(() => expect(proxy.bytes.response).toBeGreaterThan(before));
  };

  const call = watch(fetch(proxy.origin));
  await dripped(1);
  await clock.advance(1_000);
  await dripped(2);
  await clock.advance(1_000);
  await dripped(3);
  expect(call.state).toBe('pending');
  const [connection] = proxy.connections.filter(({ bytes }) => bytes.response > 0);
  await clock.advance(500);
  await call.done;
  expect(call.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 2_500 });
  expect(timeouts).toMatchObject([
    { of: 'attempt', timeoutMs: 1_000 },
    { of: 'attempt', timeoutMs: 1_000 },
    { of: 'call', timeoutMs: 2_500 },
  ]);
  await connection!.closed;
  expect(server.requests).toHaveLength(3);
  expect(clock.pendingTimers).toBe(0);
});

it('bodyTimeout rejects the reader of a dripping body', async () => {
  const clock = new TestClock();
  await using server = await testServer(() => ({ body: 'x'.repeat(100_000) }));
  await using proxy = await tcpProxy(server.port, () => ({ response: { drip: { bytes: 50, everyMs: 5 } } }));
  const fetch = resilientFetch({ clock, bodyTimeout: '3s', attemptTimeout: '1s', timeout: '2s' });

  const response = await fetch(proxy.origin);
  const [connection] = proxy.connections;
  const text = watch(response.text());
  await clock.advance(2_999);
  const before = proxy.bytes.response;
  await eventually(() => expect(proxy.bytes.response).toBeGreaterThan(before));
  expect(text.state).toBe('pending');

  await clock.advance(1);
  await text.done;
  expect(text.error).toBeInstanceOf(TimeoutError);
  expect(text.error).toMatchObject({ timeoutMs: 3_000 });
  await connection!.closed;
  expect(server.requests).toHaveLength(1);
  expect(clock.pendingTimers).toBe(0);
});

it('an attempt on a half-open connection times out, and the next attempt uses a new connection', async () => {
  const clock = new TestClock();
  await using server = await testServer(({ index }) => ({ body: `answer ${index}` }));
  await using proxy = await tcpProxy(server.port);
  const fetch = resilientFetch({ clock, attemptTimeout: '1s', retry: { backoff: () => 0 } });
  expect(await (await fetch(proxy.origin)).text()).toBe('answer 0');

  await settle(); // the connection can be reused
  const [connection] = proxy.connections;
  connection!.faults = { blackhole: true };
  const call = watch(fetch(proxy.origin));
  await eventually(() => expect(connection!.bytes.lost).toBeGreaterThan(0)); // the request was sent and lost
  await clock.advance(1_000);
  await call.done;
  expect(await call.value?.text()).toBe('answer 1');
  await connection!.closed;
  expect(server.requests).toHaveLength(2);
});
