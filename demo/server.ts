/**
 * The failing server: a process of its own that speaks plain HTTP on loopback. upstream.ts starts and kills it.
 *
 * It opens its port when told to, tells its parent about every request that reaches it, and ends with its parent.
 */
import { createServer } from 'node:http';
import { seededRandom } from 'breakwater/testing';
import { now } from './clock.js';
import { watchLoopDelay } from './loop-delay.js';
import { answerAt, scenarios } from './scenario.js';

export interface ListenOrder {
  readonly scenario: string;
  readonly seed: number;
  /** 0 for any. */
  readonly port: number;
  readonly durationMs: number;
}

export interface StartOrder {
  /** When the run began. Until this is known the server merely says that it is there. */
  readonly startedAt: number;
}

export type ServerReport =
  | { readonly port: number }
  | { readonly requestAtMs: number }
  | { readonly loopDelayMs: number };

/** How often the server reports by how much its event loop is late. */
const LOOP_REPORT_MS = 500;

const body = JSON.stringify({ items: Array.from({ length: 20 }, (_, id) => ({ id, name: `item ${id}` })) });

let startedAt: number | undefined;

function listen({ scenario: name, seed, port, durationMs }: ListenOrder): void {
  const scenario = scenarios.get(name)!;
  const random = seededRandom(seed);

  const server = createServer((request, response) => {
    if (startedAt === undefined) {
      response.end();
      return;
    }
    const elapsedMs = now() - startedAt;
    report({ requestAtMs: elapsedMs });
    const answer = answerAt(scenario, elapsedMs / durationMs, random);
    if (answer.kind === 'silence') return;
    setTimeout(() => {
      switch (answer.kind) {
        case 'ok':
          response.writeHead(200, { 'content-type': 'application/json' }).end(body);
          break;
        case 'unavailable':
          if (answer.retryAfterSeconds !== undefined) response.setHeader('retry-after', answer.retryAfterSeconds);
          response.writeHead(503, { 'content-type': 'text/plain' }).end('Service Unavailable');
          break;
        case 'reset':
          request.socket.resetAndDestroy();
      }
    }, answer.delayMs);
  });

  server.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    setTimeout(() => server.listen(port, '127.0.0.1'), 20); // after a kill the kernel may need a moment
  });
  server.on('listening', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') report({ port: address.port });
  });
  server.listen(port, '127.0.0.1');
}

function report(message: ServerReport): void {
  // A parent that has just gone is no error of ours: 'disconnect' ends us.
  if (process.connected) process.send!(message, undefined, undefined, () => {});
}

process.on('message', (order: ListenOrder | StartOrder) => {
  if ('startedAt' in order) {
    startedAt = order.startedAt;
    const loopDelayMs = watchLoopDelay();
    setInterval(() => report({ loopDelayMs: loopDelayMs() }), LOOP_REPORT_MS);
  } else listen(order);
});
process.on('disconnect', () => process.exit());
// Ctrl-C reaches every process of the terminal; when this one ends is its parent's decision.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
