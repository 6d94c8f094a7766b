import { expect, it } from 'vitest';
import { ReplayableBody } from '../../src/undici/replayable-body.js';

/** A source that counts concurrent reads, and yields the chunks when `release` is called. */
function slowSource(chunks: string[]) {
  let reads = 0;
  const source = { mostReads: 0, isClosed: false, release: () => {} };
  const body: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        source.mostReads = Math.max(source.mostReads, ++reads);
        await new Promise<void>((resolve) => {
          source.release = resolve;
        });
        reads--;
        const value = chunks.shift();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      async return() {
        source.isClosed = true;
        return { done: true, value: undefined };
      },
    }),
  };
  return { source, body };
}

it('Two attempts that wait for the same chunk share one read of the source', async () => {
  const { source, body } = slowSource(['a']);
  const replayable = new ReplayableBody(body, 100);
  const first = replayable.next()[Symbol.asyncIterator]().next();
  const second = replayable.next()[Symbol.asyncIterator]().next();
  const rejected = expect(first).rejects.toThrow('later attempt');
  source.release();
  await rejected;
  expect(await second).toEqual({ done: false, value: 'a' });
  expect(source.mostReads).toBe(1);
});

it('The end of an attempt does not close the source, and the end of the last one does', async () => {
  const { source, body } = slowSource(['a', 'b']);
  const replayable = new ReplayableBody(body, 100);
  const first = replayable.next()[Symbol.asyncIterator]();
  const chunk = first.next();
  source.release();
  await chunk;
  await first.return?.();
  expect(source.isClosed).toBe(false);
  const last = replayable.next()[Symbol.asyncIterator]();
  expect(await last.next()).toEqual({ done: false, value: 'a' });
  replayable.finish();
  await last.return?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(source.isClosed).toBe(true);
});
