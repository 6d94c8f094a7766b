/** Header fields of a request as pairs. A value may be an array of values. */
export type FieldPairs = readonly (readonly [name: string, value: unknown])[];

/**
 * Returns the header fields of a request as pairs. undici accepts a record, an iterable of pairs such as `Headers` or a
 * `Map`, and an array of names and values in turns.
 */
export function pairsOf(headers: unknown): FieldPairs {
  if (typeof headers !== 'object' || headers === null) return [];
  if (Array.isArray(headers) && !Array.isArray(headers[0])) {
    return Array.from({ length: headers.length >> 1 }, (_, at) => [String(headers[2 * at]), headers[2 * at + 1]]);
  }
  const isIterable = Symbol.iterator in headers;
  return isIterable ? [...(headers as Iterable<readonly [string, unknown]>)] : Object.entries(headers);
}

/** Whether header fields are a record, as most are. */
export const isRecord = (headers: unknown): headers is Readonly<Record<string, unknown>> =>
  typeof headers === 'object' && headers !== null && !(Symbol.iterator in headers);

/** Returns a copy of header fields, in a form that undici accepts where it accepts the original. */
export function copyFields(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return headers;
  if (Array.isArray(headers)) return [...headers];
  // undici takes every array for names and values in turns, but any other iterable for pairs.
  return Symbol.iterator in headers ? new Set(headers as Iterable<unknown>) : { ...headers };
}

/** Returns header fields as a record with other values for some names. A field without a value is removed. */
export function changeFields(
  headers: unknown,
  changes: ReadonlyMap<string, string | undefined>,
): Readonly<Record<string, unknown>> {
  const fields = new Map<string, unknown[]>();
  for (const [name, value] of pairsOf(headers)) {
    const key = String(name).toLowerCase();
    if (!changes.has(key)) fields.set(key, (fields.get(key) ?? []).concat(value));
  }
  for (const [name, value] of changes) if (value !== undefined) fields.set(name, [value]);
  return Object.fromEntries(Array.from(fields, ([name, values]) => [name, values.length === 1 ? values[0] : values]));
}
