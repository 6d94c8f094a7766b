import { plainSend, resilientSend, type Send } from './clients.js';
import { now } from './clock.js';
import { watchLoopDelay } from './loop-delay.js';
import { type Scenario, spans } from './scenario.js';
import { openLoop, Side } from './traffic.js';
import { buildServer, Upstream } from './upstream.js';

/** The settings of a run. */
export interface RunSettings {
  readonly scenario: Scenario;
  readonly seconds: number;
  readonly rps: number;
  readonly seed: number;
}

/** A run of both sides. */
export interface Run {
  readonly settings: RunSettings;
  readonly plain: Side;
  readonly resilient: Side;
  /** The elapsed time in milliseconds: 0 until both servers are up, and constant after the run has ended. */
  elapsedMs(): number;
  /** Ends the run now and keeps the figures so far. */
  stop(): void;
  /**
   * Resolves with the lateness of this machine when the run has ended. Rejects if a server process ends unexpectedly.
   */
  readonly finished: Promise<Lateness>;
}

/** How late this program itself was, in milliseconds. The figures cannot distinguish this from a slow server. */
export interface Lateness {
  /** The 99th percentile of the event loop delay, in the process of the run where it was largest. */
  readonly loopDelayMs: number;
  /** How late the latest call started; both sides were late by the same time. */
  readonly latestCallMs: number;
}

/** Whether the machine was so late that the figures say more about the machine than about the two sides. */
export const isBusy = ({ loopDelayMs, latestCallMs }: Lateness): boolean => loopDelayMs > 100 || latestCallMs > 200;

/**
 * Starts a run: the same calls at the same times to two equal servers, one with plain `fetch`, one with
 * `resilientFetch`.
 */
export function startRun(settings: RunSettings): Run {
  const { scenario, rps, seed } = settings;
  const durationMs = settings.seconds * 1000;
  const stopping = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  let startedAt: number | undefined;
  let endedAt: number | undefined;
  let loopDelayMs = 0;
  const elapsedMs = (): number => (startedAt === undefined ? 0 : (endedAt ?? now()) - startedAt);

  const plain = new Side();
  const resilient = new Side();
  let crash: (error: Error) => void = () => {};
  const crashed = new Promise<never>((_, reject) => {
    crash = reject;
  });
  const upstreamOf = (side: Side): Upstream =>
    new Upstream({
      scenario: scenario.name,
      seed,
      durationMs,
      onRequest: (atMs) => {
        if (endedAt === undefined) side.arrivals.push(atMs);
      },
      onLoopDelay: (ms) => {
        loopDelayMs = Math.max(loopDelayMs, ms);
      },
      onCrash: crash,
    });
  const pairs: readonly { side: Side; upstream: Upstream; send: Send }[] = [
    { side: plain, upstream: upstreamOf(plain), send: plainSend },
    {
      side: resilient,
      upstream: upstreamOf(resilient),
      send: resilientSend(durationMs, (change) => {
        if (endedAt === undefined) resilient.transitions.push({ atMs: elapsedMs(), ...change });
      }),
    },
  ];

  async function drive(): Promise<Lateness> {
    const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
    const program = await buildServer();
    await Promise.race([stopped, crashed, openServers(program)]);
    if (stopping.signal.aborted) return { loopDelayMs, latestCallMs: 0 };
    startedAt = now();
    const ownDelayMs = watchLoopDelay();
    for (const { upstream } of pairs) upstream.start(startedAt);
    scheduleOutages(program, startedAt);
    const fire = (): void => {
      for (const { side, upstream, send } of pairs) void side.call(send, upstream.url, elapsedMs);
    };
    const calls = openLoop({ rps, durationMs, elapsedMs, fire, signal: stopping.signal });
    const latestCallMs = await Promise.race([crashed, calls]);
    return { loopDelayMs: Math.max(loopDelayMs, ownDelayMs()), latestCallMs };
  }

  async function openServers(program: string): Promise<void> {
    await Promise.all(
      pairs.map(async ({ upstream }) => {
        upstream.boot(program);
        await upstream.listen();
        await (await fetch(upstream.url)).arrayBuffer(); // the first figure must not include loading fetch
      }),
    );
  }

  function scheduleOutages(program: string, since: number): void {
    for (const { phase, start, end } of spans(scenario)) {
      if (!phase.down) continue;
      for (const { upstream } of pairs) {
        const down = (): void => {
          upstream.kill();
          upstream.boot(program);
        };
        const up = (): void => {
          upstream.start(since);
          void upstream.listen();
        };
        timers.push(setTimeout(down, start * durationMs), setTimeout(up, end * durationMs));
      }
    }
  }

  const finished = drive().finally(() => {
    endedAt = now();
    for (const timer of timers) clearTimeout(timer);
    for (const { side, upstream } of pairs) {
      side.close(elapsedMs());
      upstream.kill();
    }
  });
  return { settings, plain, resilient, elapsedMs, stop: () => stopping.abort(), finished };
}
