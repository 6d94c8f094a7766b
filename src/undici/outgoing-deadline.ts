import type { CallContext } from '../core/call-context.js';
import { DeadlineExceededError } from '../core/errors.js';
import type { OutgoingDeadline } from '../fetch/outgoing-deadline.js';
import type { DispatchOptions } from './dispatcher.js';
import { type FieldPairs, isRecord, pairsOf } from './fields.js';

/**
 * Returns the options of a request with the time that is left for the attempt. A smaller value of the caller is kept,
 * so that a deadline never grows.
 *
 * @throws DeadlineExceededError if nothing is left.
 */
export function withDeadline(
  options: DispatchOptions,
  outgoing: OutgoingDeadline | undefined,
  { deadline }: CallContext,
): DispatchOptions {
  if (outgoing === undefined || deadline === Infinity) return options;
  const { header, clock } = outgoing;
  const remainingMs = Math.max(0, deadline - clock.now());
  const value = header.format(remainingMs);
  if (value === undefined) throw new DeadlineExceededError({ policy: 'resilient', remainingMs });
  const pairs = pairsOf(options.headers);
  const isDeadline = ([name]: FieldPairs[number]) => String(name).toLowerCase() === header.name;
  const given = pairs.filter(isDeadline).map(([, text]) => String(text));
  const givenMs = given.length === 0 ? undefined : header.parse(given.join());
  const isSmaller = givenMs !== undefined && givenMs <= (header.parse(value) ?? 0);
  const fields = isSmaller ? pairs : [...pairs.filter((pair) => !isDeadline(pair)), [header.name, value] as const];
  // Never the given fields: an iterable has been read now. undici takes every array for names and values in turns.
  return {
    ...options,
    headers: isRecord(options.headers) ? Object.fromEntries(fields) : fields.flatMap(([...pair]) => pair),
  };
}
