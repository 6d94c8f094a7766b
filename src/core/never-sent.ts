import { unwrapImitation } from './errors.js';
import { safeGet } from './inspect.js';
import type { Outcome } from './outcome.js';

/** Codes of errors from before a connection: no address was found, or none of the addresses could be reached. */
const NO_CONNECTION =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused|FailedToOpenSocket)/;

/** System calls that come before a connection. */
const CONNECTING: readonly unknown[] = ['connect', 'getaddrinfo'];

/** Deno's message for a connection that could not be made. */
const DENO_CONNECT = /client error \(Connect\)/;

/** The maximum depth to which a chain of causes is followed. */
const MAX_DEPTH = 10;

/**
 * Whether a request has failed before anything of it was sent, because there was no connection. Such a request may be
 * repeated whatever its method (RFC 9110, 9.2.2). False if that is not certain.
 */
export function wasNeverSent(thrown: unknown, depth: number = MAX_DEPTH): boolean {
  const error = unwrapImitation(thrown);
  if (typeof error !== 'object' || error === null || depth === 0) return false;
  const errors = safeGet(error, 'errors'); // of an AggregateError: one for each address that was tried
  if (Array.isArray(errors) && errors.length > 0) {
    return errors.length <= MAX_DEPTH * 2 && errors.every((one) => wasNeverSent(one, depth - 1));
  }
  const [code, syscall, message] = [safeGet(error, 'code'), safeGet(error, 'syscall'), safeGet(error, 'message')];
  if (syscall !== undefined) return CONNECTING.includes(syscall);
  if (typeof code === 'string' && NO_CONNECTION.test(code)) return true;
  if (typeof message === 'string' && DENO_CONNECT.test(message)) return true;
  return typeof code !== 'string' && wasNeverSent(safeGet(error, 'cause'), depth - 1);
}

/** Whether an attempt has ended before anything of its request was sent. */
export const isNeverSent = (outcome: Outcome): boolean => !outcome.ok && wasNeverSent(outcome.error);
