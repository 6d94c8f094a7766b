import { InvalidOptionError } from '../core/errors.js';
import { type ChangedUrl, type CheckedChanges, fieldsOfOldBody } from '../fetch/before-retry.js';
import { FIELDS_OF_ORIGIN } from '../fetch/request.js';
import { copyBody, kindOfBody } from '../fetch/request-body.js';
import type { DispatchOptions } from './dispatcher.js';
import { changeFields } from './fields.js';
import { DispatchedRequest } from './outgoing.js';

/**
 * Returns the options of a request with the changes of `beforeRetry`.
 *
 * @throws InvalidOptionError for a change that the dispatcher cannot make.
 */
export function changedOptions(
  owner: string,
  options: DispatchOptions,
  { url, method, fields, body }: CheckedChanges,
): DispatchOptions {
  let changed = options;
  if (url !== undefined) changed = movedTo(owner, changed, url);
  if (body !== undefined) {
    changed = without(changed, fieldsOfOldBody(body));
    changed = { ...changed, body: kindOfBody(body) === 'mutable' ? copyBody(body) : body };
  }
  if (fields !== undefined) changed = { ...changed, headers: changeFields(changed.headers, fields) };
  if (method === undefined) return changed;
  const name = method.toUpperCase();
  if (name !== 'CONNECT') return { ...changed, method: name };
  throw new InvalidOptionError(owner, 'beforeRetry.method', 'must not be CONNECT, which has no response', method);
}

function movedTo(owner: string, options: DispatchOptions, { given, full }: ChangedUrl): DispatchOptions {
  const request = new DispatchedRequest(options, options.method);
  const isSameOrigin = full.origin === request.url.origin;
  const moved = { ...options, path: full.pathname + full.search, query: undefined };
  if (isSameOrigin) return moved;
  // A Client or a Pool of undici 6 and 7 does not pass its origin on. Those of undici 8 look like an Agent.
  if (request.origin === undefined) {
    const rule = 'must keep the origin, which is that of the dispatcher: only an Agent has connections to others';
    throw new InvalidOptionError(owner, 'beforeRetry.url', rule, given);
  }
  return without({ ...moved, origin: full.origin }, FIELDS_OF_ORIGIN);
}

function without(options: DispatchOptions, names: readonly string[]): DispatchOptions {
  return { ...options, headers: changeFields(options.headers, new Map(names.map((name) => [name, undefined]))) };
}
