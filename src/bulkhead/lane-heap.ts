/** The fields of a lane that the heap uses. */
interface HeapLane {
  readonly priority: number;
  /** The position in the heap. */
  index: number;
}

/**
 * The number of children of a node. Compared with two, four halve the depth of the heap and share a cache line of
 * `#priorities`.
 */
const ARITY = 4;

/**
 * A heap of the lanes that have a waiter. A map finds a lane by its priority; the heap keeps the lane with the lowest
 * number at the front. Adding and removing a lane are O(log n) for n distinct priorities; finding one is O(1).
 *
 * The heap compares priorities in a separate array. Reading them from the lanes would cost a cache miss each: a burst
 * of a million calls with distinct priorities would take a third more CPU.
 */
export class LaneHeap<Lane extends HeapLane> {
  readonly #byPriority = new Map<number, Lane>();
  readonly #lanes: Lane[] = [];
  /** `#priorities[i]` is the priority of `#lanes[i]`. */
  readonly #priorities: number[] = [];

  /** The lane with the lowest priority number. */
  get first(): Lane | undefined {
    return this.#lanes[0];
  }

  /** Returns the lane of a priority, if there is one. */
  find(priority: number): Lane | undefined {
    // Usually there is only one priority, or the waiter joins the front lane: neither needs the map.
    return this.#priorities[0] === priority ? this.#lanes[0] : this.#byPriority.get(priority);
  }

  /** Adds a lane. The heap must have no lane of the same priority. */
  add(lane: Lane): void {
    this.#byPriority.set(lane.priority, lane);
    this.#rise(lane, this.#lanes.length);
  }

  /** Removes a lane that is in the heap. */
  remove(lane: Lane): void {
    this.#byPriority.delete(lane.priority);
    const last = this.#lanes.pop() as Lane;
    this.#priorities.pop();
    if (last === lane) return;
    // The last lane fills the gap. It may have to move up, since it comes from another branch.
    if (last.priority < lane.priority) this.#rise(last, lane.index);
    else this.#sink(last, lane.index);
  }

  /** Puts the lane at the index, or as far above as its priority requires. */
  #rise(lane: Lane, from: number): void {
    let index = from;
    while (index > 0) {
      const parent = Math.floor((index - 1) / ARITY);
      if ((this.#priorities[parent] as number) <= lane.priority) break;
      this.#put(this.#lanes[parent] as Lane, index);
      index = parent;
    }
    this.#put(lane, index);
  }

  /** Puts the lane at the index, or as far below as its priority requires. */
  #sink(lane: Lane, from: number): void {
    let index = from;
    for (let child = this.#lowestChild(index); child !== undefined; child = this.#lowestChild(index)) {
      if ((this.#priorities[child] as number) >= lane.priority) break;
      this.#put(this.#lanes[child] as Lane, index);
      index = child;
    }
    this.#put(lane, index);
  }

  #lowestChild(parent: number): number | undefined {
    const first = parent * ARITY + 1;
    const end = Math.min(first + ARITY, this.#priorities.length);
    if (first >= end) return undefined;
    let lowest = first;
    for (let child = first + 1; child < end; child++) {
      if ((this.#priorities[child] as number) < (this.#priorities[lowest] as number)) lowest = child;
    }
    return lowest;
  }

  #put(lane: Lane, index: number): void {
    this.#lanes[index] = lane;
    this.#priorities[index] = lane.priority;
    lane.index = index;
  }
}
