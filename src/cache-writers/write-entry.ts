/** One write, as it stands until the store has it. */
export type WriteEntry<K, V> =
  | { readonly type: 'set'; readonly key: K; readonly value: V }
  | { readonly type: 'delete'; readonly key: K };
