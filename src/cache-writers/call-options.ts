import { checkSignal } from '../core/abort-scope.js';
import { readOptions } from '../core/options.js';

/**
 * The signal of one call that takes no other option.
 * @param call - the method, for the message.
 */
export function readSignal(
  owner: string,
  call: string,
  options: { readonly signal?: AbortSignal | null | undefined } | undefined,
): AbortSignal | null {
  if (options === undefined) return null;
  return checkSignal(owner, readOptions(`${owner}.${call}`, options, { signal: null }).signal);
}
