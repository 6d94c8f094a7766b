import { LruCache } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { BodyMemory } from '../../src/http-cache/body-memory.js';
import { collectGarbage } from '../support/garbage.js';
import { settle, watch } from '../support/promises.js';
import { ok, setUp, URL_A } from './setup.js';

const FRESH = { 'cache-control': 'max-age=60' };
const KIB = 1024;
const url = (id: number) => `${URL_A}?${id}`;

/** An origin that counts the bytes read from its bodies. */
function metered(bodyBytes: number, options = {}, headers: Record<string, string> = FRESH) {
  const taken = { bytes: 0 };
  const made = setUp(() => {
    let left = bodyBytes;
    const stream = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const bytes = Math.min(left, KIB);
          left -= bytes;
          taken.bytes += bytes;
          controller.enqueue(new Uint8Array(bytes));
          if (left === 0) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(stream, { headers });
  }, options);
  return { ...made, taken };
}

describe('unread bodies', () => {
  it('Any number of unread bodies buffer at most maxBytes together', async () => {
    const { fetch, taken } = metered(40 * KIB, { maxBytes: 200 * KIB });
    const responses: Response[] = [];
    for (let id = 0; id < 60; id++) responses.push(await fetch(url(id)));
    for (let turn = 0; turn < 100; turn++) await settle();
    expect(taken.bytes).toBeGreaterThan(150 * KIB);
    // One chunk per response may be in flight when the bound is reached.
    expect(taken.bytes).toBeLessThanOrEqual(200 * KIB + 60 * KIB);
    const bodies = await Promise.all(responses.map((response) => response.arrayBuffer()));
    expect(bodies.every(({ byteLength }) => byteLength === 40 * KIB)).toBe(true);
  });

  it('Unread bodies that arrive concurrently buffer at most maxBytes together', async () => {
    const { fetch, taken } = metered(40 * KIB, { maxBytes: 200 * KIB });
    const responses = await Promise.all(Array.from({ length: 60 }, (_, id) => fetch(url(id))));
    for (let turn = 0; turn < 100; turn++) await settle();
    expect(taken.bytes).toBeLessThanOrEqual(200 * KIB + 60 * KIB);
    for (const response of responses) await response.body?.cancel();
  });

  it('Bodies that are read, cancelled or aborted free their bytes', async () => {
    const { fetch, get } = metered(40 * KIB, { maxBytes: 100 * KIB });
    const controller = new AbortController();
    const responses = [await fetch(url(1)), await fetch(url(2), { signal: controller.signal })];
    await settle();
    expect((await fetch(url(3))).headers.get('cache-status')).toMatch(/stored/);
    await responses[0]?.arrayBuffer();
    await responses[1]?.body?.cancel();
    await get({}, url(4));
    expect((await get({}, url(4))).cacheStatus).toMatch(/^hit/);
  });

  it('Unread bodies that are garbage collected free their bytes', async () => {
    const { fetch, get } = metered(40 * KIB, { maxBytes: 100 * KIB });
    for (let id = 0; id < 10; id++) await fetch(url(id));
    for (let turn = 0; turn < 20; turn++) {
      await settle();
      collectGarbage();
    }
    await get({}, url(20));
    expect((await get({}, url(20))).cacheStatus).toMatch(/^hit/);
  });

  it('Bodies are streamed without storing when no bytes are free', async () => {
    const { fetch, get, calls } = metered(40 * KIB, { maxBytes: 100 * KIB });
    const held: Response[] = [];
    for (let id = 0; id < 4; id++) held.push(await fetch(url(id)));
    for (let turn = 0; turn < 100; turn++) await settle();
    await get({}, url(9));
    await get({}, url(9));
    expect(calls).toHaveLength(6);
    expect(held).toHaveLength(4);
  });

  it('A waiter sends its own request when no bytes are free for the body', async () => {
    const { fetch, get, calls } = metered(40 * KIB, { maxBytes: 60 * KIB });
    const held = await fetch(url(1));
    await settle();
    const [second, third] = [watch(get({}, url(2))), watch(get({}, url(2)))];
    await Promise.all([second.done, third.done]);
    expect([second.value?.text.length, third.value?.text.length]).toEqual([40 * KIB, 40 * KIB]);
    expect(calls.length).toBeGreaterThanOrEqual(2);
    expect(held.bodyUsed).toBe(false);
  });

  it('An unread body is stored and counts once together with the store', async () => {
    const { fetch, get } = metered(60 * KIB, { maxBytes: 100 * KIB });
    const held = await fetch(url(1));
    for (let turn = 0; turn < 100; turn++) await settle();
    expect((await get({}, url(1))).cacheStatus).toMatch(/^hit/);
    expect((await held.arrayBuffer()).byteLength).toBe(60 * KIB);
  });

  it('Unread bodies are bounded beside a custom store', async () => {
    const store = new LruCache<string, never>({ capacity: 10 });
    const { fetch, taken } = metered(4 * KIB * KIB, { store });
    const responses: Response[] = [];
    for (let id = 0; id < 20; id++) responses.push(await fetch(url(id)));
    for (let turn = 0; turn < 100; turn++) await settle();
    expect(taken.bytes).toBeLessThanOrEqual(51 * KIB * KIB);
    for (const response of responses) await response.body?.cancel();
  }, 60_000);
});

