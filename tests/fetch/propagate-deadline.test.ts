import { InvalidOptionError } from 'breakwater/core';
import { resilientFetch } from 'breakwater/fetch';
import { deadlineHeader } from 'breakwater/overload';
import { runInContext } from 'breakwater/request-context';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

const name = 'x-envoy-expected-rq-timeout-ms';

/** A fetch that records the deadline header of each request and answers with the given statuses in turn. */
function recorder(clock: TestClock, ...statuses: number[]) {
  const sent: (string | null)[] = [];
  const respond = async (input: string | URL | Request, init?: RequestInit) => {
    sent.push(new Request(input, init).headers.get(name));
    return new Response('', { status: statuses[sent.length - 1] ?? 200 });
  };
  const options = { fetch: respond, clock, propagateDeadline: deadlineHeader({ margin: 10 }) };
  return { sent, options };
}

describe('resilientFetch with propagateDeadline', () => {
  it('sends the time until the attempt times out, less the margin', async () => {
    const clock = new TestClock();
    const { sent, options } = recorder(clock);
    const fetch = resilientFetch({ ...options, attemptTimeout: 500 });
    await fetch('http://localhost/');
    await fetch('http://localhost/', { breakwater: { attemptTimeout: '2s', timeout: '1s' } });
    expect(sent).toEqual(['490', '990']);
  });

  it('sends the remaining time with each attempt', async () => {
    const clock = new TestClock();
    const { sent, options } = recorder(clock, 503, 503);
    const fetch = resilientFetch({
      ...options,
      timeout: 1000,
      attemptTimeout: Infinity,
      retry: { backoff: () => 200 },
    });
    const response = fetch('http://localhost/');
    await clock.advance(400);
    expect((await response).status).toBe(200);
    expect(sent).toEqual(['990', '790', '590']);
  });

  it('sends the deadline of the request context if it is earlier', async () => {
    const clock = new TestClock();
    const { sent, options } = recorder(clock);
    const fetch = resilientFetch(options);
    await runInContext({ deadline: 300, clock }, () => fetch('http://localhost/'));
    expect(sent).toEqual(['290']);
  });

  it.each([
    ['a record', { [name.toUpperCase()]: '50' }],
    ['Headers', new Headers({ [name]: '50' })],
    ['pairs', [[name, '50'] as [string, string]]],
  ])('keeps a smaller value that the caller has set, in %s', async (_title, headers) => {
    const clock = new TestClock();
    const { sent, options } = recorder(clock);
    const fetch = resilientFetch({ ...options, attemptTimeout: 500 });
    await fetch('http://localhost/', { headers });
    await fetch(new Request('http://localhost/', { headers }));
    expect(sent).toEqual(['50', '50']);
  });

  it('replaces a greater or invalid value, and keeps all other headers', async () => {
    const clock = new TestClock();
    const { sent, options } = recorder(clock);
    const others: (string | null)[] = [];
    const fetch = resilientFetch({
      ...options,
      attemptTimeout: 500,
      fetch: (input: string | Request, init?: RequestInit) => {
        others.push(new Request(input, init).headers.get('x-other'));
        return options.fetch(input, init);
      },
    });
    await fetch('http://localhost/', { headers: { [name]: '9000', 'x-other': 'a' } });
    await fetch(new Request('http://localhost/', { headers: { [name]: 'soon', 'x-other': 'b' } }));
    expect(sent).toEqual(['490', '490']);
    expect(others).toEqual(['a', 'b']);
  });

  it('does not send an attempt for which nothing is left, and counts it as no failure', async () => {
    const clock = new TestClock();
    const { sent, options } = recorder(clock);
    const fetch = resilientFetch({ ...options, circuitBreaker: { consecutiveFailures: 1 } });
    const doomed = runInContext({ deadline: 10, clock }, () => fetch('http://localhost/'));
    await expect(doomed).rejects.toMatchObject({ code: 'ERR_DEADLINE', remainingMs: 10 });
    expect(sent).toEqual([]);
    expect(fetch.breakwater.snapshot().keys[0]?.circuitBreaker?.state).toBe('closed');
  });

  it('adds no header to a call without any limit', async () => {
    const clock = new TestClock();
    const { sent, options } = recorder(clock);
    await resilientFetch({ ...options, timeout: Infinity, attemptTimeout: Infinity })('http://localhost/');
    expect(sent).toEqual([null]);
  });

  it('rejects an object that is no deadline header', () => {
    expect(() => resilientFetch({ propagateDeadline: {} as never })).toThrow(InvalidOptionError);
  });
});
