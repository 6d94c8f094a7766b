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
  /** The division of each list of candidates: one list, or one for each priority group. */
  readonly #divisions = new WeakMap<readonly NodeState[], ZoneDivision>();
  #last: ZoneDivision | undefined = undefined;

  constructor(zone: string, overprovision: number) {
    this.#zone = zone;
    this.#overprovision = overprovision;
  }

  /**
   * Returns the usable nodes that are candidates for this call. They may include excluded nodes, but at least one node
   * is not excluded. For a call with a key, the key decides, so the same key stays in the same zone.
   *
   * @param excluded - Some of the usable nodes.
   * @param all - All nodes of the list or of the priority group, including those that are not usable.
   */
  narrow(
    usable: readonly NodeState[],
    excluded: ReadonlySet<NodeState>,
    all: readonly NodeState[],
    key: string | undefined,
    random: Random,
  ): readonly NodeState[] {
    const division = this.#divisionOf(usable, all);
    const { local, elsewhere, wholeWeight } = division;
    if (local.length === 0 || elsewhere.length === 0) return usable;
    let [localWeight, localCount] = [division.localWeight, local.length];
    for (const state of excluded) {
      if (state.zone !== this.#zone) continue;
      localWeight -= state.weight;
      localCount--;
    }
    if (localCount === 0) return elsewhere;
    if (elsewhere.length === excluded.size - (local.length - localCount)) return local;
    const localShare = (this.#overprovision * localWeight) / wholeWeight;
    if (localShare >= 1) return local;
    const draw = key === undefined ? random() : murmur3(key) / 2 ** 32;
    return draw < localShare ? local : elsewhere;
  }

  #divisionOf(usable: readonly NodeState[], all: readonly NodeState[]): ZoneDivision {
    if (this.#last?.usable === usable) return this.#last;
    const division = this.#divisions.get(usable) ?? this.#divide(usable, all);
    this.#last = division;
    return division;
  }

  #divide(usable: readonly NodeState[], all: readonly NodeState[]): ZoneDivision {
    const isLocal = ({ zone }: NodeState) => zone === this.#zone;
    const local = usable.filter(isLocal);
    const elsewhere = usable.filter((state) => !isLocal(state));
    const wholeWeight = weightOf(all.filter(isLocal));
    const division = { usable, local, elsewhere, localWeight: weightOf(local), wholeWeight };
    this.#divisions.set(usable, division);
    return division;
  }
}

/** A list of usable nodes, divided into the nodes of this zone and the others. */
interface ZoneDivision {
  readonly usable: readonly NodeState[];
  readonly local: readonly NodeState[];
  readonly elsewhere: readonly NodeState[];
  /** The total weight of the usable nodes of this zone. */
  readonly localWeight: number;
  /** The total weight of all nodes of this zone. */
  readonly wholeWeight: number;
}

const weightOf = (states: readonly NodeState[]): number => states.reduce((sum, { weight }) => sum + weight, 0);
