/**
 * The directives of a `Cache-Control` field (RFC 9111, 5.2): from the name in lower case to the argument, or to null if
 * there is none. An argument that is malformed, or that occurs twice with different values, is the empty string.
 */
export type CacheDirectives = ReadonlyMap<string, string | null>;

/** The characters of a token (RFC 9110, 5.6.2). */
export const TOKEN = /^[!#$%&'*+.^`|~\w-]+$/;

/** The largest number of seconds; a larger value counts as this one (RFC 9111, 1.2.2). */
const MOST_SECONDS = 2_147_483_648;

/**
 * Parses a `Cache-Control` field, leniently for directives that restrict and strictly for directives that allow. A
 * directive is recognized with any spacing, an argument must follow the RFC, and a restricting directive counts even in
 * a malformed part of the field (`max-age=60; private`).
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

/** Directives that only make a cache more careful. */
const RESTRICTIONS: readonly string[] = ['no-store', 'no-cache', 'private', 'must-revalidate'];

function addRestrictions(directives: Map<string, string | null>, malformed: string): void {
  for (const word of malformed.toLowerCase().split(/[^a-z-]+/)) {
    if (RESTRICTIONS.includes(word)) addDirective(directives, word, null);
  }
}

/**
 * Whether a response may be served to all users: it is `public`, and no other directive restricts it. Of conflicting
 * directives the most restrictive one counts (RFC 9111, 4.2.1).
 */
export function isForAllUsers(directives: CacheDirectives): boolean {
  return directives.get('public') === null && !directives.has('private') && !directives.has('no-store');
}

/**
 * Returns the seconds of a directive: undefined if the directive is absent, 0 if the argument is malformed. A malformed
 * lifetime thus means stale, as the RFC encourages (RFC 9111, 4.2.1).
 */
export function secondsOf(directives: CacheDirectives, name: string): number | undefined {
  const argument = directives.get(name);
  if (argument === undefined) return undefined;
  return parseDeltaSeconds(argument ?? '') ?? 0;
}

export function parseDeltaSeconds(text: string): number | undefined {
  return /^\d+$/.test(text) ? Math.min(Number(text), MOST_SECONDS) : undefined;
}

/** Returns a token, or a quoted string without its quotes; undefined for any other text. */
function readArgument(text: string): string | undefined {
  if (/^"(?:[^"\\]|\\.)*"$/.test(text)) return text.slice(1, -1).replace(/\\(.)/g, '$1');
  return text === '' || TOKEN.test(text) ? text : undefined;
}

/** Splits at commas outside quotes. If a quote is not closed, splits at all commas, so that no directive is hidden. */
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
