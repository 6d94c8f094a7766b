import { checkNumber, checkString, readOptions } from '../core/options.js';
import type { Random } from '../core/random.js';
import { murmur3 } from '../hash-ring/murmur3.js';
import type { NodeState } from './node-state.js';

/** The options of zone preference. */
export interface ZoneOptions {
  /** The name of the zone of this process. */
  readonly name: string;
  /**
   * The load that a zone can bear, relative to its usual load: a number ≥ 1. With 1.4, all calls stay in the zone until
   * fewer than 1 / 1.4 = 71 % of it are healthy; below that, the excess goes to other zones in proportion.
   * @defaultValue 1.4
   */
  readonly overprovision?: number | undefined;
}

/** Reads the `zone` option. @param option - The options, or only the name of the zone. */
export function readZone(owner: string, option: string | ZoneOptions): ZonePreference {
  const given = typeof option === 'object' ? option : { name: option };
  const defaults = { name: undefined, overprovision: 1.4 };
  const own = readOptions<ZoneOptions, typeof defaults>(owner, given, defaults, 'zone');
  const name = checkString(owner, typeof option === 'object' ? 'zone.name' : 'zone', own.name);
  return new ZonePreference(name, checkNumber(owner, 'zone.overprovision', own.overprovision, { min: 1 }));
}

/** Keeps calls in the zone of this process as long as the zone has enough capacity (Envoy, overprovisioning factor). */
export class ZonePreference {
  readonly #zone: string;
  readonly #overprovision: number;
  #usable: readonly NodeState[] = [];
  #local: readonly NodeState[] = [];
  #elsewhere: readonly NodeState[] = [];
  /** The total weight of the usable nodes of this zone. */
  #localWeight = 0;
  /** The total weight of all nodes of this zone. */
  #wholeWeight = 0;

  constructor(zone: string, overprovision: number) {
    this.#zone = zone;
    this.#overprovision = overprovision;
  }

  /**
   * Returns the usable nodes that are candidates for this call. They may include excluded nodes, but at least one node
   * is not excluded. For a call with a key, the key decides, so the same key stays in the same zone.
   */
  narrow(
    usable: readonly NodeState[],
    excluded: ReadonlySet<NodeState>,
    all: readonly NodeState[],
    key: string | undefined,
    random: Random,
  ): readonly NodeState[] {
    if (usable !== this.#usable) this.#divide(usable, all);
    const [local, elsewhere] = [this.#local, this.#elsewhere];
    if (local.length === 0 || elsewhere.length === 0) return usable;
    let [localWeight, localCount] = [this.#localWeight, local.length];
    for (const state of excluded) {
      if (state.zone !== this.#zone) continue;
      localWeight -= state.weight;
      localCount--;
    }
    if (localCount === 0) return elsewhere;
    if (elsewhere.length === excluded.size - (local.length - localCount)) return local;
    const localShare = (this.#overprovision * localWeight) / this.#wholeWeight;
    if (localShare >= 1) return local;
    const draw = key === undefined ? random() : murmur3(key) / 2 ** 32;
    return draw < localShare ? local : elsewhere;
  }

  #divide(usable: readonly NodeState[], all: readonly NodeState[]): void {
    const isLocal = ({ zone }: NodeState) => zone === this.#zone;
    this.#usable = usable;
    this.#local = usable.filter(isLocal);
    this.#elsewhere = usable.filter((state) => !isLocal(state));
    this.#localWeight = weightOf(this.#local);
    this.#wholeWeight = weightOf(all.filter(isLocal));
  }
}

const weightOf = (states: readonly NodeState[]): number => states.reduce((sum, { weight }) => sum + weight, 0);
