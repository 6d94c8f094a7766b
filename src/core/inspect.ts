/** Errors come from anywhere: a getter of theirs that throws must not replace them. */
export function safeGet(error: object, property: string | symbol): unknown {
  try {
    return (error as Record<string | symbol, unknown>)[property];
  } catch {
    return undefined;
  }
}

/**
 * Whether an error is of one of the classes with these names, or of a class derived from one. By name and not by
 * `instanceof`, which is false for errors of another realm, such as those of Jest or `node:vm`.
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
    // A proxy may throw at anything.
  }
  return false;
}

/** How many base classes are looked at: a proxy can have any number. */
const MAX_CLASSES = 20;

/** The longest text of a caller that a message repeats. */
export const LONGEST_TEXT = 60;

/** The beginning of a text that may be of any length, as names and keys from outside are. */
export function truncate(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

/** How a value reads in a message. Never calls into the value. */
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
