import { checkOneOf, readOptions } from '../core/options.js';
import { BaseRing } from './base-ring.js';
import type { HashData } from './key-bytes.js';
import { Md5 } from './md5.js';
import { type NodeOption, sortedNodes } from './nodes.js';
import { checkCircle, RingPoints } from './ring-points.js';

export interface KetamaRingOptions {
  /** Whose rings it is equal to: those of libketama in C, or of `hashring` from npm. @defaultValue 'libketama' */
  readonly compat?: 'libketama' | 'hashring' | undefined;
}

/**
 * The ring of memcached's clients (Richard Jones, libketama, 2007): the same keys on the same nodes as theirs, to share a
 * cache with programs in other languages. For anything else `HashRing` is faster, and moves fewer keys.
 *
 * 160 points for each node on average, four from each MD5. How many a node has depends on its share of all weights: when a
 * weight changes, or a node comes, keys move between other nodes too. A very light node may have none.
 *
 * The two dialects differ where 40 × nodes × share is a whole number but for rounding: libketama computes that in 32 bits,
 * `hashring` in 64. With equal weights that is so for 7, 14, 28, 49, 56 or 61 nodes, among others.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const ring = new KetamaRing(['10.0.0.1:11211', '10.0.0.2:11211', { node: '10.0.0.3:11211', weight: 2 }]);
 * const server = ring.get('session:42');
 * console.log(ring.has(server ?? '')); // true
 * ```
 */
export class KetamaRing extends BaseRing {
  readonly #md5: Md5;

  constructor(nodes: Iterable<NodeOption>, options?: KetamaRingOptions) {
    const { compat } = readOptions('KetamaRing', options, { compat: 'libketama' as const });
    checkOneOf('KetamaRing', 'compat', compat, ['libketama', 'hashring']);
    const weights = sortedNodes('KetamaRing', nodes);
    const md5 = new Md5();
    const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
    const names = [...weights.keys()];
    // Four points for each hash, and 40 hashes for each node on average.
    checkCircle('KetamaRing', names.length, 160 * names.length);
    const points = names.map((node) => {
      const hashes = hashesOf(weights.get(node) as number, total, weights.size, compat);
      return ketamaPoints(node, hashes, md5);
    });
    super('KetamaRing', RingPoints.of(names, points), weights);
    this.#md5 = md5;
  }

  protected hashOf(data: HashData): number {
    return this.#md5.digest(data)[0] as number;
  }

  protected hashesLike(other: BaseRing): boolean {
    return other instanceof KetamaRing;
  }
}

/** How many hashes of four points each a node has. */
function hashesOf(weight: number, total: number, nodes: number, compat: 'libketama' | 'hashring'): number {
  if (weight === 0) return 0;
  if (compat === 'hashring') return Math.floor((weight / total) * 40 * nodes);
  const share = Math.fround(Math.fround(weight) / Math.fround(total)); // C's float
  return Math.floor(Math.fround(share * 40 * nodes));
}

function ketamaPoints(node: string, hashes: number, md5: Md5): Uint32Array {
  const points = new Uint32Array(4 * hashes);
  for (let i = 0; i < hashes; i++) points.set(md5.digest(`${node}-${i}`), 4 * i);
  return points;
}
