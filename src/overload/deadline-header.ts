import type { DeadlineHeader } from '../core/deadline-field.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkOneOf, readOptions } from '../core/options.js';

export type { DeadlineHeader } from '../core/deadline-field.js';

/**
 * How the value of a deadline header is written.
 *
 * - `'milliseconds'`: an integer, as Envoy's `x-envoy-expected-rq-timeout-ms`.
 * - `'grpc'`: up to eight digits and a unit, `H`, `M`, `S`, `m`, `u` or `n`, as gRPC's `grpc-timeout`.
 */
export type DeadlineFormat = 'milliseconds' | 'grpc';

/** Options of `deadlineHeader`. */
export interface DeadlineHeaderOptions {
  /** The name of the header field. @defaultValue 'x-envoy-expected-rq-timeout-ms' */
  readonly name?: string | undefined;
  /** How the value is written. @defaultValue 'grpc' for the name `grpc-timeout`, otherwise 'milliseconds' */
  readonly format?: DeadlineFormat | undefined;
  /**
   * The time that is withheld from the receiver, for the way of its response: a duration ≥ 0. A request whose caller
   * waits no longer than this is not sent.
   * @defaultValue 0
   */
  readonly margin?: Duration | undefined;
}

/**
 * Creates a header field with the time for which the client of a server still waits. Pass it to
 * `resilientFetch({ propagateDeadline })` on the sending side, and to `deadlineMiddleware` on the receiving side.
 *
 * The value is a duration and not a time, so the clocks of the two machines need not agree. Each hop subtracts the time
 * that it has used, and its margin: a deadline never grows on its way.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const fetch = resilientFetch({ timeout: '2s', propagateDeadline: deadlineHeader({ margin: '20ms' }) });
 * await fetch('https://example.com/'); // x-envoy-expected-rq-timeout-ms: 1980
 * ```
 */
export function deadlineHeader(options?: DeadlineHeaderOptions): DeadlineHeader {
  const owner = 'deadlineHeader';
  const own = readOptions(owner, options, { name: DEFAULT_NAME, format: undefined, margin: 0 });
  const name = checkFieldName(owner, own.name);
  const format = own.format ?? (name === 'grpc-timeout' ? 'grpc' : 'milliseconds');
  const { write, read } = FORMATS[checkOneOf(owner, 'format', format, ['milliseconds', 'grpc'])];
  const marginMs = toMs(owner, 'margin', own.margin, { orZero: true });
  return Object.freeze({
    name,
    format: (remainingMs: number) => {
      const ms = Math.floor(remainingMs - marginMs);
      return ms >= 1 ? write(Math.min(ms, MAX_MS)) : undefined;
    },
    parse: (value: string) => smallest(value, read),
  });
}

/** The header fields of a request: `Headers`, or a record with lower-case names as in `node:http`. */
export type RequestHeaders =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined };

/**
 * Returns the milliseconds for which the sender of a request still waits; 0 if its deadline has passed, undefined
 * without a valid deadline. A negative value means that the deadline has passed. Of repeated fields, the smallest valid
 * value counts.
 *
 * @param header - the header field, as `deadlineHeader` creates it. Its margin is not used.
 * @example
 * ```ts
 * console.log(readDeadline({ 'grpc-timeout': '250m' }, deadlineHeader({ name: 'grpc-timeout' }))); // 250
 * ```
 */
export function readDeadline(headers: RequestHeaders, header: DeadlineHeader = deadlineHeader()): number | undefined {
  const value = requestField(headers, header.name);
  return value !== undefined && value.length <= MAX_LENGTH ? header.parse(value) : undefined;
}

const DEFAULT_NAME = 'x-envoy-expected-rq-timeout-ms';

/** The largest number of milliseconds that is written: 15 digits, which is the largest integer of a structured field. */
const MAX_MS = 999_999_999_999_999;

/** The longest value that is parsed. */
const MAX_LENGTH = 256;

interface Format {
  write(ms: number): string;
  /** Returns the milliseconds in one value; undefined if it is invalid. */
  read(value: string): number | undefined;
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** The units in which a gRPC timeout is written, from the most exact one. */
const WRITTEN_UNITS = ['m', 'S', 'M', 'H'] as const;

/** The largest number of a gRPC timeout: eight digits. */
const MAX_GRPC = 99_999_999;

const FORMATS: Readonly<Record<DeadlineFormat, Format>> = {
  milliseconds: {
    write: (ms) => String(ms),
    read: (value) => (/^-?\d{1,15}$/.test(value) ? Math.max(0, Number(value)) : undefined),
  },
  grpc: {
    write(ms) {
      for (const unit of WRITTEN_UNITS) {
        const count = Math.floor(ms / (MS_PER_UNIT[unit] as number));
        if (count <= MAX_GRPC) return `${count}${unit}`;
      }
      return `${MAX_GRPC}H`;
    },
    read(value) {
      const match = /^(-?\d{1,8})([HMSmun])$/.exec(value);
      return match === null ? undefined : Math.max(0, Number(match[1]) * (MS_PER_UNIT[match[2] as string] as number));
    },
  },
};

function smallest(value: string, read: Format['read']): number | undefined {
  if (!value.includes(',')) return read(value.trim()); // the usual case, without an array
  let least: number | undefined;
  for (const part of value.split(',')) {
    const ms = read(part.trim());
    if (ms !== undefined && !(ms >= (least ?? Infinity))) least = ms;
  }
  return least;
}

/** Returns a header field; the values of a repeated one joined by commas. Undefined if it is missing. */
export function requestField(headers: RequestHeaders, name: string): string | undefined {
  const { get } = headers as { get?: unknown };
  if (typeof get === 'function') return (headers as { get(name: string): string | null }).get(name) ?? undefined;
  const value = Object.hasOwn(headers, name) ? (headers as Record<string, unknown>)[name] : undefined;
  return value === undefined ? undefined : String(value);
}

function checkFieldName(owner: string, name: unknown): string {
  if (typeof name === 'string' && /^[!#$%&'*+.^_`|~\w-]+$/.test(name)) return name.toLowerCase();
  throw new InvalidOptionError(owner, 'name', 'must be the name of a header field', name);
}
