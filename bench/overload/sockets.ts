/**
 * Limits under overload, over real sockets and in real time: `npm run overload-sockets`. Three scenarios of half a
 * minute each. In each one all limits run at the same time, in front of a server process each, so that a busy moment
 * of the machine falls on all of them. The figures differ by a few hundredths from run to run.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { bulkhead, type Policy, pipeline, timeout } from 'breakwater';
import { adaptiveLimit, aimdLimit } from 'breakwater/overload';
import { exponential } from 'breakwater/simulator';
import { seededRandom } from 'breakwater/testing';
import Table from 'cli-table3';
import { goodputShare, latencyQuantile, type Phase, type Second } from './scenarios.js';

/** What a server can do: `workers` requests at a time, of `serviceMs` on average. */
export interface Capacity {
  readonly workers: number;
  readonly serviceMs: number;
}

interface SocketScenario {
  readonly name: string;
  readonly perSecond: number;
  readonly seconds: number;
  /** The changes of the server, by the second in which they happen. */
  readonly changes: readonly { readonly at: number; readonly to: Capacity }[];
  readonly phases: readonly Phase[];
}

const TIMEOUT_MS = 500;
const USUAL: Capacity = { workers: 4, serviceMs: 25 }; // 160 requests per second

const SCENARIOS: readonly SocketScenario[] = [
  {
    name: '1.5 × overload: 240/s of 160',
    perSecond: 240,
    seconds: 30,
    changes: [],
    phases: [
      { name: 'early', from: 3, to: 15, capacity: 160 },
      { name: 'later', from: 15, to: 30, capacity: 160 },
    ],
  },
  {
    name: '6 × slower for five seconds, 120/s',
    perSecond: 120,
    seconds: 30,
    changes: [
      { at: 10, to: { workers: 4, serviceMs: 150 } },
      { at: 15, to: USUAL },
    ],
    phases: [
      { name: 'during', from: 10, to: 15, capacity: 160 / 6 },
      { name: 'after', from: 16, to: 30, capacity: 160 },
    ],
  },
  {
    name: 'half of the workers leave, 120/s',
    perSecond: 120,
    seconds: 30,
    changes: [{ at: 10, to: { workers: 2, serviceMs: 25 } }],
    phases: [
      { name: 'before', from: 3, to: 10, capacity: 160 },
      { name: 'after', from: 12, to: 30, capacity: 80 },
    ],
  },
];

const LIMITS: Readonly<Record<string, () => readonly Policy[]>> = {
  'no limit': () => [],
  'bulkhead 8': () => [bulkhead({ maxConcurrent: 8 })],
  adaptiveLimit: () => [adaptiveLimit()],
  AIMD: () => [adaptiveLimit({ algorithm: aimdLimit() })],
};

/** Runs a scenario with one limit, in front of a server of its own. */
async function run({ perSecond, seconds, changes }: SocketScenario, limits: readonly Policy[]): Promise<Second[]> {
  const server = fork(new URL('socket-server.ts', import.meta.url));
  const [port] = (await once(server, 'message')) as [number];
  const agent = new Agent({ keepAlive: true });
  const policy = pipeline(...limits, timeout(TIMEOUT_MS));
  const results = Array.from({ length: seconds }, (): Second => ({ offered: 0, good: [], limit: undefined }));
  const send = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const request = get({ port, host: '127.0.0.1', agent, signal }, (response) => {
        response.resume().once('end', resolve).once('error', reject);
      });
      request.once('error', reject);
    });
  const call = async (second: Second): Promise<void> => {
    second.offered++;
    const startedAt = performance.now();
    const { ok } = await policy.attempt(({ signal }) => send(signal));
    if (ok) second.good.push(performance.now() - startedAt);
  };
  const calls: Promise<void>[] = [];
  const random = seededRandom(1); // all limits meet the same arrivals
  const gap = exponential(1000 / perSecond);
  const pending = [...changes];
  const start = performance.now();
  for (let at = 0; at < 1000 * seconds; at += gap(random)) {
    // A late timer delays no arrival after it: the load is open.
    const aheadMs = start + at - performance.now();
    if (aheadMs > 1) await wait(aheadMs);
    if (at >= 1000 * (pending[0]?.at ?? Infinity)) server.send(pending.shift()!.to);
    calls.push(call(results[Math.floor(at / 1000)]!));
  }
  await Promise.all(calls);
  agent.destroy();
  server.disconnect();
  return results;
}

for (const scenario of SCENARIOS) {
  const { name, phases } = scenario;
  const heads = phases.map((phase) => `${phase.name} (${phase.capacity.toFixed(0)}/s)`);
  const table = new Table({
    head: [name, ...heads, ...phases.map((phase) => `p99 ${phase.name}`)],
    style: { head: [], border: [] },
  });
  const runs = Object.entries(LIMITS).map(async ([limit, make]) => [limit, await run(scenario, make())] as const);
  for (const [limit, seconds] of await Promise.all(runs)) {
    const shares = phases.map((phase) => goodputShare(seconds, phase).toFixed(2));
    const p99s = phases.map(({ from, to }) => `${latencyQuantile(seconds, from, to, 0.99).toFixed(0)} ms`);
    table.push([limit, ...shares, ...p99s]);
  }
  console.log(`${table.toString()}\n`);
}
console.log('Good calls as a share of those that were possible, and the p99 of the good calls.');
