/** The properties of a request that are used to learn that its client has left. */
export interface ConnectedRequest {
  readonly httpVersionMajor?: number | undefined;
  readonly socket: object;
}

/** The properties of a response that are used to learn that it is over. */
export interface EndingResponse {
  readonly writableFinished: boolean;
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** The part of a socket that is used. */
interface ClosableSocket {
  readonly destroyed?: boolean;
  once?(event: 'close', listener: () => void): unknown;
}

/**
 * Calls `onOver` once, when the response has ended or the client has left.
 *
 * A response emits `close` only after it was given its socket. A pipelined response that waits for the ones before it
 * has no socket yet, and would never be over when the connection closes, so the socket is watched too.
 */
export function whenOver(
  { socket, httpVersionMajor }: ConnectedRequest,
  response: EndingResponse,
  onOver: (isFinished: boolean) => void,
): void {
  // An HTTP/2 stream has no socket of its own, and its response always emits `close`.
  const connection = httpVersionMajor === 2 ? undefined : connectionOf(socket);
  if (response.destroyed || response.writableFinished || connection === 'closed') {
    onOver(response.writableFinished);
    return;
  }
  let isOver = false;
  const over = (): void => {
    if (isOver) return;
    isOver = true;
    connection?.delete(over);
    onOver(response.writableFinished);
  };
  connection?.add(over);
  response.once('close', over);
}

/** The callbacks of the open responses of each connection: one listener for all of them. */
const connections = /* @__PURE__ */ new WeakMap<object, Set<() => void>>();

function connectionOf(socket: ClosableSocket): Set<() => void> | 'closed' | undefined {
  if (socket.destroyed) return 'closed';
  let callbacks = connections.get(socket);
  if (callbacks === undefined && typeof socket.once === 'function') {
    const open = new Set<() => void>();
    callbacks = open;
    connections.set(socket, open);
    socket.once('close', () => {
      for (const callback of [...open]) callback();
    });
  }
  return callbacks;
}
