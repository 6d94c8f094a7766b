import { plainSend, resilientSend, type Send } from './clients.js';
import { now } from './clock.js';
import { watchLoopDelay } from './loop-delay.js';
import { type Scenario, spans } from './scenario.js';
import { openLoop, Side } from './traffic.js';
import { buildServer, Upstream } from './upstream.js';

export interface RunSettings {
  readonly scenario: Scenario;
  readonly seconds: number;
  readonly rps: number;
  readonly seed: number;
}

export interface Run {
  readonly settings: RunSettings;
  readonly plain: Side;
  readonly resilient: Side;
  /** 0 until both servers are up; stands still when the run is over. */
  elapsedMs(): number;
  /** Ends the run now; the figures so far stay. */
  stop(): void;
  /** Resolves with how busy the machine was, when all is over. Rejects when a server process dies that should not. */
  readonly finished: Promise<Lateness>;
}

/** By how much this program was late itself, in milliseconds: the figures cannot tell that from a slow server. */
export interface Lateness {
  /** The 99th percentile of how late the event loop was, in that of the run's processes where it was latest. */
  readonly loopDelayMs: number;
  /** How late the latest call began; both sides were late together. */
  readonly latestCallMs: number;
}

/** Whether the figures of such a run say more about the machine than about the two sides. */
export const isBusy = ({ loopDelayMs, latestCallMs }: Lateness): boolean => loopDelayMs > 100 || latestCallMs > 200;

/** The same calls at the same moments to two equal servers, once with plain `fetch`, once with `resilientFetch`. */
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
        await (await fetch(upstream.url)).arrayBuffer(); // so that the first figure is not Node loading its fetch
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
