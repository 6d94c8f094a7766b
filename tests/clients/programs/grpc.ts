/** @grpc/grpc-js under a policy: the server knows the deadline of each attempt, and an abort cancels the call. */
import * as grpc from '@grpc/grpc-js';
import { circuitBreaker, type Duration, firstOf, grpcErrors, pipeline, retry, systemClock, timeout } from 'breakwater';

/** A unary method of a stub, bound to it. */
type Unary<Request, Response> = (
  request: Request,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  callback: (error: grpc.ServiceError | null, response?: Response) => void,
) => grpc.ClientUnaryCall;

/** Returns a unary method as a function that returns a promise, under a policy. */
export function guardUnary<Request, Response>(method: Unary<Request, Response>, attemptTimeout: Duration = '2s') {
  const classify = firstOf(grpcErrors());
  const breaker = circuitBreaker({ classify });
  const policy = pipeline(timeout('10s'), retry({ maxAttempts: 3, classify }), breaker, timeout(attemptTimeout));
  const call = (request: Request, options?: { signal?: AbortSignal }): Promise<Response> =>
    policy.execute(
      ({ signal, deadline }) =>
        new Promise<Response>((resolve, reject) => {
          // gRPC expects the time of day, and a deadline of a call is on the clock of the policy.
          const callOptions = { deadline: Date.now() + deadline - systemClock.now() };
          const running = method(request, new grpc.Metadata(), callOptions, (error, response) =>
            error ? reject(error) : resolve(response as Response),
          );
          signal.addEventListener('abort', () => running.cancel(), { once: true });
        }),
      options,
    );
  return { call, health: () => breaker.stats };
}
