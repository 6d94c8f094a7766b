/**
 * How many hits a cache has that knows the future: Belady's optimum, the most that any can have. Of what it holds and
 * what it was just asked for, it gives up what will be asked for last; so it may not keep a newcomer at all ("MIN with
 * bypass").
 *
 * Of each key held only its next request matters, and no two keys have the same: they are a set of integers, of which the
 * greatest is given up, and which has the present request in it exactly when that is a hit.
 */
export function optimalHits(requests: Int32Array, capacity: number): number {
  const next = nextRequests(requests);
  const held = new IntegerSet(requests.length);
  let size = 0;
  let hits = 0;
  for (let now = 0; now < requests.length; now++) {
    if (held.delete(now)) {
      hits++;
      size--;
    }
    const again = next[now] as number;
    if (again === NEVER) continue;
    held.add(again);
    size++;
    if (size > capacity) {
      held.delete(held.max());
      size--;
    }
  }
  return hits;
}

const NEVER = 0;

/** For each request, when the same key is asked for again. */
function nextRequests(requests: Int32Array): Int32Array {
  const next = new Int32Array(requests.length);
  const last = new Map<number, number>();
  for (let now = 0; now < requests.length; now++) {
    const key = requests[now] as number;
    const before = last.get(key);
    if (before !== undefined) next[before] = now;
    last.set(key, now);
  }
  return next;
}

/** Integers from 0 to below a bound: a bit for each, and above each word of bits one that says whether any is set. */
class IntegerSet {
  readonly #levels: Int32Array[] = [];

  constructor(bound: number) {
    let words = bound;
    do {
      words = Math.max(1, Math.ceil(words / 32));
      this.#levels.push(new Int32Array(words));
    } while (words > 1);
  }

  add(integer: number): void {
    let at = integer;
    for (const words of this.#levels) {
      words[at >>> 5]! |= 1 << (at & 31);
      at >>>= 5;
    }
  }

  /** Whether it was there. */
  delete(integer: number): boolean {
    const isThere = (this.#levels[0]![integer >>> 5]! & (1 << (integer & 31))) !== 0;
    let at = integer;
    for (const words of isThere ? this.#levels : []) {
      words[at >>> 5]! &= ~(1 << (at & 31));
      if (words[at >>> 5] !== 0) break;
      at >>>= 5;
    }
    return isThere;
  }

  /** Of a set that is not empty. */
  max(): number {
    let at = 0;
    for (let level = this.#levels.length - 1; level >= 0; level--) {
      at = at * 32 + 31 - Math.clz32(this.#levels[level]![at]!);
    }
    return at;
  }
}
