/**
 * Five real servers behind one `resilientFetch`: one is always slow, and one closes under load and starts again. The figures
 * are logged, and the assertions hold on any machine.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resilientFetch } from 'breakwater/fetch';
import { httpCheck, LoadBalancer, type PickerFactory, powerOfTwoChoices, roundRobin } from 'breakwater/load-balancer';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';

const SLOW_MS = 300;
const CLIENTS = 20;

/** A server that can close with all its connections and start again at its address. */
class Backend implements AsyncDisposable {
  port = 0;
  answered = 0;
  readonly #delayMs: number;
  #server: Server | undefined;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<this> {
    this.#server = createServer((request, response) => {
      const isCheck = request.url === '/health';
      setTimeout(() => response.end('well'), isCheck ? 0 : this.#delayMs);
      if (!isCheck) this.answered++;
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async die(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.die();
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function scenario(pick: PickerFactory, retries: boolean) {
  const backends = await Promise.all([2, 2, 2, SLOW_MS, 2].map((delayMs) => new Backend(delayMs).start()));
  await using _close = {
    [Symbol.asyncDispose]: async () => void (await Promise.all(backends.map((one) => one.die()))),
  };
  const [slow, mortal] = [backends[3]!, backends[4]!];
  using balancer = new LoadBalancer(
    backends.map(({ origin }) => origin),
    {
      pick,
      health: { check: httpCheck({ path: '/health' }), interval: 100, timeout: 1000, rise: 2, fall: 2 },
      outlier: { consecutiveFailures: 3, ejectFor: '1s' },
    },
  );
  const fetch = resilientFetch({
    route: balancer.route(),
    circuitBreaker: false, // one breaker would count all five nodes together
    ...(retries ? {} : { retry: false as const }),
  });
  let isOver = false;
  let calls = 0;
  const failures: number[] = [];
  const client = async () => {
    while (!isOver) {
      calls++;
      try {
        await (await fetch('http://service/work')).text();
      } catch {
        failures.push(performance.now());
      }
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  await sleep(1500);
  const before = backends.map(({ answered }) => answered);
  const slowShare = before[3]! / before.reduce((sum, count) => sum + count, 0);

  const diedAt = performance.now();
  const callsBefore = calls;
  await mortal.die();
  await sleep(1000);
  const callsAtSecond = calls;
  await sleep(1000);
  const callsLater = calls - callsAtSecond;
  const late = failures.filter((at) => at > diedAt + 1000).length;
  const soon = failures.length - late;

  await mortal.start();
  const backAt = performance.now();
  const answered = mortal.answered;
  await eventually(() => expect(mortal.answered).toBeGreaterThan(answered + 20));
  const recoveryMs = performance.now() - backAt;
  isOver = true;
  await Promise.all(clients);
  expect(balancer.nodes.map(({ active }) => active)).toEqual([0, 0, 0, 0, 0]);
  return {
    calls,
    slowShare,
    slowAnswered: slow.answered,
    failedInFirstSecond: soon / (callsAtSecond - callsBefore),
    failedAfter: late / callsLater,
    recoveryMs,
  };
}

describe('Five servers behind a load balancer', () => {
  it.each<[string, PickerFactory, boolean]>([
    ['roundRobin without retries', roundRobin(), false],
    ['powerOfTwoChoices without retries', powerOfTwoChoices(), false],
    ['powerOfTwoChoices by latency without retries', powerOfTwoChoices({ by: 'latency' }), false],
    ['powerOfTwoChoices with retries', powerOfTwoChoices(), true],
  ])(
    'the share of the slow node and the failed calls stay within their bounds with %s',
    async (name, pick, retries) => {
      const seen = await scenario(pick, retries);
      const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
      console.info(
        `${name}: ${seen.calls} calls; to the slow node ${percent(seen.slowShare)} (an equal share is 20 %); ` +
          `failed in the first second of the fault ${percent(seen.failedInFirstSecond)}, after it ${percent(seen.failedAfter)}; ` +
          `back in use after ${seen.recoveryMs.toFixed(0)} ms`,
      );
      expect(seen.slowAnswered).toBeGreaterThan(0);
      if (retries) expect([seen.failedInFirstSecond, seen.failedAfter]).toEqual([0, 0]);
      if (pick.name !== 'roundRobin') expect(seen.slowShare).toBeLessThan(0.2);
    },
  );
});
