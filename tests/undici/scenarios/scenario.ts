import { setTimeout as after } from 'node:timers/promises';
import { type ResilientDispatcherOptions, resilient } from 'breakwater/undici';
import type { Agent, Dispatcher } from 'undici';
import { type Script, type TestServer, testServer } from '../../support/http-server.js';

/** The package undici, of any version that the interceptor supports. */
export type Undici = typeof import('undici');

/** What a scenario can use. All of it is closed after the scenario. */
export interface Bench {
  readonly undici: Undici;
  /** The major version of undici. */
  readonly major: number;
  /** Returns a dispatcher with the interceptor, which waits one millisecond before a retry. */
  guarded(options?: ResilientDispatcherOptions, agentOptions?: Agent.Options): Dispatcher;
  server(script: Script): Promise<TestServer>;
  onEnd(action: () => unknown): void;
}

/** A behaviour that is the same with every version of undici. The title continues "The interceptor …". */
export type Scenarios = Readonly<Record<string, (bench: Bench) => Promise<void>>>;

/** A short delay before a retry, without jitter. */
export const SOON = { backoff: () => 1 };

const LIMIT_MS = 20_000;

/** Runs a scenario with a version of undici. Rejects if it fails, or takes too long. */
export async function runScenario(
  undici: Undici,
  major: number,
  scenario: (bench: Bench) => Promise<void>,
): Promise<void> {
  const endings: (() => unknown)[] = [];
  const limit = new AbortController();
  const bench: Bench = {
    undici,
    major,
    guarded(options, agentOptions) {
      const agent = new undici.Agent(agentOptions);
      endings.push(() => agent.destroy());
      return agent.compose(resilient({ ...(options?.policy ? {} : { retry: SOON }), ...options }));
    },
    async server(script) {
      const server = await testServer(script);
      endings.push(() => server.close());
      return server;
    },
    onEnd: (action) => endings.push(action),
  };
  try {
    const tooLong = after(LIMIT_MS, undefined, { signal: limit.signal, ref: false }).then(
      () => Promise.reject(new Error('The scenario takes too long')),
      () => {},
    );
    await Promise.race([scenario(bench), tooLong]);
  } finally {
    limit.abort();
    for (const end of endings.reverse()) await end();
  }
}

interface Listeners {
  readonly head?: () => unknown;
  readonly data?: (chunk: Uint8Array) => unknown;
  readonly end?: () => unknown;
  readonly error?: (error: unknown) => unknown;
}

/** Returns a handler in the style of a version: callbacks before undici 8, a controller since. */
export function handlerOf(major: number, { head, data, end, error }: Listeners): Dispatcher.DispatchHandler {
  const none = () => {};
  const old = {
    onConnect: none,
    onHeaders: () => head?.() ?? true,
    onData: (chunk: Uint8Array) => data?.(chunk) ?? true,
    onComplete: end ?? none,
    onError: error ?? none,
  };
  if (major < 8) return old as unknown as Dispatcher.DispatchHandler;
  return {
    onRequestStart: none,
    onResponseStart: () => head?.(),
    onResponseData: (_controller: unknown, chunk: Uint8Array) => data?.(chunk),
    onResponseEnd: end ?? none,
    onResponseError: (_controller: unknown, reason: unknown) => error?.(reason),
  } as unknown as Dispatcher.DispatchHandler;
}

/** Waits until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await after(5);
}

export { after };
