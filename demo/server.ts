/**
 * The failing server: a separate process that serves plain HTTP on loopback. upstream.ts starts and kills it.
 *
 * It opens its port when its parent orders it to, reports every request that arrives to its parent, and ends with its
 * parent.
 */
import { createServer } from 'node:http';
import { seededRandom } from 'breakwater/testing';
import { now } from './clock.js';
import { watchLoopDelay } from './loop-delay.js';
import { answerAt, scenarios } from './scenario.js';

/** The order to open the port. */
export interface ListenOrder {
  readonly scenario: string;
  readonly seed: number;
  /** The port to open; 0 for any free port. */
  readonly port: number;
  readonly durationMs: number;
}

/** The order to follow the scenario. */
export interface StartOrder {
  /**
   * The time at which the run began. Until the server has received it, the server responds to every request with an
   * empty 200.
   */
  readonly startedAt: number;
}

/** A message of the server to its parent: its port, a request, or its event loop delay. */
export type ServerReport =
  | { readonly port: number }
  | { readonly requestAtMs: number }
  | { readonly loopDelayMs: number };

/** The interval, in milliseconds, at which the server reports the delay of its event loop. */
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
    setTimeout(() => server.listen(port, '127.0.0.1'), 20); // after a kill, the kernel needs time to free the port
  });
  server.on('listening', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') report({ port: address.port });
  });
  server.listen(port, '127.0.0.1');
}

function report(message: ServerReport): void {
  // A send error means that the parent has ended: the event 'disconnect' then ends this process.
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
// Ctrl-C sends a signal to every process of the terminal; this process ends only when its parent ends it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
