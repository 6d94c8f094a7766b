import type { CallContext } from '../core/call-context.js';
import type { Clock } from '../core/clock.js';
import type { DeadlineHeader } from '../core/deadline-field.js';
import { DeadlineExceededError } from '../core/errors.js';
import { type CapturedRequest, withHeaders } from './request.js';

/** The header field with the deadline, and the clock on which calls have theirs. */
export interface OutgoingDeadline {
  readonly header: DeadlineHeader;
  readonly clock: Clock;
}

/**
 * Returns the request with the time that is left for the attempt. A smaller value of the caller is kept, so that a
 * deadline never grows.
 *
 * @throws DeadlineExceededError if nothing is left.
 */
export function withDeadline(
  request: CapturedRequest,
  { header, clock }: OutgoingDeadline,
  { deadline }: CallContext,
): CapturedRequest {
  if (deadline === Infinity) return request;
  const remainingMs = Math.max(0, deadline - clock.now());
  const value = header.format(remainingMs);
  if (value === undefined) throw new DeadlineExceededError({ policy: 'resilientFetch', remainingMs });
  const headers = new Headers(
    (request.init?.headers ?? request.requestHeaders ?? undefined) as HeadersInit | undefined,
  );
  const given = headers.get(header.name);
  const givenMs = given === null ? undefined : header.parse(given);
  if (givenMs !== undefined && givenMs <= (header.parse(value) ?? 0)) return request;
  headers.set(header.name, value);
  return withHeaders(request, Object.fromEntries(headers));
}
