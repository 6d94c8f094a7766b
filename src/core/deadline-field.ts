/** A request header field that says how many milliseconds the sender still waits, as `deadlineHeader` creates it. */
export interface DeadlineHeader {
  /** The name of the field, in lower case. */
  readonly name: string;
  /**
   * Returns the value for a request whose caller still waits for `remainingMs`: that time less the margin. Undefined if
   * nothing would be left, in which case the request should not be sent.
   */
  format(remainingMs: number): string | undefined;
  /**
   * Returns the milliseconds in a value; 0 if the deadline has passed, undefined if the value is invalid. Of several
   * values, as repeated fields have them, the smallest valid one counts.
   */
  parse(value: string): number | undefined;
}
