/** The three forms of an HTTP date (RFC 9110, 5.6.7): IMF-fixdate, RFC 850's, and that of C's asctime. */
const HTTP_DATES = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} [0-2]\d:[0-5]\d:[0-5]\d GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} [0-2]\d:[0-5]\d:[0-5]\d GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [0-2]\d:[0-5]\d:[0-5]\d \d{4}$/,
];

/** Longer header values are noise or an attack, and are not even looked at. */
const LONGEST_DATE = 64;

/** The milliseconds since 1970 that an HTTP date stands for; undefined for anything else. */
export function parseHttpDate(value: string): number | undefined {
  if (value.length > LONGEST_DATE) return undefined;
  const text = value.trim();
  if (!HTTP_DATES.some((form) => form.test(text))) return undefined;
  // asctime's form names no zone and means GMT; Date.parse would take it for local time.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : at;
}
