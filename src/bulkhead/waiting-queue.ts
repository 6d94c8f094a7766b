import { AbortNode, type AbortScope } from '../core/abort-scope.js';
import { Deadline, type DeadlineList } from '../core/deadline-list.js';
import { RequestLife, timersBelongToRequests } from '../core/request-life.js';
import { LaneHeap } from './lane-heap.js';
import type { QueueState } from './queue-discipline.js';

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
  readonly #onTimeout: (waiter: Waiter, timeoutMs: number) => void;

  constructor(waiter: Waiter, onTimeout: (waiter: Waiter, timeoutMs: number) => void) {
    super();
    this.#waiter = waiter;
    this.#onTimeout = onTimeout;
  }

  onDue(timeoutMs: number): void {
    this.#onTimeout(this.#waiter, timeoutMs);
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
  /** The lane in the heap of the least important lanes; undefined without one. */
  declare reversed?: ReversedLane;

  constructor(queue: WaitingQueue, priority: number) {
    this.queue = queue;
    this.priority = priority;
  }
}

/** A lane in the heap that keeps the least important lane at the front. */
class ReversedLane {
  readonly lane: Lane;
  readonly priority: number;
  index = 0;

  constructor(lane: Lane) {
    this.lane = lane;
    this.priority = -lane.priority;
  }
}

/** What a queue is made from. */
export interface WaitingQueueInit {
  readonly timeouts: DeadlineList | undefined;
  /** Called when a waiter has reached its queue timeout. It must reject the waiter. */
  readonly onTimeout: (waiter: Waiter, timeoutMs: number) => void;
  /** The state of the discipline; undefined for arrival order. */
  readonly discipline?: QueueState | undefined;
  /** Called when the discipline drops a waiter. It must reject the waiter. */
  readonly onOverdue?: (waiter: Waiter, waitedMs: number) => void;
  /** Whether `lowestAbove` is used. */
  readonly evicts?: boolean;
  /** Called when the last waiter has left. */
  readonly onEmpty?: () => void;
}

/**
 * A priority queue of waiters. A lower priority number leaves first; within one priority, waiters leave in arrival
 * order, unless a discipline decides otherwise. Enqueuing, dequeuing and leaving from any position are O(1). For the
 * first and the last waiter of a priority they are O(log n), where n is the number of distinct priorities in the queue.
 *
 * Uses linked lists instead of ring buffers: a waiter that leaves early leaves no gap, so nothing has to be compacted.
 */
export class WaitingQueue {
  size = 0;
  readonly #lanes = new LaneHeap<Lane>();
  /** The least important lane first; undefined if waiters are never evicted. */
  readonly #lowest: LaneHeap<ReversedLane> | undefined;
  /** The deadlines of waiters that are added from now on; undefined if they have none. */
  timeouts: DeadlineList | undefined;
  readonly #onTimeout: (waiter: Waiter, timeoutMs: number) => void;
  readonly #onOverdue: (waiter: Waiter, waitedMs: number) => void;
  readonly #onEmpty: () => void;
  #discipline: QueueState | undefined;

  constructor(init: WaitingQueueInit) {
    this.timeouts = init.timeouts;
    this.#onTimeout = init.onTimeout;
    this.#onOverdue = init.onOverdue ?? (() => {});
    this.#onEmpty = init.onEmpty ?? (() => {});
    this.#lowest = init.evicts === true ? new LaneHeap() : undefined;
    this.#discipline = init.discipline;
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
    this.#discipline?.add(waiter);
    if (this.timeouts === undefined) return;
    waiter.timeout = new QueueDeadline(waiter, this.#onTimeout);
    this.timeouts.add(waiter.timeout);
  }

  /** The oldest waiter of the most important priority. */
  get first(): Waiter | undefined {
    return this.#lanes.first?.first;
  }

  /**
   * Returns the waiter to admit now, which remains in the queue until it is admitted. Rejects the waiters that the
   * discipline drops, but never the newest one of the most important priority: a free slot is always used.
   */
  next(): Waiter | undefined {
    const discipline = this.#discipline;
    if (discipline === undefined || this.#lanes.first === undefined) return this.first;
    const isPersistent = discipline.isPersistent();
    if (isPersistent) this.rejectOverdue(this.#lanes.first.last);
    const lane = this.#lanes.first; // a listener may have emptied the queue
    return isPersistent && discipline.isNewestFirst ? lane?.last : lane?.first;
  }

  /** Rejects the waiters that the discipline drops, except one that is about to be admitted. */
  rejectOverdue(admitted?: Waiter): void {
    const discipline = this.#discipline;
    if (discipline === undefined || !discipline.isPersistent()) return;
    for (let late = discipline.overdue(); late !== undefined; late = discipline.overdue()) {
      const [waiter, waitedMs] = late as readonly [Waiter, number];
      if (waiter === admitted) discipline.remove(waiter);
      else this.#onOverdue(waiter, waitedMs);
    }
  }

  /** Returns the newest waiter of the lowest priority, if that is less important than the given one. */
  lowestAbove(priority: number): Waiter | undefined {
    const lane = this.#lowest?.first?.lane;
    return lane !== undefined && lane.priority > priority ? lane.last : undefined;
  }

  /** Lets the discipline treat all waiters as if they had just arrived. */
  restartDiscipline(): void {
    this.#discipline?.restart();
  }

  /** Ends the discipline: from now on no waiter is dropped. */
  endDiscipline(): void {
    this.#discipline = undefined;
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
    this.#discipline?.remove(waiter);
    if (lane.first === undefined) {
      this.#lanes.remove(lane);
      if (lane.reversed !== undefined) this.#lowest?.remove(lane.reversed);
    }
    if (waiter.timeout !== undefined) waiter.timeout.list?.remove(waiter.timeout);
    if (this.size === 0) this.#onEmpty();
  }

  /** Returns the lane of a priority, and creates it if necessary. */
  #laneOf(priority: number): Lane {
    const known = this.#lanes.find(priority);
    if (known !== undefined) return known;
    const lane = new Lane(this, priority);
    this.#lanes.add(lane);
    if (this.#lowest !== undefined) {
      lane.reversed = new ReversedLane(lane);
      this.#lowest.add(lane.reversed);
    }
    return lane;
  }
}
