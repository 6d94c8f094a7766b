import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, readOptions } from '../core/options.js';
import { dataOf, type PlacementKey } from './key-bytes.js';
import { murmur3 } from './murmur3.js';
import { type NodeOption, sortedNodes } from './nodes.js';
import { Placement } from './placement.js';

/** The options of `MaglevTable`. */
export interface MaglevTableOptions {
  /**
   * The number of slots in the table: a prime number that is at least the number of nodes and at most 2²⁴. A hundred
   * times the number of nodes or more is recommended.
   * @defaultValue 65537
   */
  readonly size?: number | undefined;
  /**
   * The seed of the hash function: an integer from 0 to 2³² - 1. It must be the same in every process. @defaultValue 0
   */
  readonly seed?: number | undefined;
}

/** The largest table: 2²⁴ slots. */
const MAX_SIZE = 0x100_0000;

/**
 * Maglev hashing: places a key with one table lookup (Eisenbud and others, "Maglev: A Fast and Reliable Software
 * Network Load Balancer", 2016). Use it for very many lookups and few changes of the nodes.
 *
 * The nodes fill the table in turns. Each node has its own permutation of the slots and takes its next free slot, so
 * all nodes get equally many slots, or as many as their weights require. The table is faster and more even than a ring.
 * Its disadvantages: when a node is removed, a few keys also move between other nodes, about 0.5 % of all with a
 * hundred nodes, and every change builds a new table, which takes some milliseconds.
 *
 * O(1) per lookup; four bytes per slot.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const table = new MaglevTable(['a', 'b', 'c']);
 * const node = table.get('10.1.2.3:5678');
 * console.log(table.has(node ?? '')); // true
 * ```
 */
export class MaglevTable extends Placement {
  readonly #seed: number;
  /** For each slot, the index of its node in `#owners`. */
  readonly #table: Uint32Array;
  /** The nodes with a weight above 0. */
  readonly #owners: readonly string[];

  constructor(nodes: Iterable<NodeOption>, options?: MaglevTableOptions) {
    const own = readOptions('MaglevTable', options, { size: 65537, seed: 0 });
    const seed = checkInteger('MaglevTable', 'seed', own.seed, { min: 0, max: 0xffff_ffff });
    const size = checkInteger('MaglevTable', 'size', own.size, { min: 2, max: MAX_SIZE });
    if (!isPrime(size)) throw new InvalidOptionError('MaglevTable', 'size', 'must be a prime number', size);
    super(sortedNodes('MaglevTable', nodes));
    this.#seed = seed;
    const weighted = [...this.weights].filter(([, weight]) => weight > 0);
    if (weighted.length > size) {
      throw new InvalidOptionError(
        'MaglevTable',
        'size',
        `must be at least the number of nodes, ${weighted.length}`,
        size,
      );
    }
    this.#owners = weighted.map(([node]) => node);
    this.#table = fillTable(
      weighted.map(([node, weight]) => ({
        weight,
        offset: murmur3(`0:${node}`, seed) % size,
        skip: (murmur3(`1:${node}`, seed) % (size - 1)) + 1,
      })),
      size,
    );
  }

  /** Returns the node of a key; undefined only if no node has a weight above 0. */
  get(key: PlacementKey): string | undefined {
    return this.#owners[this.#table[this.#slotOf(key)] as number];
  }

  /**
   * Returns the nodes for a key and its replicas: `count` different nodes, or all nodes if there are fewer, in the
   * order of the table from the key's slot on.
   */
  getMany(key: PlacementKey, count: number): string[] {
    checkInteger('MaglevTable', 'count', count, { min: 0, orInfinity: true });
    const found = new Set<number>();
    const first = this.#slotOf(key);
    const wanted = Math.min(count, this.#owners.length);
    for (let step = 0; found.size < wanted; step++) {
      found.add(this.#table[(first + step) % this.#table.length] as number);
    }
    return Array.from(found, (number) => this.#owners[number] as string);
  }

  #slotOf(key: PlacementKey): number {
    return murmur3(dataOf(key), this.#seed) % this.#table.length;
  }
}

/** The permutation of a node: its first slot and its step. With a prime number of slots it visits all of them. */
export interface MaglevOrder {
  readonly weight: number;
  readonly offset: number;
  readonly skip: number;
}

/**
 * Listing 1 of the paper: in turns, each node takes the next free slot of its permutation. With weights, the heaviest
 * node takes a slot in each turn; another node does when its accumulated weight is sufficient.
 */
export function fillTable(orders: readonly MaglevOrder[], size: number): Uint32Array {
  const table = new Uint32Array(size);
  if (orders.length === 0) return table;
  const isTaken = new Uint8Array(size);
  const heaviest = orders.reduce((most, { weight }) => Math.max(most, weight), 0);
  const at = orders.map(({ offset }) => offset);
  const due = orders.map(() => 0);
  for (let turn = 1, taken = 0; taken < size; turn++) {
    for (let number = 0; number < orders.length && taken < size; number++) {
      const { weight, skip } = orders[number] as MaglevOrder;
      if (turn * weight < (due[number] as number)) continue;
      due[number] = (due[number] as number) + heaviest;
      let slot = at[number] as number;
      while (isTaken[slot] === 1) slot = (slot + skip) % size;
      at[number] = slot;
      isTaken[slot] = 1;
      table[slot] = number;
      taken++;
    }
  }
  return table;
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}
