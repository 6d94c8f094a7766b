import { isResilienceError } from 'breakwater';
import { CALL_TIMEOUT_MS, type Send, type Transition } from './clients.js';

/** One call of a side. */
export interface Call {
  /** The start of the call, in milliseconds after the run began. */
  readonly startMs: number;
  /** How long the caller waited for a response or an error, in milliseconds. */
  readonly latencyMs: number;
  /** The reason of the failure; undefined for a success: a 2xx whose body arrived in time. */
  readonly failure: string | undefined;
}

/** The record of one side of the comparison. */
export class Side {
  /** The ended calls, in the order in which they ended. */
  readonly calls: Call[] = [];
  /** The times at which requests reached the server of this side. */
  readonly arrivals: number[] = [];
  readonly transitions: Transition[] = [];
  readonly #open = new Set<{ readonly startMs: number }>();

  get openCalls(): number {
    return this.#open.size;
  }

  async call(send: Send, url: string, elapsedMs: () => number): Promise<void> {
    const call = { startMs: elapsedMs() };
    this.#open.add(call);
    let failure = await failureOf(send, url);
    if (!this.#open.delete(call)) return; // the run has ended first
    const latencyMs = elapsedMs() - call.startMs;
    if (latencyMs > CALL_TIMEOUT_MS) failure ??= 'too late';
    this.calls.push({ ...call, latencyMs, failure });
  }

  /** Records the calls that are still open as failures. */
  close(elapsedMs: number): void {
    for (const { startMs } of this.#open) {
      this.calls.push({ startMs, latencyMs: elapsedMs - startMs, failure: 'open at the end' });
    }
    this.#open.clear();
  }
}

/**
 * Calls `fire` at a constant rate, however long its calls take: an open loop, like independent users. Resolves with the
 * delay of the latest call, in milliseconds.
 */
export function openLoop(options: {
  readonly rps: number;
  readonly durationMs: number;
  readonly elapsedMs: () => number;
  readonly fire: () => void;
  readonly signal: AbortSignal;
}): Promise<number> {
  const { rps, durationMs, elapsedMs, fire, signal } = options;
  return new Promise((resolve) => {
    let fired = 0;
    let latest = 0;
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(timer);
      resolve(latest);
    };
    const tick = (): void => {
      const now = elapsedMs();
      latest = Math.max(latest, now - (fired * 1000) / rps);
      for (; fired * 1000 <= Math.min(now, durationMs - 1e-6) * rps; fired++) fire();
      if (now >= durationMs) end();
      else timer = setTimeout(tick, Math.min((fired * 1000) / rps, durationMs) - elapsedMs());
    };
    signal.addEventListener('abort', end);
    tick();
  });
}

async function failureOf(send: Send, url: string): Promise<string | undefined> {
  try {
    const response = await send(url);
    await response.arrayBuffer();
    return response.ok ? undefined : `answered ${response.status}`;
  } catch (error) {
    return describe(error);
  }
}

function describe(error: unknown): string {
  if (isResilienceError(error)) return rejections[error.code] ?? error.code;
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'timed out';
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return networkErrors[(cause as NodeJS.ErrnoException).code ?? ''] ?? cause.message;
}

const rejections: Partial<Record<string, string>> = {
  ERR_TIMEOUT: 'timed out',
  ERR_CIRCUIT_OPEN: 'rejected, circuit open',
  ERR_BULKHEAD_FULL: 'rejected, bulkhead full',
};

const networkErrors: Partial<Record<string, string>> = {
  ECONNRESET: 'connection reset',
  UND_ERR_SOCKET: 'connection reset',
  ECONNREFUSED: 'connection refused',
};
