import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkNumber, checkOneOf, checkString, readOptions } from '../core/options.js';
import { requireGlobal } from '../core/require-global.js';
import { checkLatency, type InjectedLatency, RATE } from './injection-policies.js';

/** A fault of one HTTP exchange. Each has a `rate`: the share of the requests that it affects, from 0 to 1. */
export type HttpFault =
  | HttpLatency
  | HttpStatus
  | HttpConnectionFault
  | HttpHeaderChange
  | HttpSlowBody
  | HttpTruncatedBody;

/** The request is sent after a delay. */
export interface HttpLatency {
  readonly kind: 'latency';
  /** The share of the requests that are affected: a number from 0 to 1. */
  readonly rate: number;
  /** The delay: a duration ≥ 0, or a function that draws one. */
  readonly latency: InjectedLatency;
}

/** The request is not sent, and has a response with this status. */
export interface HttpStatus {
  readonly kind: 'status';
  /** The share of the requests that are affected: a number from 0 to 1. */
  readonly rate: number;
  /** The status: an integer from 200 to 599. */
  readonly status: number;
  /** The header fields of the response, such as `retry-after`. @defaultValue none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The body of the response. @defaultValue a text that names the origin of the fault */
  readonly body?: string | undefined;
}

/** The request is not sent: its connection is refused, is reset, or it has no answer until its signal aborts. */
export interface HttpConnectionFault {
  readonly kind: 'refused' | 'reset' | 'hang';
  /** The share of the requests that are affected: a number from 0 to 1. */
  readonly rate: number;
}

/** The response has other header fields. */
export interface HttpHeaderChange {
  readonly kind: 'headers';
  /** The share of the requests that are affected: a number from 0 to 1. */
  readonly rate: number;
  /** The fields to set; null removes a field. */
  readonly headers: Readonly<Record<string, string | null>>;
}

/** The body of the response arrives slowly. */
export interface HttpSlowBody {
  readonly kind: 'slow-body';
  /** The share of the requests that are affected: a number from 0 to 1. */
  readonly rate: number;
  /** The number of bytes per second: a number above 0. */
  readonly bytesPerSecond: number;
}

/** The connection fails before the end of the body. */
export interface HttpTruncatedBody {
  readonly kind: 'truncated-body';
  /** The share of the requests that are affected: a number from 0 to 1. */
  readonly rate: number;
  /** The number of bytes that arrive, at most the whole body: an integer ≥ 0. @defaultValue 0 */
  readonly afterBytes?: number | undefined;
}

const KINDS = [
  ...(['latency', 'status', 'refused', 'reset', 'hang', 'headers'] as const),
  ...(['slow-body', 'truncated-body'] as const),
] as const;

/** Returns copies of faults. @throws InvalidOptionError for an invalid one. */
export function checkHttpFaults(owner: string, faults: readonly HttpFault[]): readonly HttpFault[] {
  if (!Array.isArray(faults)) throw new InvalidOptionError(owner, 'faults', 'must be an array of faults', faults);
  return faults.map((fault: HttpFault, index) => {
    const option = `faults[${index}]`;
    const kind = checkOneOf(owner, `${option}.kind`, Object(fault).kind, KINDS);
    const checked = checkKind(owner, option, { ...fault, kind } as HttpFault);
    return { ...checked, rate: checkNumber(owner, `${option}.rate`, checked.rate, RATE) };
  });
}

function checkKind(owner: string, option: string, fault: HttpFault): HttpFault {
  const common = { kind: undefined, rate: undefined };
  switch (fault.kind) {
    case 'latency': {
      const own = readOptions<HttpLatency>(owner, fault, { ...common, latency: undefined }, option);
      return { ...own, latency: checkLatency(owner, `${option}.latency`, own.latency) };
    }
    case 'status': {
      const defaults = { ...common, status: undefined, headers: undefined, body: undefined };
      const { headers = {}, ...own } = readOptions<HttpStatus>(owner, fault, defaults, option);
      checkInteger(owner, `${option}.status`, own.status, { min: 200, max: 599 });
      if (own.body !== undefined) checkString(owner, `${option}.body`, own.body);
      return { ...own, headers: checkFields(owner, `${option}.headers`, headers, false) as Record<string, string> };
    }
    case 'headers': {
      const own = readOptions<HttpHeaderChange>(owner, fault, { ...common, headers: undefined }, option);
      return { ...own, headers: checkFields(owner, `${option}.headers`, own.headers, true) };
    }
    case 'slow-body': {
      const own = readOptions<HttpSlowBody>(owner, fault, { ...common, bytesPerSecond: undefined }, option);
      return {
        ...own,
        bytesPerSecond: checkNumber(owner, `${option}.bytesPerSecond`, own.bytesPerSecond, { above: 0 }),
      };
    }
    case 'truncated-body': {
      const own = readOptions(owner, fault, { ...common, afterBytes: 0 }, option);
      return { ...own, afterBytes: checkInteger(owner, `${option}.afterBytes`, own.afterBytes, { min: 0 }) };
    }
    default:
      return readOptions<HttpConnectionFault>(owner, fault, common, option);
  }
}

/** Returns a copy of header fields. @throws InvalidOptionError for a name or a value that HTTP does not allow. */
function checkFields(
  owner: string,
  option: string,
  fields: Readonly<Record<string, string | null>>,
  orNull: boolean,
): Readonly<Record<string, string | null>> {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new InvalidOptionError(owner, option, 'must be an object with header fields', fields);
  }
  const copy = { ...fields };
  for (const [name, value] of Object.entries(copy)) {
    if (value === null && orNull) continue;
    try {
      new (requireGlobal('Headers'))([[name, checkString(owner, `${option}.${name}`, value)]]);
    } catch (error) {
      if (error instanceof InvalidOptionError) throw error;
      throw new InvalidOptionError(owner, `${option}.${name}`, 'must be a valid header field', value);
    }
  }
  return copy;
}
