/** @grpc/grpc-js under a policy: a timeout cancels the call, so that the server notices. */
import type * as grpc from '@grpc/grpc-js';
import { circuitBreaker, firstOf, grpcErrors, pipeline, retry, timeout } from 'breakwater';

/** A unary method of a stub. */
type Unary<Request, Response> = (
  request: Request,
  callback: (error: grpc.ServiceError | null, response?: Response) => void,
) => grpc.ClientUnaryCall;

/** Returns a unary method as a function that returns a promise, under a policy. */
export function guardUnary<Request, Response>(
  method: Unary<Request, Response>,
  attemptTimeout: `${number}ms` = '2000ms',
) {
  const classify = firstOf(grpcErrors());
  const policy = pipeline(
    timeout('10s'),
    retry({ maxAttempts: 3, classify }),
    circuitBreaker({ classify }),
    timeout(attemptTimeout),
  );
  return (request: Request): Promise<Response> =>
    policy.execute(
      ({ signal }) =>
        new Promise<Response>((resolve, reject) => {
          const call = method(request, (error, response) => (error ? reject(error) : resolve(response as Response)));
          signal.addEventListener('abort', () => call.cancel(), { once: true });
        }),
    );
}
