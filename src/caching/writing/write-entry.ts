/** One write, as it stands until the store has it. */
export type WriteEntry<K, V> =
  | { readonly type: 'set'; readonly key: K; readonly value: V }
  | { readonly type: 'delete'; readonly key: K };

/** A write that the store has not got, or nobody knows whether it has. */
export type LostWrite<K, V> = WriteEntry<K, V> & {
  /** Its last failure, or why there was no time for one. */
  readonly error: unknown;
};

/** Writes were accepted and are not in the store. `errors` has why, in the same order as `lost`. */
export class LostWritesError<K = unknown, V = unknown> extends AggregateError {
  readonly lost: readonly LostWrite<K, V>[];

  constructor(name: string, lost: readonly LostWrite<K, V>[]) {
    super(
      lost.map(({ error }) => error),
      `"${name}" has lost ${lost.length} ${lost.length === 1 ? 'write' : 'writes'}`,
    );
    this.lost = lost;
  }

  override get name(): string {
    return 'LostWritesError';
  }
}
