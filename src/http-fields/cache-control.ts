/**
 * The directives of a `Cache-Control` field (RFC 9111, 5.2), by their names in lower case, each with its argument, or null
 * if it has none. An argument that cannot be read, or that is given twice and not alike, is the empty string: no number.
 */
export type CacheDirectives = ReadonlyMap<string, string | null>;

/** The characters of a token (RFC 9110, 5.6.2). */
export const TOKEN = /^[!#$%&'*+.^`|~\w-]+$/;

/** More seconds than this are this many (RFC 9111, 1.2.2). */
const MOST_SECONDS = 2_147_483_648;

/**
 * Parses a `Cache-Control` field. It is lenient with what restricts and strict with what allows: a directive is recognised
 * however it is spaced, an argument must be written as the RFC has it, and a restricting directive counts even in a part
 * of the field that is malformed (`max-age=60; private`).
 */
export function parseCacheControl(field: string | null): CacheDirectives {
  const directives = new Map<string, string | null>();
  for (const part of splitAtCommas(field ?? '')) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (name === '') continue;
    const argument = equals < 0 ? null : readArgument(part.slice(equals + 1).trimEnd());
    if (argument === undefined || !TOKEN.test(name)) addRestrictions(directives, part);
    addDirective(directives, name, argument === undefined ? '' : argument);
  }
  return directives;
}

function addDirective(directives: Map<string, string | null>, name: string, argument: string | null): void {
  const isTwice = directives.has(name) && directives.get(name) !== argument;
  directives.set(name, isTwice ? '' : argument);
}

/** Directives that can only make a cache more careful. */
const RESTRICTIONS: readonly string[] = ['no-store', 'no-cache', 'private', 'must-revalidate'];

function addRestrictions(directives: Map<string, string | null>, malformed: string): void {
  for (const word of malformed.toLowerCase().split(/[^a-z-]+/)) {
    if (RESTRICTIONS.includes(word)) addDirective(directives, word, null);
  }
}

/**
 * Whether a response may answer all users: it is `public`, and nothing in it restricts it to one. Of conflicting
 * directives the most restrictive one counts (RFC 9111, 4.2.1).
 */
export function isForAllUsers(directives: CacheDirectives): boolean {
  return directives.get('public') === null && !directives.has('private') && !directives.has('no-store');
}

/**
 * The seconds that a directive gives: undefined if it is not there, 0 if they cannot be read. For a lifetime that means
 * stale, as the RFC encourages (4.2.1).
 */
export function secondsOf(directives: CacheDirectives, name: string): number | undefined {
  const argument = directives.get(name);
  if (argument === undefined) return undefined;
  return parseDeltaSeconds(argument ?? '') ?? 0;
}

export function parseDeltaSeconds(text: string): number | undefined {
  return /^\d+$/.test(text) ? Math.min(Number(text), MOST_SECONDS) : undefined;
}

/** A token, or a quoted string without its quotes; undefined for anything else. */
function readArgument(text: string): string | undefined {
  if (/^"(?:[^"\\]|\\.)*"$/.test(text)) return text.slice(1, -1).replace(/\\(.)/g, '$1');
  return text === '' || TOKEN.test(text) ? text : undefined;
}

/** Not at those between quotes, unless the quotes do not end: then nothing must hide behind them. */
function splitAtCommas(text: string): string[] {
  const parts: string[] = [];
  let begin = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === '\\' && isQuoted) at++;
    else if (character === ',' && !isQuoted) {
      parts.push(text.slice(begin, at));
      begin = at + 1;
    }
  }
  return isQuoted ? text.split(',') : [...parts, text.slice(begin)];
}
