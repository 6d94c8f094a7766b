import { safeGet } from './inspect.js';

/** Returns the value of a header field of a response; null if the response does not have the field. */
type FieldReader = (name: string) => string | null;

/**
 * Returns the header fields of a response, or of an error. Errors keep the response in `response` (axios, got, ky,
 * octokit), in `$response` (AWS), only its `headers` (OpenAI, undici), or its `metadata` (gRPC). The headers are a
 * `Headers`, an object with `get`, or an object with a property for each field.
 */
export function headersOf(subject: object): FieldReader | undefined {
  for (const holder of [subject, safeGet(subject, 'response'), safeGet(subject, '$response')]) {
    const headers = isObject(holder) ? safeGet(holder, 'headers') : undefined;
    if (isObject(headers)) return (name) => fieldOf(headers, name);
  }
  const metadata = safeGet(subject, 'metadata');
  return isObject(metadata) ? (name) => fieldOf(metadata, name) : undefined;
}

function fieldOf(headers: object, name: string): string | null {
  try {
    const value: unknown = hasGet(headers) ? headers.get(name) : ownField(headers, name);
    const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value; // grpc-js returns arrays
    return typeof only === 'string' ? only : null;
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
