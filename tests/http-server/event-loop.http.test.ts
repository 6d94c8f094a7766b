/** The delay of a real event loop, in a process of its own: blocks of CPU work, and requests that arrive meanwhile. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('./event-loop-server.ts', import.meta.url));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill();
});

/** Starts the server of `event-loop-server.ts`. */
async function startServer(options: object): Promise<string> {
  const child = fork(program, [JSON.stringify(options)], { execArgv: ['--import', 'tsx'] });
  children.push(child);
  const [port] = (await once(child, 'message')) as [number];
  return `http://127.0.0.1:${port}`;
}

const statusOf = async (url: string) => (await fetch(url)).status;
const statsOf = async (origin: string) =>
  (await (await fetch(`${origin}/stats`)).json()) as { eventLoopDelayMs: number; shedShare: number; rejected: number };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('Admission by the event loop of a real process', () => {
  it('Requests that arrive during a block are shed, and health checks and stats are not', async () => {
    const origin = await startServer({ eventLoop: { maxDelay: '100ms' } });
    await pause(1500); // the start of the program has delayed the loop
    expect(await statusOf(`${origin}/`)).toBe(200);
    const blocking = statusOf(`${origin}/block?ms=600`);
    await pause(100);
    const [during, health] = await Promise.all([statusOf(`${origin}/`), statusOf(`${origin}/health`)]);
    expect([during, health]).toEqual([503, 200]);
    expect(await blocking).toBe(200);
    const { eventLoopDelayMs } = await statsOf(origin);
    expect(eventLoopDelayMs).toBeGreaterThan(400);
    await pause(1700);
    expect(await statusOf(`${origin}/`)).toBe(200);
  }, 30_000);

  it('A loop that is never idle is noticed, although the timer of the watch rarely fires', async () => {
    const origin = await startServer({ eventLoop: { maxDelay: '100ms' } });
    await pause(1500);
    // Each block begins as soon as the one before it has ended.
    const blocks = Promise.all(Array.from({ length: 6 }, () => statusOf(`${origin}/block?ms=300`)));
    await pause(700);
    expect(await statusOf(`${origin}/`)).toBe(503);
    expect((await blocks).filter((status) => status === 503).length).toBeGreaterThan(0);
  }, 30_000);

  it('Utilization is that of the last interval, and not that since the start', async () => {
    const origin = await startServer({ eventLoop: { maxDelay: '10m', maxUtilization: 0.8 } });
    await pause(3000); // idle: the average since the start stays low
    expect((await statsOf(origin)).shedShare).toBe(0);
    fetch(`${origin}/busy?ms=2500`).catch(() => {});
    await pause(1700);
    const { shedShare } = await statsOf(origin);
    expect(shedShare).toBeGreaterThan(0.2);
  }, 30_000);

  it('An idle process sheds nothing, and its watch does not keep it alive', async () => {
    const origin = await startServer({ eventLoop: { maxDelay: '40ms' } });
    await pause(1500);
    await Promise.all(Array.from({ length: 50 }, () => statusOf(`${origin}/`)));
    await pause(1600);
    const before = (await statsOf(origin)).rejected;
    for (let call = 0; call < 20; call++) await statusOf(`${origin}/`);
    expect((await statsOf(origin)).rejected - before).toBeLessThanOrEqual(2);
    const [child] = children as [ChildProcess];
    const exited = once(child, 'exit');
    await fetch(`${origin}/close`, { headers: { connection: 'close' } }).catch(() => {});
    expect(await exited).toEqual([0, null]);
  }, 30_000);
});
