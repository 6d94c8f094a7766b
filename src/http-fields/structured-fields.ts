/**
 * Structured fields (RFC 9651), without inner lists, which the rate limit fields do not use. Parsing is strict, as the
 * RFC requires: a field with any error is ignored as a whole. One pass, in time linear in the length.
 */

/** An item without parameters. */
export interface BareItem {
  readonly type: 'string' | 'integer' | 'decimal' | 'token' | 'bytes' | 'boolean' | 'date' | 'display';
  /** The value: a string without quotes and escapes, bytes as base64, a date as its text. */
  readonly value: string | number | boolean;
}

/** An item with its parameters. */
export interface FieldItem extends BareItem {
  readonly parameters: ReadonlyMap<string, BareItem>;
}

/** Parses a list. Returns undefined if the text is not one. */
export function parseFieldList(text: string): FieldItem[] | undefined {
  const items: FieldItem[] = [];
  const flawless = readMembers(new FieldReader(text), (reader) => {
    const item = readItem(reader);
    return item !== undefined && items.push(item) > 0;
  });
  return flawless ? items : undefined;
}

/** Parses a dictionary. Returns undefined if the text is not one. If a key occurs twice, the later member counts. */
export function parseFieldDictionary(text: string): Map<string, FieldItem> | undefined {
  const members = new Map<string, FieldItem>();
  const flawless = readMembers(new FieldReader(text), (reader) => {
    const key = reader.take(KEY);
    const item = key !== undefined && reader.take(EQUALS) === undefined ? readFlag(reader) : readItem(reader);
    return key !== undefined && item !== undefined && members.set(key, item).size > 0;
  });
  return flawless ? members : undefined;
}

/** Formats a string item. Returns undefined if the text has other characters than printable ASCII. */
export function fieldString(text: string): string | undefined {
  return /^[ -~]*$/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : undefined;
}

const SPACES = / */y;
const BLANKS = /[ \t]*/y;
const COMMA = /,/y;
const SEMICOLON = /; */y;
const EQUALS = /=/y;
const KEY = /[a-z*][a-z0-9_.*-]*/y;

/**
 * The syntax of each type. A number that continues after its match is rejected later, because neither `;`, `,` nor the
 * end follows.
 */
const FORMS: readonly (readonly [BareItem['type'], RegExp])[] = [
  ['string', /"(?:[ !#-[\]-~]|\\["\\])*"/y],
  ['decimal', /-?\d{1,12}\.\d{1,3}/y],
  ['integer', /-?\d{1,15}/y],
  ['token', /[A-Za-z*][!#$%&'*+.^`|~\w:/-]*/y],
  ['bytes', /:(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?:/y],
  ['boolean', /\?[01]/y],
  ['date', /@-?\d{1,15}/y],
  ['display', /%"(?:[ !#$&-~]|%[0-9a-f]{2})*"/y],
];

class FieldReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** Consumes and returns the text that matches the sticky pattern here; undefined without a match. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match[0];
  }
}

/** Reads members separated by commas up to the end. Returns false on a syntax error. */
function readMembers(reader: FieldReader, readMember: (reader: FieldReader) => boolean): boolean {
  reader.take(SPACES);
  if (reader.isAtEnd) return true;
  for (;;) {
    if (!readMember(reader)) return false;
    reader.take(BLANKS);
    if (reader.isAtEnd) return true;
    if (reader.take(COMMA) === undefined) return false;
    reader.take(BLANKS);
  }
}

function readItem(reader: FieldReader): FieldItem | undefined {
  const bare = readBareItem(reader);
  const parameters = readParameters(reader);
  return bare && parameters && { ...bare, parameters };
}

/** Reads a member without a value, which is the boolean `true`. */
function readFlag(reader: FieldReader): FieldItem | undefined {
  const parameters = readParameters(reader);
  return parameters && { type: 'boolean', value: true, parameters };
}

function readParameters(reader: FieldReader): Map<string, BareItem> | undefined {
  const parameters = new Map<string, BareItem>();
  while (reader.take(SEMICOLON) !== undefined) {
    const key = reader.take(KEY);
    const hasValue = reader.take(EQUALS) !== undefined;
    const value = hasValue ? readBareItem(reader) : ({ type: 'boolean', value: true } as const);
    if (key === undefined || value === undefined) return undefined;
    parameters.set(key, value);
  }
  return parameters;
}

function readBareItem(reader: FieldReader): BareItem | undefined {
  for (const [type, pattern] of FORMS) {
    const text = reader.take(pattern);
    if (text === undefined) continue;
    const value = readValue(type, text);
    return value === undefined ? undefined : { type, value };
  }
  return undefined;
}

/** Converts the text of an item to its value. Returns undefined for a display string that is not valid UTF-8. */
function readValue(type: BareItem['type'], text: string): BareItem['value'] | undefined {
  switch (type) {
    case 'string':
      return text.slice(1, -1).replace(/\\(.)/g, '$1');
    case 'integer':
    case 'decimal':
      return Number(text) + 0; // -0 becomes 0
    case 'boolean':
      return text === '?1';
    case 'bytes':
      return text.slice(1, -1);
    case 'display':
      return readDisplayString(text.slice(2, -1));
    default:
      return text;
  }
}

/** Decodes percent-encoded UTF-8. Returns undefined if it is invalid (RFC 9651, 4.2.10). */
function readDisplayString(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
