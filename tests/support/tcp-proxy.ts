import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as immediate, setTimeout as pause } from 'node:timers/promises';

/** A TCP proxy on the loopback that misbehaves on demand: what stands between client and server in tests of faults. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:port`. */
  readonly origin: string;
  /** What befalls the connections to come: each gets its number, counted from 0. Those that are open keep their own. */
  faults: (connection: number) => Faults;
  /** The open connections, oldest first. */
  readonly connections: readonly ProxyConnection[];
  /** How many connections were accepted so far. */
  readonly accepted: number;
  /** What they carried. */
  readonly bytes: Readonly<Bytes>;
  /** Stops listening: new connections are refused. Open ones go on. */
  refuse(): Promise<void>;
  /** Listens again, on the same port. */
  accept(): Promise<void>;
  /** Ends everything; when it resolves no socket and no timer is left. */
  close(): Promise<void>;
}

export interface Bytes {
  /** From the client to the server. */
  request: number;
  /** From the server to the client. */
  response: number;
  /** Swallowed by a black hole. */
  lost: number;
}

/** What befalls a connection. Looked at anew for each piece of data. */
export interface Faults {
  /** From the client to the server. */
  readonly request?: Flow;
  /** From the server to the client. */
  readonly response?: Flow;
  /** The client gets a RST as soon as it has connected. */
  readonly resetOnConnect?: boolean;
  /** The client gets a RST when it has had so many bytes of the response; 0 is instead of the first one. */
  readonly resetAfter?: number;
  /** The client gets the end (FIN) when it has had so many bytes of the response. */
  readonly cutAfter?: number;
  /**
   * Nothing gets through, either way, not even an end. From the start it is a server that accepts and never answers;
   * later, a half-open connection, whose other side has gone without a word.
   */
  readonly blackhole?: boolean;
}

export interface Flow {
  /** How much later the data is passed on. */
  readonly delayMs?: number;
  /** The data is passed on in pieces: so many bytes, every so many milliseconds. */
  readonly drip?: { readonly bytes: number; readonly everyMs: number };
}

export interface ProxyConnection {
  /** May be replaced at any time. */
  faults: Faults;
  readonly bytes: Readonly<Bytes>;
  /** A RST for the client, now. */
  reset(): void;
  /** Resolves when both its sockets are closed. */
  readonly closed: Promise<void>;
}

/** Starts a proxy in front of a port on the loopback. A client that ends its side is taken to have left. */
export async function tcpProxy(targetPort: number, faults: TcpProxy['faults'] = () => ({})): Promise<TcpProxy> {
  const proxy = new LoopbackProxy(targetPort, faults);
  await proxy.accept();
  return proxy;
}

const HOST = '127.0.0.1';
const MAX_CONNECTIONS = 1024;
/** What a direction holds back, by a delay for instance, before it stops reading. */
const MAX_PENDING_BYTES = 256 * 1024;

class LoopbackProxy implements TcpProxy {
  port = 0;
  faults: TcpProxy['faults'];
  accepted = 0;
  readonly bytes: Bytes = { request: 0, response: 0, lost: 0 };
  readonly #targetPort: number;
  readonly #open = new Set<Connection>();
  #server: Server | undefined;

  constructor(targetPort: number, faults: TcpProxy['faults']) {
    this.#targetPort = targetPort;
    this.faults = faults;
  }

  get origin(): string {
    return `http://${HOST}:${this.port}`;
  }

