import { type ChildProcess, spawn } from 'node:child_process';
import { bundle } from './bundle.js';
import type { ListenOrder, ServerReport, StartOrder } from './server.js';

export interface UpstreamOptions {
  readonly scenario: string;
  readonly seed: number;
  readonly durationMs: number;
  /** A request has reached the server, so long after the run began. */
  readonly onRequest: (atMs: number) => void;
  /** The 99th percentile of how late the server's event loop has been since it started. */
  readonly onLoopDelay: (ms: number) => void;
  /** The process ended and nobody had asked it to. */
  readonly onCrash: (error: Error) => void;
}

/** The parent's side of one server process: starts it, kills it, starts it again on the same port. */
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

  /** Starts the process but leaves its port closed. */
  boot(program: string): void {
    const child = spawn(process.execPath, ['--input-type=module', '-'], {
      stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
    });
    child.stdin!.on('error', () => {}); // killed before it had read it all
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
        this.#options.onCrash(new Error(`A server process ended by itself: ${signal ?? code}`));
    });
  }

  /** Opens the port: any free one the first time, the same one ever after. Resolves when it is open. */
  listen(): Promise<void> {
    const { scenario, seed, durationMs } = this.#options;
    this.#send({ scenario, seed, port: this.#port, durationMs });
    return new Promise((resolve) => {
      this.#onListening = resolve;
    });
  }

  /** From here on the server follows the scenario and reports its requests. */
  start(startedAt: number): void {
    this.#send({ startedAt });
  }

  kill(): void {
    const child = this.#child;
    this.#child = undefined;
    child?.kill('SIGKILL');
  }

  #send(order: ListenOrder | StartOrder): void {
    this.#child?.send(order, () => {}); // a process that is gone shows by its exit
  }
}

/** server.ts as one plain script: it starts in a tenth of the time that loading TypeScript would take. */
export async function buildServer(): Promise<string> {
  const [script] = await bundle('./server.ts', { platform: 'node', format: 'esm', target: 'node20' });
  return script!.text;
}
