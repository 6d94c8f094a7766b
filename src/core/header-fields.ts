import { safeGet } from './inspect.js';

/** Returns the value of a header field of a response; null if the response does not have the field. */
type FieldReader = (name: string) => string | null;

/**
 * Returns the header fields of a response, or of an error. Errors keep the response in `response` (axios, got, ky,
 * octokit), in `$response` (AWS), or only its `headers` (OpenAI, undici). The headers are a `Headers`, an object with
 * `get`, or an object with a property for each field.
 */
export function headersOf(subject: object): FieldReader | undefined {
  for (const holder of [subject, safeGet(subject, 'response'), safeGet(subject, '$response')]) {
    const headers = isObject(holder) ? safeGet(holder, 'headers') : undefined;
    if (isObject(headers)) return (name) => fieldOf(headers, name);
  }
  return undefined;
}

function fieldOf(headers: object, name: string): string | null {
  try {
    const value = hasGet(headers) ? headers.get(name) : ownField(headers, name);
    return typeof value === 'string' ? value : null;
  } catch {
    return null; // an object that only resembles Headers
  }
}

/** Returns a field of a record, in whose names the case does not matter. */
function ownField(headers: object, name: string): unknown {
  const own = Object.keys(headers).find((key) => key.toLowerCase() === name);
  return own === undefined ? undefined : (headers as Record<string, unknown>)[own];
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function hasGet(headers: unknown): headers is { get(name: string): string | null } {
  return typeof headers === 'object' && headers !== null && typeof (headers as { get?: unknown }).get === 'function';
}
