/** What a benchmark of one module is made of. */
export interface Candidate {
  /** Ours, a peer, or the floor that everything is compared with. */
  readonly kind: 'ours' | 'peer' | 'floor';
  /** Makes the thing once, and gives a function that uses it once. */
  prepare(): () => Promise<unknown>;
}

export type Candidates = Readonly<Record<string, Candidate>>;

export const floor = (prepare: Candidate['prepare']): Candidate => ({ kind: 'floor', prepare });
export const ours = (prepare: Candidate['prepare']): Candidate => ({ kind: 'ours', prepare });
export const peer = (prepare: Candidate['prepare']): Candidate => ({ kind: 'peer', prepare });

/** The operation of most benchmarks. It takes its context, and keeps it for as long as a real one would. */
let kept: unknown;
export async function operation(context?: unknown): Promise<number> {
  kept = context;
  return kept === null ? 0 : 42;
}

/** The floor of most benchmarks: the operation by itself. */
export const bareOperation = floor(() => () => operation());