describe('hits on a large body', () => {
  it('Unread hits share one copy of the body and can be read and cloned', async () => {
    const { get, fetch } = setUp(() => ok(FRESH, 'x'.repeat(500 * KIB)));
    await get();
    const hits = await Promise.all(Array.from({ length: 50 }, () => fetch(URL_A)));
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    const more = await Promise.all(Array.from({ length: 50 }, () => fetch(URL_A)));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5 * 500 * KIB);
    const texts = await Promise.all([...hits, ...more].slice(0, 10).map((response) => response.clone().text()));
    expect(new Set(texts.map((text) => text.length))).toEqual(new Set([500 * KIB]));
    expect((await hits[0]!.text()).length).toBe(500 * KIB);
  });

  it('A hit can be read to the end with a BYOB reader', async () => {
    const { get, fetch } = setUp(() => ok(FRESH, 'x'.repeat(130 * KIB)));
    await get();
    const reader = (await fetch(URL_A)).body!.getReader({ mode: 'byob' });
    let bytes = 0;
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(50 * KIB));
      if (done) break;
      bytes += value.byteLength;
    }
    expect(bytes).toBe(130 * KIB);
  });

  it('An evicted body counts in maxBytes while hits on it are unread', async () => {
    const { fetch, get } = metered(100 * KIB, { maxBytes: 250 * KIB });
    const held: Response[] = [];
    for (const id of [1, 2]) {
      await get({}, url(id));
      held.push(await fetch(url(id)));
    }
    for (const id of [3, 4]) await get({}, url(id));
    expect((await get({}, url(5))).cacheStatus).not.toMatch(/^hit/);
    expect((await get({}, url(5))).cacheStatus).not.toMatch(/^hit/);
    await Promise.all(held.map((response) => response.arrayBuffer()));
    await get({}, url(6));
    expect((await get({}, url(6))).cacheStatus).toMatch(/^hit/);
  });
});

describe('BodyMemory', () => {
  it('A body that is pinned but not stored counts once', () => {
    const seen: number[] = [];
    const memory = new BodyMemory(1000, (bytes) => seen.push(bytes));
    const body = new Uint8Array(400);
    memory.addStored(body);
    const pins = [memory.pin(body), memory.pin(body)];
    expect(memory.free).toBe(1000);
    memory.addStored(body);
    memory.removeStored(body);
    expect(memory.free).toBe(1000);
    memory.removeStored(body);
    expect(memory.free).toBe(600);
    pins[0]?.release();
    pins[0]?.release();
    expect(memory.free).toBe(600);
    pins[1]?.release();
    expect([memory.free, seen]).toEqual([1000, [400, 0]]);
  });
});
