/** A real gRPC server with one unary method, and its stub. */
import * as grpc from '@grpc/grpc-js';

const text = {
  requestSerialize: (value: string) => Buffer.from(value),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (value: string) => Buffer.from(value),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
};
const definition = { call: { path: '/Echo/Call', requestStream: false, responseStream: false, ...text } } as const;
const Echo = grpc.makeGenericClientConstructor(definition, 'Echo');

export type EchoMethod = (
  request: string,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  callback: grpc.requestCallback<string>,
) => grpc.ClientUnaryCall;

/** A stub of the service at a port. */
export class EchoStub implements Disposable {
  readonly #client: grpc.Client;

  constructor(port: number) {
    this.#client = new Echo(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  }

  readonly call: EchoMethod = (...args) => (this.#client as unknown as { call: EchoMethod }).call(...args);

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** Answers a request; undefined leaves the call open. */
type Answer = (request: string, index: number) => string | { code: grpc.status; details: string } | undefined;

export class EchoServer implements Disposable {
  /** The requests so far. */
  readonly requests: string[] = [];
  /** The deadline of each request, in milliseconds since 1970. */
  readonly deadlines: number[] = [];
  /** The number of calls that the client has canceled or whose deadline has passed. */
  canceled = 0;
  port = 0;
  readonly #server = new grpc.Server();

  static async start(answer: Answer): Promise<EchoServer> {
    const echo = new EchoServer();
    echo.#server.addService(definition, {
      call: (call: grpc.ServerUnaryCall<string, string>, respond: grpc.sendUnaryData<string>) => {
        call.on('cancelled', () => echo.canceled++);
        echo.deadlines.push(Number(call.getDeadline()));
        const response = answer(call.request, echo.requests.push(call.request) - 1);
        if (typeof response === 'string') respond(null, response);
        else if (response !== undefined) respond(response);
      },
    });
    echo.port = await new Promise<number>((resolve, reject) => {
      echo.#server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
    return echo;
  }

  [Symbol.dispose](): void {
    this.#server.forceShutdown();
  }
}
