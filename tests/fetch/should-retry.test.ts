import { classifyResponse, resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

const response = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers });

describe('x-should-retry', () => {
  it.each([
    [200, 'true', 'success'],
    [409, 'true', 'throttled'],
    [409, 'false', 'success'],
    [409, 'maybe', 'success'],
    [429, 'true', 'throttled'],
    [429, 'false', 'success'],
    [500, 'true', 'failure'],
    [500, 'false', 'permanent'],
    [501, 'true', 'failure'],
    [501, 'false', 'permanent'],
    [408, 'false', 'permanent'],
  ])('a %i with %s is judged %s', (status, value, verdict) => {
    expect(classifyResponse({ ok: true, value: response(status, { 'x-should-retry': value }) })).toBe(verdict);
  });

  it('a response that is no complete Response is judged by its status', () => {
    expect(classifyResponse({ ok: true, value: { status: 503 } })).toBe('failure');
    expect(classifyResponse({ ok: true, value: { status: 503, headers: { 'x-should-retry': 'false' } } })).toBe(
      'failure',
    );
  });

  it('a 429 that must not be retried comes back at once and pauses nobody', async () => {
    const sent: string[] = [];
    const fetch = resilientFetch({
      clock: new TestClock(),
      fetch: async (url: string) => {
        sent.push(url);
        return response(429, { 'x-should-retry': 'false', 'retry-after': '20' });
      },
    });
    expect((await fetch('http://a.test/1')).status).toBe(429);
    expect((await fetch('http://a.test/2')).status).toBe(429);
    expect(sent).toHaveLength(2);
  });
});

describe('Limits that the server announces', () => {
  const calls = (headers: Record<string, string>, status = 200) => {
    const sent: string[] = [];
    const fetch = resilientFetch({
      clock: new TestClock(),
      retry: false,
      rateLimit: { maxWait: 0 },
      fetch: async (url: string) => {
        sent.push(url);
        return response(status, headers);
      },
    });
    return { fetch, sent };
  };
  const used = { 'x-ratelimit-limit': '30', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60' };

  it('a used limit of the server is followed', async () => {
    const { fetch, sent } = calls(used);
    await fetch('http://a.test/1');
    await expect(fetch('http://a.test/2')).rejects.toMatchObject({ code: 'ERR_RATE_LIMITED' });
    expect(sent).toHaveLength(1);
  });

  it('a used limit of one resource does not block the others (E15)', async () => {
    const { fetch, sent } = calls({ ...used, 'x-ratelimit-resource': 'search' });
    await fetch('http://a.test/search');
    await fetch('http://a.test/core');
    expect(sent).toHaveLength(2);
  });

  it('a 403 with a Retry-After is a refusal, and one without it is not', async () => {
    const refused = calls({ 'retry-after': '20' }, 403);
    await refused.fetch('http://a.test/1');
    await expect(refused.fetch('http://a.test/2')).rejects.toMatchObject({ code: 'ERR_RATE_LIMITED' });
    const forbidden = calls({}, 403);
    await forbidden.fetch('http://a.test/1');
    expect((await forbidden.fetch('http://a.test/2')).status).toBe(403);
  });
});
