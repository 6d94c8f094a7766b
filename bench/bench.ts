/**
 * The parts of a benchmark. Each `*.bench.ts` exports one as `bench`: candidates that do the same thing, and the target
 * for the candidate of this package. measure.ts measures them, table.ts prints them.
 */
export type Bench = UseBench | MemoryBench;

/** Something is done over and over: how long does it take? */
interface UseBench {
  /**
   * - `calls`: CPU time and bytes allocated, the default.
   * - `large bursts`: CPU time alone, each use from a clean heap. For uses that leave so much behind that whatever runs
   *   next would pay for it.
   * - `requests`: by the wall clock as well, since a request mostly waits.
   */
  readonly measured?: 'calls' | 'large bursts' | 'requests';
  /** What the figures are for. @defaultValue 'call' */
  readonly unit?: string;
  /** How many of these one use makes. @defaultValue 1 */
  readonly perUse?: number;
  /** Whether the promise of a use is meant to reject. Where it is not, a rejection ends the benchmark. */
  readonly rejects?: boolean;
  readonly candidates: Candidates<Prepare>;
  readonly targets?: Targets;
  /** The peer that every candidate is compared with, where there are too many of ours to compare each with each. */
  readonly yardstick?: string;
}

/** Something is kept: how large is it? */
interface MemoryBench {
  readonly measured: 'memory';
  readonly unit: string;
  /** How many are kept, unless the candidate says otherwise. */
  readonly count: number;
  readonly candidates: Candidates<Hold>;
  readonly targets?: Targets;
  readonly yardstick?: string;
}

/** Makes the thing once, and gives a function that uses it once. */
export type Prepare = () => Use | Promise<Use>;
export type Use = () => Promise<unknown>;
/** Gives so many, or what keeps them. */
export type Hold = (count: number) => unknown;

export interface Candidate<Make> {
  /** Ours, a peer, or the floor that all are compared with: the one measured beside each of them. */
  readonly kind: 'ours' | 'peer' | 'floor';
  readonly make: Make;
  /** How many of it are kept, where the others' count would be too many. */
  readonly count?: number;
  /** What is expected of this one of ours, instead of what is expected of all. */
  readonly targets?: Targets;
}

export type Candidates<Make> = Readonly<Record<string, Candidate<Make>>>;

/** What is expected of every candidate of ours: at most so much, but of `requests` at least so many. */
export interface Targets {
  /** CPU nanoseconds. */
  readonly ns?: number;
  /** Times what the floor takes; of `requests`, the part of the floor's rate. */
  readonly floor?: number;
  /** Bytes allocated beyond the floor's, or kept. */
  readonly bytes?: number;
  /** Ours divided by that candidate. */
  readonly peers?: Readonly<Record<string, number>>;
}

export const floor = <Make>(make: Make): Candidate<Make> => ({ kind: 'floor', make });
export const ours = <Make>(make: Make): Candidate<Make> => ({ kind: 'ours', make });
export const peer = <Make>(make: Make): Candidate<Make> => ({ kind: 'peer', make });

/** The operation of most benchmarks. It takes its context, and keeps it for as long as a real one would. */
let kept: unknown;
export async function operation(context?: unknown): Promise<number> {
  kept = context;
  return kept === null ? 0 : 42;
}

/** The floor of most benchmarks: the operation by itself. */
export const bareOperation = floor<Prepare>(() => () => operation());
