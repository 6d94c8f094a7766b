import { describe, expect, it } from 'vitest';
import { BodyMemory } from '../../src/http-cache/body-memory.js';
import { type CollectedBody, TeeBody } from '../../src/http-cache/tee-body.js';
import { settle } from '../support/promises.js';

function tapped(limit = 100) {
  const collected: CollectedBody[] = [];
  const left: unknown[] = [];
  let cancelled: unknown = 'not';
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(3)),
    cancel: (reason) => {
      cancelled = reason;
    },
  });
  const tap = new TeeBody(source, limit, new BodyMemory(1000, () => {}).open(), {
    onCollected: (body) => collected.push(body),
    onLeft: (reason) => left.push(reason),
  });
  return { tap, collected, left, cancelled: () => cancelled, text: () => new Response(tap.stream).text() };
}

describe('a tap', () => {
  it.each([100, -1])(
    'that lets go of its source fails for its reader, and tells of no body (limit %i)',
    async (limit) => {
      const { tap, text, cancelled, collected } = tapped(limit);
      tap.open(null);
      const reading = text();
      reading.catch(() => {});
      await settle();
      collected.length = 0;
      tap.cancel('over');
      await expect(reading).rejects.toBe('over');
      expect([cancelled(), collected]).toEqual(['over', []]);
    },
  );

  it('is cut off at once by a signal that has aborted, and goes on for others', async () => {
    const { tap, text, cancelled, left } = tapped();
    tap.open(AbortSignal.abort('gone'));
    expect(left).toEqual(['gone']);
    await expect(text()).rejects.toBe('gone');
    expect(cancelled()).toBe('not');
  });

  it('of which nothing is kept ends at its source then', async () => {
    const { tap, text, cancelled } = tapped(-1);
    tap.open(AbortSignal.abort('gone'));
    await expect(text()).rejects.toBe('gone');
    expect(cancelled()).not.toBe('not');
  });
});
