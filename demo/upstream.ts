import { type ChildProcess, spawn } from 'node:child_process';
import { bundle } from './bundle.js';
import type { ListenOrder, ServerReport, StartOrder } from './server.js';

/** Options of `Upstream`. */
export interface UpstreamOptions {
  readonly scenario: string;
  readonly seed: number;
  readonly durationMs: number;
  /** A request has reached the server, `atMs` milliseconds after the run began. */
  readonly onRequest: (atMs: number) => void;
  /** Receives the 99th percentile of the delay of the server's event loop since it started, in milliseconds. */
  readonly onLoopDelay: (ms: number) => void;
  /** The process has ended without being killed by its parent. */
  readonly onCrash: (error: Error) => void;
}

/** The parent's side of one server process: starts it, kills it, and starts it again on the same port. */
export class Upstream {
  readonly #options: UpstreamOptions;
  #child: ChildProcess | undefined;
  #onListening: () => void = () => {};
  #port = 0;

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/items`;
  }

  /** Starts the process without opening its port. */
  boot(program: string): void {
    const child = spawn(process.execPath, ['--input-type=module', '-'], {
      stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
    });
    child.stdin!.on('error', () => {}); // the process was killed before it had read the program
    child.stdin!.end(program);
    this.#child = child;
    child.on('message', (message: ServerReport) => {
      if ('requestAtMs' in message) {
        this.#options.onRequest(message.requestAtMs);
      } else if ('loopDelayMs' in message) {
        this.#options.onLoopDelay(message.loopDelayMs);
      } else {
        this.#port = message.port;
        this.#onListening();
      }
    });
    child.on('error', (error) => this.#options.onCrash(error));
    child.on('exit', (code, signal) => {
      if (child === this.#child)
        this.#options.onCrash(new Error(`A server process ended unexpectedly: ${signal ?? code}`));
    });
  }

  /** Opens the port: any free one the first time, the same one later. Resolves when it is open. */
  listen(): Promise<void> {
    const { scenario, seed, durationMs } = this.#options;
    this.#send({ scenario, seed, port: this.#port, durationMs });
    return new Promise((resolve) => {
      this.#onListening = resolve;
    });
  }

  /** Makes the server follow the scenario and report its requests. */
  start(startedAt: number): void {
    this.#send({ startedAt });
  }

  kill(): void {
    const child = this.#child;
    this.#child = undefined;
    child?.kill('SIGKILL');
  }

  #send(order: ListenOrder | StartOrder): void {
    this.#child?.send(order, () => {}); // the exit event reports a process that has ended
  }
}

/** Returns server.ts as one plain script: it starts in a tenth of the time that loading TypeScript would take. */
export async function buildServer(): Promise<string> {
  const [script] = await bundle('./server.ts', { platform: 'node', format: 'esm', target: 'node20' });
  return script!.text;
}
