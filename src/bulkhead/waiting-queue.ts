import { AbortNode, type AbortScope } from '../core/abort-scope.js';
import { Deadline, type DeadlineList } from '../core/deadline-list.js';
import { RequestLife, timersBelongToRequests } from '../core/request-life.js';
import { LaneHeap } from './lane-heap.js';

/** A waiter: its own node in the queue. It leaves the queue when it is admitted or rejected. */
export class Waiter {
  /** The lane of its priority; undefined when the waiter is not in the queue. */
  lane: Lane | undefined;
  /** The waiter that arrived before this one in the same lane. */
  ahead: Waiter | undefined;
  /** The waiter that arrived after this one in the same lane. */
  behind: Waiter | undefined;
  /** The deadline of the waiter; undefined without a queue timeout. */
  timeout: QueueDeadline | undefined;
  readonly #resolve: () => void;
  readonly #reject: (reason: unknown) => void;
  #abort: AbortNode | undefined;
  readonly #life: RequestLife | undefined;

  /** @param onBeat - called regularly during the wait where timers belong to requests. */
  constructor(resolve: () => void, reject: (reason: unknown) => void, onBeat: () => void) {
    this.lane = undefined;
    this.ahead = undefined;
    this.behind = undefined;
    this.timeout = undefined;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#abort = undefined;
    this.#life = timersBelongToRequests ? new RequestLife(onBeat) : undefined;
  }

  /** Whether the request of the waiter has ended. */
  get isLost(): boolean {
    return this.#life?.isOver === true;
  }

  /** Rejects the waiter when the scope is aborted. */
  follow(scope: AbortScope): this {
    this.#abort = new WaiterAbort(this);
    scope.enter(this.#abort);
    return this;
  }

  /** Admits the waiter, which then owns a slot. */
  admit(): void {
    this.#leave();
    this.#resolve();
  }

  /** Rejects the waiter. */
  reject(reason: unknown): void {
    this.#leave();
    this.#reject(reason);
  }

  #leave(): void {
    this.lane?.queue.remove(this);
    this.#abort?.leave();
    this.#life?.end();
  }
}

/** The queue timeout of one waiter. */
class QueueDeadline extends Deadline {
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

/** Rejects a waiter when its caller aborts. */
class WaiterAbort extends AbortNode {
  readonly #waiter: Waiter;

  constructor(waiter: Waiter) {
    super();
    this.#waiter = waiter;
  }

  onAbort(reason: unknown): void {
    this.#waiter.reject(reason);
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
 * A priority queue of waiters. A lower priority number leaves first; within one priority, waiters leave in arrival
 * order. Enqueuing, dequeuing and leaving from any position are O(1). For the first and the last waiter of a priority
 * they are O(log n), where n is the number of distinct priorities in the queue.
 *
 * Uses linked lists instead of ring buffers: a waiter that leaves early leaves no gap, so nothing has to be compacted.
 */
export class WaitingQueue {
  size = 0;
  /** Called when a waiter has reached its queue timeout. It must reject the waiter. */
  readonly #onTimeout: (waiter: Waiter) => void;
  /** Called when the last waiter has left. */
  readonly #onEmpty: () => void;
  readonly #lanes = new LaneHeap<Lane>();
  readonly #timeouts: DeadlineList | undefined;

  constructor(timeouts: DeadlineList | undefined, onTimeout: (waiter: Waiter) => void, onEmpty = () => {}) {
    this.#timeouts = timeouts;
    this.#onTimeout = onTimeout;
    this.#onEmpty = onEmpty;
  }

  /** Adds a waiter at the end of its priority. */
  push(waiter: Waiter, priority: number): void {
    const lane = this.#laneOf(priority);
    waiter.lane = lane;
    waiter.ahead = lane.last;
    if (lane.last === undefined) lane.first = waiter;
    else lane.last.behind = waiter;
    lane.last = waiter;
    this.size++;
    if (this.#timeouts === undefined) return;
    waiter.timeout = new QueueDeadline(waiter, this.#onTimeout);
    this.#timeouts.add(waiter.timeout);
  }

  /** The waiter that leaves next. It remains in the queue until it is admitted or rejected. */
  get first(): Waiter | undefined {
    return this.#lanes.first?.first;
  }

  /** Removes a waiter from any position. */
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
    if (this.size === 0) this.#onEmpty();
  }

  /** Returns the lane of a priority, and creates it if necessary. */
  #laneOf(priority: number): Lane {
    const known = this.#lanes.find(priority);
    if (known !== undefined) return known;
    const lane = new Lane(this, priority);
    this.#lanes.add(lane);
    return lane;
  }
}
