import { checkOneOf, readOptions } from '../core/options.js';
import { BaseRing } from './base-ring.js';
import type { HashData } from './key-bytes.js';
import { Md5 } from './md5.js';
import { type NodeOption, sortedNodes } from './nodes.js';
import { checkCircle, RingPoints } from './ring-points.js';

/** The options of `KetamaRing`. */
export interface KetamaRingOptions {
  /** The implementation to be compatible with: libketama in C, or `hashring` from npm. @defaultValue 'libketama' */
  readonly compat?: 'libketama' | 'hashring' | undefined;
}

/**
 * Ketama ring: places keys on the same nodes as memcached clients do (Richard Jones, libketama, 2007). Use it to share
 * a cache with programs in other languages. For anything else `HashRing` is faster and moves fewer keys.
 *
 * A node has 160 points on average, four from each MD5 hash. The number of points of a node depends on its share of all
 * weights, so a changed weight or a new node also moves keys between other nodes. A node with a very small weight may
 * have no points.
 *
 * The two dialects differ where 40 × nodes × share is a whole number except for rounding: libketama computes it with
 * 32-bit floating point, `hashring` with 64-bit. With equal weights this happens for 7, 14, 28, 49, 56 or 61 nodes,
 * among others.
 *
 * @throws InvalidOptionError if an option is invalid.
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

  /** Internal: returns the position of a key on the circle. */
  '~hashOf'(data: HashData): number {
    return this.#md5.digest(data)[0] as number;
  }
}

/** Returns the number of hashes of a node. Each hash has four points. */
function hashesOf(weight: number, total: number, nodes: number, compat: 'libketama' | 'hashring'): number {
  if (weight === 0) return 0;
  if (compat === 'hashring') return Math.floor((weight / total) * 40 * nodes);
  const share = Math.fround(Math.fround(weight) / Math.fround(total)); // as C's float
  return Math.floor(Math.fround(share * 40 * nodes));
}

function ketamaPoints(node: string, hashes: number, md5: Md5): Uint32Array {
  const points = new Uint32Array(4 * hashes);
  for (let i = 0; i < hashes; i++) points.set(md5.digest(`${node}-${i}`), 4 * i);
  return points;
}
