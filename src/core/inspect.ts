/**
 * Reads a property of an error. Returns undefined if a getter throws: errors may come from any code, and such a getter
 * must not replace the error.
 */
export function safeGet(error: object, property: string | symbol): unknown {
  try {
    return (error as Record<string | symbol, unknown>)[property];
  } catch {
    return undefined;
  }
}

/**
 * Whether an error is an instance of a class with one of these names, or of a derived class. Compares names, since
 * `instanceof` is false for errors of another realm, such as those of Jest or `node:vm`.
 */
export function isErrorOfClass(error: unknown, names: readonly string[]): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if (names.includes(safeGet(error, 'name') as string)) return true;
  try {
    for (let prototype = Object.getPrototypeOf(error), depth = 0; prototype !== null && depth < MAX_CLASSES; depth++) {
      if (names.includes(prototype.constructor?.name)) return true;
      prototype = Object.getPrototypeOf(prototype);
    }
  } catch {
    // Any operation on a Proxy may throw.
  }
  return false;
}

/** The maximum number of base classes that are inspected: a Proxy can have any number. */
const MAX_CLASSES = 20;

/** The maximum number of characters of a caller's text in a message. */
export const LONGEST_TEXT = 60;

/** Returns the text, shortened to 60 characters: names and keys from outside may have any length. */
export function truncate(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

/** Formats a value for a message. Never calls code of the value. */
export function formatValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(truncate(value));
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? 'an array' : 'an object';
    default:
      return Object.is(value, -0) ? '-0' : String(value);
  }
}
