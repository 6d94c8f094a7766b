/** A server that was slow for five seconds, and clients that retry without restraint: does it recover? */
import { bulkhead } from 'breakwater/bulkhead';
import { seededRandom, sleep } from 'breakwater/core';
import { admissionHandler } from 'breakwater/http-server';
import { deadlineHeader } from 'breakwater/overload';
import { pipeline } from 'breakwater/pipeline';
import { retry } from 'breakwater/retry';
import { SimClock } from 'breakwater/testing';
import { timeout } from 'breakwater/timeout';
import { describe, expect, it } from 'vitest';

const SECONDS = 32;
const RATE = 300;

/**
 * Returns the successful calls of each second. The server has 4 workers with 10 ms per request, 400 requests per second,
 * and is six times slower from second 10 to 15. It goes on working for clients that have left: their disconnect does not
 * reach it, only their deadline does. Clients wait 500 ms and make three attempts.
 */
async function goodput(margin: number, seed: number): Promise<number[]> {
  const clock = new SimClock();
  const random = seededRandom(seed);
  const exponential = (mean: number) => -mean * Math.log(1 - random());
  const header = deadlineHeader();
  const admitted = admissionHandler({
    limit: bulkhead({ maxConcurrent: 4, maxQueue: Infinity, clock }),
    eventLoop: false,
    deadline: { header, margin },
    clock,
    random,
  });
  const serve = admitted(async () => {
    const isSlow = clock.now() >= 10_000 && clock.now() < 15_000;
    await sleep(exponential(isSlow ? 60 : 10), { clock });
    return new Response(null, { status: 204 });
  });
  const naive = pipeline(retry({ maxAttempts: 3, clock, random }), timeout({ duration: 500, clock }));
  const good = Array<number>(SECONDS).fill(0);
  const call = () =>
    naive
      .execute(async ({ deadline }) => {
        const value = header.format(deadline - clock.now()) ?? '0';
        const { status } = await serve(new Request('http://localhost/', { headers: { [header.name]: value } }));
        if (status !== 204) throw new Error(`status ${status}`);
      })
      .then(
        () => good[Math.min(SECONDS - 1, Math.floor(clock.now() / 1000))]!++,
        () => {},
      );
  const load = async () => {
    while (clock.now() < SECONDS * 1000) {
      call();
      await sleep(exponential(1000 / RATE), { clock });
    }
  };
  load();
  await clock.advance(SECONDS * 1000);
  return good;
}

describe('A server behind admission with a deadline', () => {
  it('recovers within two seconds with a margin of two service times, with clients that retry naively', async () => {
    for (const seed of [1, 2]) {
      const good = await goodput(20, seed);
      for (const second of good.slice(17, SECONDS - 1)) expect(second).toBeGreaterThan(0.85 * RATE);
    }
  }, 60_000);

  it('serves each request a moment too late without a margin, and does not recover', async () => {
    const good = await goodput(0, 1);
    const after = good.slice(20, SECONDS - 1).reduce((sum, second) => sum + second, 0) / (SECONDS - 21);
    expect(after).toBeLessThan(0.6 * RATE);
  }, 60_000);
});
