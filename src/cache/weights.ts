import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkNumber } from '../core/options.js';
import type { CacheOptions } from './cache.js';
import { grown } from './slot-list.js';

type Weigh<K, V> = NonNullable<CacheOptions<K, V>['weigh']>;

/** The weights of the entries: eight bytes per entry. */
export class Weights<K, V> {
  readonly max: number;
  total = 0;
  readonly #owner: string;
  readonly #weigh: Weigh<K, V>;
  #column = new Float64Array(1);
  /** The number of entries with a weight above 0. */
  #weighted = 0;

  constructor(owner: string, max: number, weigh: Weigh<K, V>) {
    this.#owner = owner;
    this.max = max;
    this.#weigh = weigh;
  }

  grow(lastSlot: number): void {
    this.#column = grown(this.#column, lastSlot);
  }

  of(slot: number): number {
    return this.#column[slot] as number;
  }

  /** Returns the checked weight of an entry. @param given - the weight that the caller passed to `set`. */
  weigh(key: K, value: V, given: number | undefined): number {
    const weight = given === undefined ? this.#weigh({ key, value }) : given;
    return checkNumber(this.#owner, given === undefined ? 'weigh' : 'weight', weight, { min: 0 });
  }

  set(slot: number, weight: number): void {
    const before = this.of(slot);
    this.#column[slot] = weight;
    this.#weighted += Number(weight > 0) - Number(before > 0);
    // Sums of fractions accumulate rounding errors. Without weighted entries the total is set to exactly 0.
    this.total = this.#weighted === 0 ? 0 : this.total + weight - before;
  }

  haveRoomFor(weight: number): boolean {
    return this.total + weight <= this.max || this.#weighted === 0;
  }

  /** Removes all weights. The caller will call `grow` again. */
  clear(): void {
    this.#column = new Float64Array(1);
    this.#weighted = 0;
    this.total = 0;
  }
}

export function checkWeights<K, V>(
  owner: string,
  { maxWeight, weigh }: Pick<CacheOptions<K, V>, 'maxWeight' | 'weigh'>,
): Weights<K, V> | undefined {
  if (maxWeight === undefined && weigh === undefined) return undefined;
  if (maxWeight === undefined) throw new InvalidOptionError(owner, 'maxWeight', 'is required with "weigh"', maxWeight);
  const max = checkNumber(owner, 'maxWeight', maxWeight, { above: 0 });
  if (weigh === undefined) throw new InvalidOptionError(owner, 'weigh', 'is required with "maxWeight"', weigh);
  return new Weights(owner, max, checkFunction(owner, 'weigh', weigh));
}
