import { readFileSync } from 'node:fs';

/** Results of other implementations: hashring from npm, compiled libketama, the reference hashes, the papers. */
interface Vectors {
  readonly keys: readonly string[];
  readonly lists: readonly {
    readonly name: string;
    readonly servers: readonly string[];
    readonly weights: readonly number[] | null;
    readonly options: object;
    readonly algorithm: string;
    readonly hashring: readonly number[];
    readonly libketama: readonly number[] | 'same' | null;
    readonly range3: readonly (readonly number[])[];
  }[];
  readonly key_hash_first20: readonly number[];
  readonly hash_vectors: Readonly<Record<string, readonly string[]>> & { readonly md5_first_u32_le: readonly number[] };
  readonly jump_vectors: { readonly v: readonly (readonly [key: string, buckets: number, bucket: number])[] };
  readonly maglev_vectors: Readonly<
    Record<
      string,
      {
        readonly offset_skip: readonly (readonly [number, number])[];
        readonly weights?: number[];
        readonly table: number[];
      }
    >
  >;
  readonly smooth_wrr_vectors: readonly { readonly weights: readonly number[]; readonly seq: readonly number[] }[];
}

export const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../fixtures/placement-vectors.json', import.meta.url), 'utf8'),
);
