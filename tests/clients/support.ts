import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { CallContext, Classify, Outcome, Verdict } from 'breakwater';

/** A context whose signal is not aborted. */
export const running = { signal: new AbortController().signal } as CallContext;

/** Returns the rejection of a promise. @throws Error if the promise is fulfilled. */
export async function rejectionOf(promise: PromiseLike<unknown>): Promise<object> {
  const outcome: Outcome = await promise.then(
    (value) => ({ ok: true, value }),
    (error: unknown) => ({ ok: false, error }),
  );
  if (outcome.ok) throw new Error('the call should have failed');
  return outcome.error as object;
}

/** Judges the rejection of a promise. */
export async function verdictOf(classify: Classify, promise: PromiseLike<unknown>): Promise<Verdict> {
  return classify({ ok: false, error: await rejectionOf(promise) }, running);
}

/** Returns a port on which no server listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A server that accepts connections and never writes. */
export async function silentServer(): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<{ destroy(): void }>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Relays TCP connections to a port of this machine until it is closed, which also ends its connections. */
export async function tcpRelay(to: number): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const target = connect(to, '127.0.0.1');
    for (const one of [socket, target]) sockets.add(one.on('error', () => {}));
    socket.pipe(target).pipe(socket);
    socket.on('close', () => target.destroy());
    target.on('close', () => socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as { port: number }).port,
    async close() {
      if (!server.listening) return;
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
