import v8 from 'node:v8';
import { type AdmissionOptions, admissionHandler } from 'breakwater/http-server';
import { TestClock } from 'breakwater/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';

type Memory = AdmissionOptions<[request: Request]>['memory'];
type Rejection = { readonly reason: string; readonly priority: number };

const HEAP_LIMIT = 1000;

/** A server whose heap is filled to a share that the test sets. */
function server(memory: Memory, random = () => 0.5) {
  const heap = { share: 0, reads: 0 };
  vi.spyOn(v8, 'getHeapStatistics').mockImplementation(() => {
    heap.reads++;
    const statistics = { used_heap_size: heap.share * HEAP_LIMIT, heap_size_limit: HEAP_LIMIT };
    return statistics as ReturnType<typeof v8.getHeapStatistics>;
  });
  const clock = new TestClock();
  const rejections: Rejection[] = [];
  const admit = admissionHandler({
    ...{ memory, clock, random, eventLoop: false },
    priority: (request: Request) => Number(request.headers.get('x-priority') ?? 5),
    on: { reject: ({ reason, priority }) => rejections.push({ reason, priority }) },
  });
  const serve = admit(() => new Response('ok'));
  const send = async (priority = 5) => {
    const headers = { 'x-priority': String(priority) };
    return (await serve(new Request('http://localhost/', { headers }))).status;
  };
  /** Fills the heap to a share, and lets the server see it. */
  const fill = async (share: number) => {
    heap.share = share;
    await clock.advance(510);
  };
  return { admit, clock, fill, heap, rejections, send };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('Shedding by memory', () => {
  it('admits every request while the heap is filled to less than the share', async () => {
    const { admit, fill, send } = server(true, () => 0);
    await fill(0.899);
    expect([admit.stats.shedShare, await send()]).toEqual([0, 200]);
  });

  it.each([
    [true, 0.9],
    [{}, 0.9],
    [{ maxHeapShare: 0.5 }, 0.5],
    [{ maxHeapShare: 1 }, 1],
  ])('sheds nine of ten requests from the share on: memory %j', async (memory, share) => {
    let drawn = 0;
    const { admit, fill, send, rejections } = server(memory, () => drawn);
    await fill(share);
    expect(admit.stats.shedShare).toBe(0.9);
    drawn = 0.89;
    expect(await send()).toBe(503);
    drawn = 0.9; // the tenth: memory is only collected while something is allocated
    expect(await send()).toBe(200);
    expect(rejections).toEqual([{ reason: 'memory', priority: 5 }]);
    expect(admit.stats).toMatchObject({ admitted: 1, rejected: 1 });
  });

  it('rejects the least important requests first', async () => {
    const { fill, send } = server(true, () => 0.5);
    for (let i = 0; i < 50; i++) await send(i < 10 ? 1 : 7); // a fifth is important
    await fill(0.95);
    expect(await send(7)).toBe(503);
    expect(await send(1)).toBe(503); // nine of ten requests: half of the important ones too
    const { fill: fillOther, send: sendOther } = server(true, () => 0.5);
    for (let i = 0; i < 50; i++) await sendOther(i < 5 ? 1 : 7); // a tenth is important
    await fillOther(0.95);
    expect([await sendOther(7), await sendOther(1)]).toEqual([503, 200]);
  });

  it('lasts for a second after the heap was full, and ends then', async () => {
    const { admit, fill } = server(true);
    await fill(0.95);
    await fill(0.2);
    expect(admit.stats.shedShare).toBe(0.9);
    await fill(0.2);
    await fill(0.2);
    expect(admit.stats.shedShare).toBe(0);
  });

  it('reads the heap at most twice a second', async () => {
    const { clock, heap, send } = server(true);
    const before = heap.reads;
    for (let i = 0; i < 100; i++) {
      await clock.advance(50);
      await send();
    }
    expect(heap.reads - before).toBeLessThanOrEqual(10);
  });

  it.each([[false], [undefined]])('does not happen with memory %j, which reads no statistics', async (memory) => {
    const { admit, fill, heap, send } = server(memory, () => 0);
    await fill(1);
    expect([admit.stats.shedShare, await send(), heap.reads]).toEqual([0, 200, 0]);
  });

  it('does not happen in a runtime without statistics of its heap', async () => {
    vi.spyOn(process, 'getBuiltinModule').mockImplementation(() => undefined as never);
    const { admit, fill, send } = server(true, () => 0);
    await fill(1);
    expect([admit.stats.shedShare, await send()]).toEqual([0, 200]);
  });

  it('does not happen where the limit of the heap is unknown', async () => {
    const { admit, clock, send } = server(true, () => 0);
    vi.spyOn(v8, 'getHeapStatistics').mockReturnValue({ used_heap_size: 5, heap_size_limit: 0 } as never);
    await clock.advance(600);
    expect([admit.stats.shedShare, await send()]).toEqual([0, 200]);
  });
});
