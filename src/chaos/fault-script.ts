import { InvalidOptionError } from '../core/errors.js';
import { checkFaultPlan, type FaultKind, type FaultPlan, type TimedFault } from '../core/fault-plan.js';
import type { ChaosRun, InjectionKind } from './chaos-run.js';

/** What a plan does to one call. */
export interface PlannedEffect {
  /**
   * - `refused`: the connection is refused; the operation does not run.
   * - `error`: the dependency answers with an error; the operation does not run.
   * - `no-request`: the request is lost; the operation does not run, and no answer comes.
   * - `no-answer`: the operation runs, and its answer is lost.
   * - `late`: the operation runs, and takes `by` times as long.
   */
  readonly fate: 'refused' | 'error' | 'no-request' | 'no-answer' | 'late';
  /** The kind of the fault. */
  readonly kind: Exclude<FaultKind, 'flush' | 'stall'> & InjectionKind;
  /** The factor of `late`. */
  readonly by: number;
}

/** The kinds that concern a process and not a call. */
const NOT_OF_CALLS: readonly FaultKind[] = ['flush', 'stall'];

/** The faults of a plan for calls, by the time since the begin of the run. O(faults) per call. */
export class FaultScript {
  readonly #faults: readonly TimedFault[];

  /** @throws InvalidOptionError for an invalid plan, or a fault that does not end within the run. */
  constructor(owner: string, plan: FaultPlan, maxDurationMs: number) {
    this.#faults = checkFaultPlan(owner, plan, 'plan');
    for (const { kind, startMs, endMs } of this.#faults) {
      if (endMs === Infinity) {
        throw new InvalidOptionError(owner, 'plan', `must have a "for" in each fault, so that it ends`, kind);
      }
      if (startMs >= maxDurationMs || endMs > maxDurationMs) {
        throw new InvalidOptionError(owner, 'plan', `must end within "maxDuration" (${maxDurationMs} ms)`, kind);
      }
    }
  }

  /** Returns the number of faults of a target that calls can show, or of those that they cannot. */
  countOf(target: string, ofCalls: boolean): number {
    const isCounted = ({ kind }: TimedFault): boolean => NOT_OF_CALLS.includes(kind) !== ofCalls;
    return this.#faults.filter((fault) => isCounted(fault) && concerns(fault, target)).length;
  }

  /**
   * Draws what happens to a call of the target that starts now, in the order of a simulated request: the way to the
   * server, the server, the way back. Undefined for a call without a fault.
   */
  effectOn(target: string, chaos: ChaosRun): PlannedEffect | undefined {
    const { elapsedMs } = chaos;
    const now = this.#faults.filter((fault) => isDuring(fault, elapsedMs) && concerns(fault, target));
    if (now.length === 0) return undefined;
    const find = (kind: FaultKind): TimedFault | undefined => now.find((fault) => fault.kind === kind);
    const partition = find('partition');
    if (partition !== undefined && chaos.isCutOff(partition.share)) return effect('no-request', 'partition');
    const dropShare = find('drop')?.share ?? 0;
    if (chaos.draws(dropShare)) return effect('no-request', 'drop');
    if (find('down') !== undefined) return effect('refused', 'down');
    const hangShare = find('hang')?.share ?? 0;
    const errorShare = find('error')?.share ?? 0;
    const fate = hangShare + errorShare > 0 ? chaos.rules.random() : 1; // one draw: the shares do not overlap
    if (fate < hangShare) return effect('no-request', 'hang');
    if (fate < hangShare + errorShare) return effect('error', 'error');
    if (chaos.draws(dropShare)) return effect('no-answer', 'drop');
    const by = find('slow')?.by ?? 1;
    return by > 1 ? { fate: 'late', kind: 'slow', by } : undefined;
  }
}

const effect = (fate: PlannedEffect['fate'], kind: PlannedEffect['kind']): PlannedEffect => ({ fate, kind, by: 1 });

const isDuring = ({ startMs, endMs }: TimedFault, ms: number): boolean => startMs <= ms && ms < endMs;

const concerns = (fault: TimedFault, target: string): boolean => fault.target === undefined || fault.target === target;
