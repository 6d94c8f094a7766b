import { resilientFetch } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { testServer } from '../support/http-server.js';

describe('200 callers at once against a server of 50 requests per second, over sockets', () => {
  it('all callers are served, and the breaker stays closed', { timeout: 40_000 }, async () => {
    let window = -1;
    let count = 0;
    let isFull = false;
    await using server = await testServer(() => {
      const second = Math.floor(performance.now() / 1000);
      if (second !== window) [window, count] = [second, 0];
      if (++count <= 50) return { body: 'ok' };
      isFull = true;
      return { status: 429, headers: { 'retry-after': '1' }, body: 'slow down' };
    });
    const changes: string[] = [];
    const fetch = resilientFetch({ on: { stateChange: ({ to }) => changes.push(to) } });
    const texts = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const response = await fetch(server.origin);
        return `${response.status} ${await response.text()}`;
      }),
    );
    expect(isFull).toBe(true);
    expect(texts.filter((text) => text === '200 ok').length).toBeGreaterThanOrEqual(190);
    expect(changes).toEqual([]);
    expect(server.requests.length).toBeLessThan(200 + 200);
  });

  it('a waiting call frees its connection, and returns its 429 intact', { timeout: 40_000 }, async () => {
    const body = 'slow down '.repeat(1000);
    await using server = await testServer(() => ({ status: 429, headers: { 'retry-after': '1' }, body }));
    const fetch = resilientFetch({ timeout: '1500ms' });
    const responses = await Promise.all(Array.from({ length: 5 }, () => fetch(server.origin)));
    for (const response of responses) {
      expect(response.status).toBe(429);
      expect(response.url).toBe(`${server.origin}/`);
      expect(await response.text()).toBe(body);
    }
  });
});
