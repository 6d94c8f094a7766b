import { describe, expect, it } from 'vitest';
import { BodyMemory } from '../../src/http-cache/body-memory.js';
import { type CollectedBody, TeeBody } from '../../src/http-cache/tee-body.js';
import { settle } from '../support/promises.js';

function setUpTee(limit = 100) {
  const collected: CollectedBody[] = [];
  const left: unknown[] = [];
  let cancelled: unknown = 'not';
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(3)),
    cancel: (reason) => {
      cancelled = reason;
    },
  });
  const tee = new TeeBody(source, limit, new BodyMemory(1000, () => {}).open(), {
    onCollected: (body) => collected.push(body),
    onLeft: (reason) => left.push(reason),
  });
  return { tee, collected, left, cancelled: () => cancelled, text: () => new Response(tee.stream).text() };
}

describe('TeeBody', () => {
  it.each([100, -1])('A cancelled tee rejects its reader and collects no body (limit %i)', async (limit) => {
    const { tee, text, cancelled, collected } = setUpTee(limit);
    tee.open(null);
    const reading = text();
    reading.catch(() => {});
    await settle();
    collected.length = 0;
    tee.cancel('over');
    await expect(reading).rejects.toBe('over');
    expect([cancelled(), collected]).toEqual(['over', []]);
  });

  it('A signal that is already aborted rejects the reader and leaves the source open', async () => {
    const { tee, text, cancelled, left } = setUpTee();
    tee.open(AbortSignal.abort('gone'));
    expect(left).toEqual(['gone']);
    await expect(text()).rejects.toBe('gone');
    expect(cancelled()).toBe('not');
  });

  it('An aborted tee that collects nothing cancels its source', async () => {
    const { tee, text, cancelled } = setUpTee(-1);
    tee.open(AbortSignal.abort('gone'));
    await expect(text()).rejects.toBe('gone');
    expect(cancelled()).not.toBe('not');
  });
});
