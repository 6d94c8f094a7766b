import { parseFieldDictionary } from '../http-fields/structured-fields.js';
import { type RequestHeaders, requestField } from '../overload/deadline-header.js';

/**
 * Returns the urgency that a request names in its `Priority` header (RFC 9218): 0, the most urgent, to 7. Undefined if
 * the header is missing or malformed, or has no valid `u`. The scale is that of `priority` in this package, in which
 * smaller numbers are more important.
 *
 * Any client can send this header. Use it only for requests from trusted peers, as the option `priority: 'header'` of
 * `admissionMiddleware` does.
 *
 * @example
 * ```ts
 * console.log(readPriority({ priority: 'u=1, i' }), readPriority({})); // 1 undefined
 * ```
 */
export function readPriority(headers: RequestHeaders): number | undefined {
  const text = requestField(headers, 'priority');
  const urgency = text !== undefined && text.length <= MAX_LENGTH ? parseFieldDictionary(text)?.get('u') : undefined;
  if (urgency?.type !== 'integer') return undefined;
  const u = urgency.value as number;
  return u >= 0 && u <= 7 ? u : undefined;
}

/** The longest header that is parsed. */
const MAX_LENGTH = 256;
