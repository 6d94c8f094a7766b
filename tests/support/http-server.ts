import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A real HTTP server on the loopback that answers by a script, and remembers what it was asked. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:port`. */
  readonly origin: string;
  /** Every request whose headers have arrived, in that order. */
  readonly requests: readonly TestRequest[];
  readonly sockets: {
    /** Connections so far that a request came on. */
    readonly used: number;
    readonly open: number;
  };
  close(): Promise<void>;
}

export interface TestRequest {
  /** Counted from 0. */
  readonly index: number;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The whole body; rejects when the client gives up before. */
  text(): Promise<string>;
  /** For answers that a `Reply` cannot express. */
  readonly response: ServerResponse;
  /** Resolves when the client has closed the connection, or the answer is complete. */
  readonly ended: Promise<void>;
}

export interface Reply {
  /** @defaultValue 200 */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** A string is sent whole, with its length; anything else in chunks as they come. */
  readonly body?: string | AsyncIterable<string | Uint8Array> | undefined;
}

/** What to answer; nothing for a request that is left hanging, or answered through `request.response`. */
export type Script = (request: TestRequest) => Reply | undefined | Promise<Reply | undefined>;

export async function testServer(script: Script): Promise<TestServer> {
  const server = new ScriptedServer(script);
  await server.listen();
  return server;
}

/** Answers in order, one for each request; the last one goes on for ever. */
export function inOrder(...replies: readonly Reply[]): Script {
  return ({ index }) => replies[Math.min(index, replies.length - 1)];
}

const HOST = '127.0.0.1';
const MAX_BODY_BYTES = 1024 * 1024;

class ScriptedServer implements TestServer {
  readonly requests: TestRequest[] = [];
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #script: Script;
  readonly #used = new WeakSet<Socket>();
  #usedCount = 0;
  #open = 0;

  constructor(script: Script) {
    this.#script = script;
    this.#server.on('connection', (socket) => {
      this.#open++;
      socket.on('close', () => this.#open--);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://${HOST}:${this.port}`;
  }

  get sockets() {
    return { used: this.#usedCount, open: this.#open };
  }

  async listen(): Promise<void> {
    this.#server.listen(0, HOST);
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#used.has(incoming.socket)) this.#usedCount++;
    this.#used.add(incoming.socket);
    incoming.on('error', () => {}); // a client that leaves is part of the tests
    const request: TestRequest = {
      index: this.requests.length,
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      text: () => readText(incoming),
      response,
      ended: new Promise((resolve) => response.once('close', () => resolve())),
    };
    this.requests.push(request);
    try {
      const reply = await this.#script(request);
      if (reply !== undefined) await send(reply, response);
    } catch (error) {
      if (!incoming.destroyed) throw error; // a client that left in the middle of its request
    }
  }
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new RangeError('a request body above 1 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

async function send({ status = 200, headers = {}, body = '' }: Reply, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.statusCode = status;
  if (typeof body === 'string') {
    response.end(body);
    return;
  }
  response.flushHeaders();
  for await (const chunk of body) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await writable(response);
  }
  response.end();
}

/** Resolves when more can be written, or nothing ever again. */
function writable(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
