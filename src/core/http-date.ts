/** The three forms of an HTTP date (RFC 9110, 5.6.7): IMF-fixdate, the form of RFC 850, and that of C's `asctime`. */
const HTTP_DATES = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} [0-2]\d:[0-5]\d:[0-5]\d GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} [0-2]\d:[0-5]\d:[0-5]\d GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [0-2]\d:[0-5]\d:[0-5]\d \d{4}$/,
];

/** The longest header value that is parsed, in characters. Longer values are noise or an attack. */
const LONGEST_DATE = 64;

/**
 * Parses an HTTP date. Returns milliseconds since 1970, or undefined for any other text. The two-digit year of an RFC
 * 850 date is taken as the nearest such year to `now` that is at most 50 years ahead.
 *
 * @param now - the wall clock, in milliseconds since 1970.
 */
export function parseHttpDate(value: string, now: number = Date.now()): number | undefined {
  if (value.length > LONGEST_DATE) return undefined;
  const text = value.trim();
  const form = HTTP_DATES.findIndex((one) => one.test(text));
  if (form === -1) return undefined;
  if (form === RFC_850) return parseRfc850Date(text, now);
  // The asctime form names no time zone and means GMT; `Date.parse` would read it as local time.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : at;
}

const RFC_850 = 1;

/** Parses an RFC 850 date. `Date.parse` would always put the years 50 to 99 into the last century (RFC 9110, 5.6.7). */
function parseRfc850Date(text: string, now: number): number | undefined {
  const [, day, month, year, time] = /(\d{2})-(\w{3})-(\d{2}) (.+)$/.exec(text) ?? [];
  const thisYear = new Date(now).getUTCFullYear();
  const inCentury = (century: number) => Date.parse(`${day} ${month} ${century + Number(year)} ${time}`);
  const century = thisYear - (thisYear % 100);
  const at = inCentury(century);
  if (Number.isNaN(at)) return undefined;
  const next = inCentury(century + 100);
  if (next <= yearsAhead(now, 50)) return next;
  return at > yearsAhead(now, 50) ? inCentury(century - 100) : at;
}

function yearsAhead(now: number, years: number): number {
  const then = new Date(now);
  then.setUTCFullYear(then.getUTCFullYear() + years);
  return then.getTime();
}
