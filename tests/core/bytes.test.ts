import { cachedFetch, dedupe, resilientFetch } from 'breakwater';
import { describe, expect, it } from 'vitest';

/** A fetch whose bodies consist of Buffers that share their memory with other small Buffers of the process. */
const ofBuffers = async (_url: string, _init?: object) =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (const text of ['hello ', 'world']) controller.enqueue(Buffer.from(text));
        controller.close();
      },
    }),
    { headers: { 'cache-control': 'max-age=60' } },
  );

describe('A body whose chunks are small Buffers', () => {
  it.each<[string, typeof ofBuffers]>([
    ['resilientFetch with bodyTimeout', resilientFetch({ fetch: ofBuffers, bodyTimeout: '1m' })],
    ['resilientFetch with dedupe', resilientFetch({ fetch: ofBuffers, dedupe: dedupe() })],
    ['cachedFetch', cachedFetch(ofBuffers)],
  ])('%s passes it on, and leaves other Buffers in the same memory usable', async (_what, fetch) => {
    const other = Buffer.from('other');
    const responses = await Promise.all([1, 2].map(() => fetch('https://example.com/')));
    for (const response of responses) {
      const reader = response.body!.getReader();
      let text = '';
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        text += new TextDecoder().decode(chunk.value);
      }
      expect(text).toBe('hello world');
    }
    expect(other.toString()).toBe('other');
    expect(other.buffer.byteLength).toBeGreaterThan(0);
  });
});
