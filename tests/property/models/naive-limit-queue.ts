/** What has become of a call. */
export type Fate = 'waiting' | 'running' | 'ended' | 'full' | 'evicted' | 'late' | 'aborted';

interface Waiter {
  readonly id: number;
  readonly priority: number;
  readonly at: number;
}

export interface NaiveLimitOptions {
  readonly slots: number;
  readonly maxQueue: number;
  readonly evicts: boolean;
  /** Controlled delay; undefined for arrival order. */
  readonly codel: { readonly target: number; readonly interval: number; readonly lifo: boolean } | undefined;
}

/** A limit with a queue, as the documentation describes it: a list that is searched from end to end. */
export class NaiveLimit {
  readonly fates: Fate[] = [];
  now = 0;
  #waiting: readonly Waiter[] = [];
  #emptyAt = 0;
  readonly #options: NaiveLimitOptions;

  constructor(options: NaiveLimitOptions) {
    this.#options = options;
  }

  ids(fate: Fate): number[] {
    return this.fates.flatMap((one, id) => (one === fate ? [id] : []));
  }

  join(priority: number): void {
    const { slots, maxQueue, evicts } = this.#options;
    const id = this.fates.push('full') - 1;
    if (this.ids('running').length < slots) {
      this.fates[id] = 'running';
      return;
    }
    if (this.#waiting.length >= maxQueue && this.#isPersistent) this.#rejectLate(undefined);
    if (this.#waiting.length >= maxQueue) {
      const lowest = Math.max(...this.#waiting.map((waiter) => waiter.priority));
      if (!evicts || !(lowest > priority)) return;
      this.#leave(this.#waiting.findLast((waiter) => waiter.priority === lowest)!, 'evicted');
    }
    if (this.#waiting.length === 0) this.#emptyAt = this.now;
    this.#waiting = [...this.#waiting, { id, priority, at: this.now }];
    this.fates[id] = 'waiting';
  }

  end(id: number): void {
    this.fates[id] = 'ended';
    const isPersistent = this.#isPersistent;
    const first = () => {
      const highest = Math.min(...this.#waiting.map(({ priority }) => priority));
      return this.#waiting.filter(({ priority }) => priority === highest);
    };
    if (isPersistent) this.#rejectLate(first().at(-1));
    const next = first().at(isPersistent && this.#options.codel?.lifo ? -1 : 0);
    if (next !== undefined) this.#leave(next, 'running');
  }

  abort(id: number): void {
    this.#leave(this.#waiting.find((waiter) => waiter.id === id)!, 'aborted');
  }

  get #isPersistent(): boolean {
    const { codel } = this.#options;
    return codel !== undefined && this.#waiting.length > 0 && this.now - this.#emptyAt >= codel.interval;
  }

  #rejectLate(except: Waiter | undefined): void {
    const { target } = this.#options.codel!;
    for (const waiter of this.#waiting) {
      if (waiter !== except && this.now - waiter.at > target) this.#leave(waiter, 'late');
    }
  }

  #leave(left: Waiter, fate: Fate): void {
    this.#waiting = this.#waiting.filter((waiter) => waiter !== left);
    this.fates[left.id] = fate;
  }
}
