/** NestJS: a decorator for methods of providers, and an interceptor for handlers of controllers. */
import { type CallHandler, type ExecutionContext, HttpException, type NestInterceptor } from '@nestjs/common';
import type { Policy } from 'breakwater';
import type { Response } from 'express';
import { catchError, from, lastValueFrom, type Observable } from 'rxjs';
import { refusalOf } from '../refusal.js';

type AsyncMethod = (...args: never[]) => Promise<unknown>;

/**
 * Runs a method under a policy that all instances share. Place it below other decorators, which mark the function.
 * NestJS needs `experimentalDecorators`, with which `guarded` of this package, a standard decorator, throws an error.
 */
export function Guarded(policy: Policy) {
  return <F extends AsyncMethod>(_target: object, _name: string | symbol, descriptor: TypedPropertyDescriptor<F>) => {
    if (descriptor.value !== undefined) descriptor.value = policy.wrap(descriptor.value);
  };
}

/** Runs handlers under a policy, ends their calls when the client has gone, and answers with the errors of policies. */
export class GuardInterceptor implements NestInterceptor {
  constructor(private readonly policy: Policy) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const response = context.switchToHttp().getResponse<Response>();
    const caller = new AbortController();
    response.once('close', () => caller.abort());
    const result = this.policy.execute(() => lastValueFrom(next.handle(), { defaultValue: undefined }), {
      signal: caller.signal,
    });
    return from(result).pipe(
      catchError((error: unknown) => {
        const refusal = refusalOf(error);
        if (refusal === undefined) throw error;
        response.set(refusal.headers);
        throw new HttpException(refusal.body, refusal.status, { cause: error });
      }),
    );
  }
}
