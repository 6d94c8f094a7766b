import { type Duration, toMs } from './duration.js';
import { InvalidOptionError } from './errors.js';
import { checkNumber, checkOneOf, checkString, readOptions } from './options.js';

/**
 * The kind of a fault.
 *
 * - `slow`: work takes `by` times as long.
 * - `down`: connections are refused.
 * - `error`: a `share` of the requests is answered with an error.
 * - `hang`: a `share` of the requests is never answered.
 * - `drop`: a `share` of the messages is lost, in both directions.
 * - `partition`: a `share` of the clients cannot reach the target.
 * - `flush`: caches lose their entries, at one instant.
 * - `stall`: the event loop of the client is blocked.
 */
export type FaultKind = 'slow' | 'down' | 'error' | 'hang' | 'drop' | 'partition' | 'flush' | 'stall';

/** One fault of a plan. */
export interface Fault {
  /** The time from the start of the run to the fault: a duration ≥ 0. */
  readonly at: Duration;
  /** How long the fault lasts: a duration above 0. @defaultValue until the end of the run */
  readonly for?: Duration | undefined;
  /** The name of what is affected, such as a server. @defaultValue all */
  readonly target?: string | undefined;
  /** The kind of the fault. */
  readonly kind: FaultKind;
  /** The factor of `slow`: a number above 0. @defaultValue 10 */
  readonly by?: number | undefined;
  /** The share of `error`, `hang`, `drop` and `partition`: a number above 0 and at most 1. @defaultValue 1 */
  readonly share?: number | undefined;
}

/** Faults at fixed times of a run, in any order. */
export type FaultPlan = readonly Fault[];

/** When a fault begins, and how long it lasts. */
export type FaultTime = Pick<Fault, 'at' | 'for'>;

/**
 * Returns a fault: the work of the target takes `by` times as long.
 * @example
 * ```ts
 * const faults: FaultPlan = [slow('api', 6, { at: '10s', for: '5s' }), down('store', { at: '30s', for: '2s' })];
 * ```
 */
export function slow(target: string, by: number, { at, for: lasts }: FaultTime): Fault {
  return { kind: 'slow', target, by, at, for: lasts };
}

/** Returns a fault: connections to the target are refused. */
export function down(target: string, { at, for: lasts }: FaultTime): Fault {
  return { kind: 'down', target, at, for: lasts };
}

/** Returns a fault: the target answers a share of the requests with an error. */
export function error(target: string, share: number, { at, for: lasts }: FaultTime): Fault {
  return { kind: 'error', target, share, at, for: lasts };
}

/** Returns a fault: the target never answers a share of the requests. */
export function hang(target: string, share: number, { at, for: lasts }: FaultTime): Fault {
  return { kind: 'hang', target, share, at, for: lasts };
}

/** Returns a fault: a share of the messages to and from the target is lost. */
export function drop(target: string, share: number, { at, for: lasts }: FaultTime): Fault {
  return { kind: 'drop', target, share, at, for: lasts };
}

/** Returns a fault: a share of the clients cannot reach the target. */
export function partition(target: string, share: number, { at, for: lasts }: FaultTime): Fault {
  return { kind: 'partition', target, share, at, for: lasts };
}

/** Returns a fault: the caches of the target, or all caches, lose their entries. */
export function flush(target: string | undefined, { at }: Pick<Fault, 'at'>): Fault {
  return { kind: 'flush', target, at };
}

/** Returns a fault: the event loop of the clients is blocked. */
export function stall({ at, for: lasts }: FaultTime): Fault {
  return { kind: 'stall', at, for: lasts };
}

/** A checked fault. */
export interface TimedFault {
  readonly kind: FaultKind;
  readonly target: string | undefined;
  readonly startMs: number;
  /** `Infinity` for a fault that lasts until the end of the run; the start for a `flush`. */
  readonly endMs: number;
  readonly by: number;
  readonly share: number;
}

const KINDS = ['slow', 'down', 'error', 'hang', 'drop', 'partition', 'flush', 'stall'] as const;
const WITH_SHARE: readonly FaultKind[] = ['error', 'hang', 'drop', 'partition'];

/**
 * Returns the faults of a plan with their times in milliseconds, in the order in which they begin.
 * @throws InvalidOptionError for an invalid fault, or for two faults that overlap and of which only one can have an
 * effect: two of the same kind, or `down` and any other fault of the same target.
 * @param option - the name of the plan in messages.
 */
export function checkFaultPlan(owner: string, plan: FaultPlan, option = 'faults'): readonly TimedFault[] {
  if (!Array.isArray(plan)) throw new InvalidOptionError(owner, option, 'must be an array of faults', plan);
  const faults = plan.map((fault, index) => checkFault(owner, `${option}[${index}]`, fault));
  for (const [index, fault] of faults.entries()) {
    const other = faults.findIndex((earlier, position) => position < index && excludes(earlier, fault));
    if (other === -1) continue;
    const rule = `must not overlap with "${option}[${other}]" (${(faults[other] as TimedFault).kind}): only one of them can have an effect`;
    throw new InvalidOptionError(owner, `${option}[${index}]`, rule, fault.kind);
  }
  return faults.sort((a, b) => a.startMs - b.startMs);
}

function checkFault(owner: string, option: string, fault: Fault): TimedFault {
  const defaults = {
    at: undefined,
    for: undefined,
    target: undefined,
    kind: undefined,
    by: undefined,
    share: undefined,
  };
  const own = readOptions<Fault>(owner, fault, defaults, option);
  const kind = checkOneOf(owner, `${option}.kind`, own.kind, KINDS);
  const startMs = toMs(owner, `${option}.at`, own.at, { orZero: true });
  if (own.by !== undefined && kind !== 'slow') {
    throw new InvalidOptionError(owner, `${option}.by`, `has no meaning for a fault of kind '${kind}'`, own.by);
  }
  if (own.share !== undefined && !WITH_SHARE.includes(kind)) {
    throw new InvalidOptionError(owner, `${option}.share`, `has no meaning for a fault of kind '${kind}'`, own.share);
  }
  return {
    kind,
    target: own.target === undefined ? undefined : checkString(owner, `${option}.target`, own.target),
    startMs,
    endMs: checkEnd(owner, option, kind, startMs, own.for),
    by: own.by === undefined ? 10 : checkNumber(owner, `${option}.by`, own.by, { above: 0 }),
    share: own.share === undefined ? 1 : checkNumber(owner, `${option}.share`, own.share, { above: 0, max: 1 }),
  };
}

function checkEnd(owner: string, option: string, kind: FaultKind, startMs: number, lasts: Fault['for']): number {
  if (kind === 'flush' && lasts !== undefined) {
    throw new InvalidOptionError(owner, `${option}.for`, `has no meaning for a fault of kind 'flush'`, lasts);
  }
  if (kind === 'flush') return startMs;
  if (lasts !== undefined) return startMs + toMs(owner, `${option}.for`, lasts);
  if (kind === 'stall') throw new InvalidOptionError(owner, `${option}.for`, 'is required for a stall', lasts);
  return Infinity;
}

/** Whether two faults overlap, concern the same target, and only one of them can have an effect. */
function excludes(one: TimedFault, other: TimedFault): boolean {
  if (one.startMs >= other.endMs || other.startMs >= one.endMs) return false;
  if (one.target !== undefined && other.target !== undefined && one.target !== other.target) return false;
  if (one.kind === other.kind) return true;
  const kinds = [one.kind, other.kind];
  return kinds.includes('down') && !kinds.includes('stall') && !kinds.includes('flush');
}