  get connections(): readonly ProxyConnection[] {
    return [...this.#open];
  }

  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    this.#server = createServer({ noDelay: true }, (client) => this.#connect(client));
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.listen(this.port, HOST);
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async refuse(): Promise<void> {
    this.#server?.close();
    this.#server = undefined;
    await pause(0); // the handle is closed by then
  }

  async close(): Promise<void> {
    await this.refuse();
    for (const connection of this.#open) connection.destroy();
    await Promise.all([...this.#open].map(({ closed }) => closed));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #connect(client: Socket): void {
    const upstream = connect({ port: this.#targetPort, host: HOST, noDelay: true });
    const connection = new Connection(client, upstream, this.faults(this.accepted++), this.bytes);
    this.#open.add(connection);
    connection.closed.then(() => this.#open.delete(connection));
  }
}

type Direction = 'request' | 'response';

class Connection implements ProxyConnection {
  faults: Faults;
  readonly bytes: Bytes = { request: 0, response: 0, lost: 0 };
  readonly closed: Promise<void>;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #totals: Bytes;
  readonly #over = new AbortController();

  constructor(client: Socket, upstream: Socket, faults: Faults, totals: Bytes) {
    this.#client = client;
    this.#upstream = upstream;
    this.faults = faults;
    this.#totals = totals;
    const closings = [client, upstream].map(
      (socket) => new Promise<void>((done) => socket.once('close', () => done())),
    );
    this.closed = Promise.all(closings).then(() => {});
    client.on('error', () => {}); // 'close' follows
    client.on('close', () => this.destroy());
    upstream.on('error', () => this.faults.blackhole || this.reset());
    this.#carry('request', client, upstream);
    this.#carry('response', upstream, client);
    if (faults.resetOnConnect) this.reset();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.destroy();
  }

  destroy(): void {
    this.#over.abort();
    this.#client.destroy();
    this.#upstream.destroy();
  }

  /** Passes everything on in its order, at the pace of the faults. */
  #carry(direction: Direction, from: Socket, to: Socket): void {
    let pendingBytes = 0;
    let last = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      const arrivedAt = performance.now();
      pendingBytes += chunk.length;
      if (pendingBytes > MAX_PENDING_BYTES) from.pause();
      last = last
        .then(() => this.#pass(direction, chunk, arrivedAt, to))
        .catch(() => {}) // the connection is over
        .then(() => {
          pendingBytes -= chunk.length;
          if (pendingBytes <= MAX_PENDING_BYTES) from.resume();
        });
    });
    from.on('end', () => last.then(() => this.faults.blackhole || to.end()));
  }

  async #pass(direction: Direction, chunk: Buffer, arrivedAt: number, to: Socket): Promise<void> {
    await this.#pause((this.faults[direction]?.delayMs ?? 0) - (performance.now() - arrivedAt));
    for (let rest = chunk; rest.length > 0; ) {
      const drip = this.faults[direction]?.drip;
      if (drip !== undefined) await this.#pause(drip.everyMs);
      if (this.faults.blackhole) return this.#count('lost', rest);
      const piece = rest.subarray(0, Math.min(Math.max(1, drip?.bytes ?? Infinity), this.#allowance(direction)));
      rest = rest.subarray(piece.length);
      if (piece.length > 0) await new Promise((done) => to.write(piece, done));
      this.#count(direction, piece);
      if (this.#allowance(direction) === 0) return this.#endResponse();
    }
  }

  #count(kind: keyof Bytes, { length }: Buffer): void {
    this.bytes[kind] += length;
    this.#totals[kind] += length;
  }

  /** How many more bytes may pass. */
  #allowance(direction: Direction): number {
    const { resetAfter = Infinity, cutAfter = Infinity } = this.faults;
    return direction === 'request' ? Infinity : Math.max(0, Math.min(resetAfter, cutAfter) - this.bytes.response);
  }

  async #endResponse(): Promise<void> {
    const { resetAfter = Infinity, cutAfter = Infinity } = this.faults;
    if (cutAfter < resetAfter) {
      this.#client.end();
      return;
    }
    // A RST that libuv finds together with data looks like a FIN: let that be read first. Between the second setImmediate
    // and the first lies a whole turn of polling, by which a client in this process has read it; others get 2 ms.
    await this.#pause(2);
    for (let turn = 0; turn < 2; turn++) await immediate();
    this.reset();
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0) await pause(ms, undefined, { signal: this.#over.signal });
  }
}
