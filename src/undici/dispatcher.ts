/** The parts of undici that this module uses, as in the versions 6, 7 and 8. */

/** A function that sends a request, as undici's dispatchers have it. */
export type Dispatch = (options: DispatchOptions, handler: ResponseHandler) => boolean;

/** The options of a request. All others are passed on unchanged. */
export interface DispatchOptions {
  readonly origin?: string | URL | null | undefined;
  readonly path: string;
  readonly method: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly query?: unknown;
  readonly upgrade?: unknown;
}

/** A handler of either style. The first style is that of undici 6; undici 8 knows only the second one. */
export type ResponseHandler = CallbackHandler & ControllerHandler;

/** A handler that gets functions: for undici 6, and for Node's own fetch of undici 6 and 7. */
export interface CallbackHandler {
  onConnect?(abort: (reason?: unknown) => void, context?: unknown): void;
  onUpgrade?(status: number, headers: unknown, socket: unknown): void;
  onResponseStarted?(): void;
  /** Returns false to pause the response. */
  onHeaders?(status: number, headers: readonly Uint8Array[], resume: () => void, statusText: string): unknown;
  /** Returns false to pause the response. */
  onData?(chunk: Uint8Array): unknown;
  onComplete?(trailers: unknown): void;
  onError?(error: unknown): void;
  onBodySent?(chunkSize: unknown, totalBytesSent?: number): void;
  onRequestSent?(): void;
}

/** A handler that gets a controller: for undici 7 and 8. */
export interface ControllerHandler {
  onRequestStart?(controller: Controller, context: unknown): void;
  onRequestUpgrade?(controller: Controller, status: number, headers: unknown, socket: unknown): void;
  onResponseStart?(controller: Controller, status: number, headers: ResponseFields, statusText?: string): void;
  onResponseData?(controller: Controller, chunk: Uint8Array): void;
  onResponseEnd?(controller: Controller, trailers: unknown): void;
  onResponseError?(controller: Controller, error: unknown): void;
}

/** The header fields of a response, with names in lower case. */
export type ResponseFields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Controls a request in flight. */
export interface Controller {
  readonly aborted: boolean;
  readonly paused: boolean;
  readonly reason: unknown;
  readonly rawHeaders?: unknown;
  readonly rawTrailers?: unknown;
  pause(): void;
  resume(): void;
  abort(reason: unknown): void;
}
