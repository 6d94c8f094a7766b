/**
 * Structured fields (RFC 9651): as much of them as the rate limit fields are written in, which is all but inner lists.
 * Strict, as the RFC wants it: a field with one flaw is no field at all. One pass, in time linear in the length.
 */

export interface BareItem {
  readonly type: 'string' | 'integer' | 'decimal' | 'token' | 'bytes' | 'boolean' | 'date' | 'display';
  /** Without quotes and escapes; bytes as the base64 they came in, dates as they are written. */
  readonly value: string | number | boolean;
}

export interface FieldItem extends BareItem {
  readonly parameters: ReadonlyMap<string, BareItem>;
}

/** The items of a list, or undefined when it is none. */
export function parseFieldList(text: string): FieldItem[] | undefined {
  const items: FieldItem[] = [];
  const flawless = readMembers(new FieldReader(text), (reader) => {
    const item = readItem(reader);
    return item !== undefined && items.push(item) > 0;
  });
  return flawless ? items : undefined;
}

/** The members of a dictionary, or undefined when it is none. Of two with one key the later one counts. */
export function parseFieldDictionary(text: string): Map<string, FieldItem> | undefined {
  const members = new Map<string, FieldItem>();
  const flawless = readMembers(new FieldReader(text), (reader) => {
    const key = reader.take(KEY);
    const item = key !== undefined && reader.take(EQUALS) === undefined ? readFlag(reader) : readItem(reader);
    return key !== undefined && item !== undefined && members.set(key, item).size > 0;
  });
  return flawless ? members : undefined;
}

/** A string as an item. Undefined for what none can hold: anything but printable ASCII. */
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
 * How each type is written. A number that goes on after this is caught by what follows: neither `;`, `,` nor the end.
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

  /** Reads on if what comes next is this, a sticky pattern. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match[0];
  }
}

/** Reads members that are separated by commas, to the end. False when there is a flaw. */
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

/** A member, or a parameter, that is there and has no value. */
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

/** Undefined for what is written as it should be and still has no meaning. */
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

/** Percent-encoded UTF-8; anything else fails (RFC 9651, 4.2.10). */
function readDisplayString(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
