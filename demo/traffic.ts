import { isResilienceError } from 'breakwater';
import { PATIENCE_MS, type Send, type Transition } from './clients.js';

export interface Call {
  /** Milliseconds after the run began. */
  readonly startMs: number;
  /** How long the caller waited for whatever came. */
  readonly latencyMs: number;
  /** Undefined for a success: a 2xx whose body was there in time. */
  readonly failure: string | undefined;
}

/** What one side lived through. */
export class Side {
  /** In the order of their ends. */
  readonly calls: Call[] = [];
  /** When requests reached its server. */
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
    if (!this.#open.delete(call)) return; // the run was over first
    const latencyMs = elapsedMs() - call.startMs;
    if (latencyMs > PATIENCE_MS) failure ??= 'too late';
    this.calls.push({ ...call, latencyMs, failure });
  }

  /** Whoever still waits has waited in vain. */
  close(elapsedMs: number): void {
    for (const { startMs } of this.#open) {
      this.calls.push({ startMs, latencyMs: elapsedMs - startMs, failure: 'open at the end' });
    }
    this.#open.clear();
  }
}

/**
 * Calls `fire` at a constant rate, however long its calls take: an open loop, as the world outside is one.
 * Resolves with how late the latest was, in milliseconds.
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
  if (isResilienceError(error)) return refusals[error.code] ?? error.code;
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'timed out';
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return networkErrors[(cause as NodeJS.ErrnoException).code ?? ''] ?? cause.message;
}

const refusals: Partial<Record<string, string>> = {
  ERR_TIMEOUT: 'timed out',
  ERR_CIRCUIT_OPEN: 'refused, circuit open',
  ERR_BULKHEAD_FULL: 'refused, bulkhead full',
};

const networkErrors: Partial<Record<string, string>> = {
  ECONNRESET: 'connection reset',
  UND_ERR_SOCKET: 'connection reset',
  ECONNREFUSED: 'connection refused',
};
