import { AbortNode, type AbortScope } from '../core/abort-scope.js';
import { Deadline, type DeadlineList } from '../core/deadline-list.js';
import { LaneHeap } from './lane-heap.js';

/** Somebody in the queue: its own node there. Leaves by being admitted or refused. */
export class Waiter {
  lane: Lane | undefined;
  ahead: Waiter | undefined;
  behind: Waiter | undefined;
  /** Its place in the list of queue timeouts, where there are any. */
  timeout: WaitingTime | undefined;
  readonly #open: () => void;
  readonly #refuse: (reason: unknown) => void;
  #abort: AbortNode | undefined;

  constructor(open: () => void, refuse: (reason: unknown) => void) {
    this.lane = undefined;
    this.ahead = undefined;
    this.behind = undefined;
    this.timeout = undefined;
    this.#open = open;
    this.#refuse = refuse;
    this.#abort = undefined;
  }

  /** Gives up the place as soon as the scope is aborted. */
  follow(scope: AbortScope): this {
    this.#abort = new PlaceGivenUp(this);
    scope.enter(this.#abort);
    return this;
  }

  /** Its turn has come: the slot is its own now. */
  admit(): void {
    this.#leave();
    this.#open();
  }

  refuse(reason: unknown): void {
    this.#leave();
    this.#refuse(reason);
  }

  #leave(): void {
    this.lane?.queue.remove(this);
    this.#abort?.leave();
  }
}

/** How long a waiter may wait. */
class WaitingTime extends Deadline {
  readonly #waiter: Waiter;
  readonly #onTimeout: (waiter: Waiter) => void;

  constructor(waiter: Waiter, onTimeout: (waiter: Waiter) => void) {
    super();
    this.#waiter = waiter;
    this.#onTimeout = onTimeout;
  }

  onDue(): void {
    this.#onTimeout(this.#waiter);
  }
}

class PlaceGivenUp extends AbortNode {
  readonly #waiter: Waiter;

  constructor(waiter: Waiter) {
    super();
    this.#waiter = waiter;
  }

  onAbort(reason: unknown): void {
    this.#waiter.refuse(reason);
  }
}

/** The waiters of one priority, in arrival order. A lane is in the heap while it has a waiter. */
class Lane {
  readonly queue: WaitingQueue;
  readonly priority: number;
  first: Waiter | undefined = undefined;
  last: Waiter | undefined = undefined;
  /** The position in the heap. */
  index = 0;

  constructor(queue: WaitingQueue, priority: number) {
    this.queue = queue;
    this.priority = priority;
  }
}

/**
 * Lower priority numbers leave first, and within one priority who came first. Joining, leaving from the front, and giving
 * up a place anywhere are O(1), and O(log n) for the first and the last waiter of a priority, where n is the number of
 * distinct priorities in the queue.
 *
 * Linked lists rather than ring buffers: a waiter that gives up leaves no hole, so there is nothing to compact.
 */
export class WaitingQueue {
  size = 0;
  /** Called for a waiter that has waited too long, in time to refuse it. */
  readonly #onTimeout: (waiter: Waiter) => void;
  readonly #lanes = new LaneHeap<Lane>();
  readonly #timeouts: DeadlineList | undefined;

  constructor(timeouts: DeadlineList | undefined, onTimeout: (waiter: Waiter) => void) {
    this.#timeouts = timeouts;
    this.#onTimeout = onTimeout;
  }

  push(waiter: Waiter, priority: number): void {
    const lane = this.#laneOf(priority);
    waiter.lane = lane;
    waiter.ahead = lane.last;
    if (lane.last === undefined) lane.first = waiter;
    else lane.last.behind = waiter;
    lane.last = waiter;
    this.size++;
    if (this.#timeouts === undefined) return;
    waiter.timeout = new WaitingTime(waiter, this.#onTimeout);
    this.#timeouts.add(waiter.timeout);
  }

  /** Who leaves next; it stays until it is admitted or refused. */
  get first(): Waiter | undefined {
    return this.#lanes.first?.first;
  }

  remove(waiter: Waiter): void {
    const { ahead, behind } = waiter;
    const lane = waiter.lane as Lane;
    if (ahead === undefined) lane.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) lane.last = ahead;
    else behind.ahead = ahead;
    waiter.lane = undefined;
    waiter.ahead = undefined;
    waiter.behind = undefined;
    this.size--;
    if (lane.first === undefined) this.#lanes.remove(lane);
    if (waiter.timeout !== undefined) this.#timeouts?.remove(waiter.timeout);
  }

  #laneOf(priority: number): Lane {
    const known = this.#lanes.find(priority);
    if (known !== undefined) return known;
    const lane = new Lane(this, priority);
    this.#lanes.add(lane);
    return lane;
  }
}
