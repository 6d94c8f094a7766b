/** What a middleware reads of a request and a response of `node:http`, and no more: the rest would hide its cost. */
type Middleware = (request: BareRequest, response: BareResponse, next: () => void) => void;

/** One connection that is kept alive. */
const socket = { remoteAddress: '127.0.0.1', destroyed: false, once() {} };

class BareRequest {
  readonly httpVersionMajor = 1;
  readonly socket = socket;
  readonly headers: Readonly<Record<string, string>>;

  constructor(headers: Readonly<Record<string, string>>) {
    this.headers = headers;
  }
}

class BareResponse {
  statusCode = 200;
  headersSent = false;
  writableEnded = false;
  writableFinished = false;
  destroyed = false;
  #onClose: (() => void) | undefined = undefined;

  getHeader(): undefined {}
  setHeader(): void {}
  destroy(): void {}

  once(_event: 'close', listener: () => void): void {
    this.#onClose = listener;
  }

  end(): void {
    this.writableEnded = true;
    this.writableFinished = true;
    this.#onClose?.();
  }
}

/** Sends one request through a middleware, to a handler that answers at once. */
export async function exchange(middleware: Middleware, headers: Readonly<Record<string, string>>): Promise<number> {
  const response = new BareResponse();
  middleware(new BareRequest(headers), response, () => response.end());
  return response.statusCode;
}
