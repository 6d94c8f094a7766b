import type { Policy } from '../core/policy.js';

/** One key with its policy: its own node in the list of those that may be forgotten. */
export interface Member<P> {
  readonly key: string;
  readonly policy: P;
  inFlight: number;
  lastUsed: number;
  list: MemberList<P> | undefined;
  previous: Member<P> | undefined;
  next: Member<P> | undefined;
}

/** Members in the order of their last use, the longest unused first. */
class MemberList<P> {
  first: Member<P> | undefined = undefined;
  #last: Member<P> | undefined = undefined;

  push(member: Member<P>): void {
    member.list = this;
    member.previous = this.#last;
    if (this.#last === undefined) this.first = member;
    else this.#last.next = member;
    this.#last = member;
  }

  remove(member: Member<P>): void {
    const { previous, next } = member;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    member.list = undefined;
    member.previous = undefined;
    member.next = undefined;
  }

  *[Symbol.iterator](): Iterator<Member<P>> {
    for (let member = this.first; member !== undefined; member = member.next) yield member;
  }
}

/**
 * The members by key. Those that nobody is using stand in one of two lists, and are forgotten from the front of the
 * first before the second is touched: resting ones, then those with a breaker that is not closed. Everything is O(1).
 */
export class MemberTable<P extends Policy<unknown>> {
  readonly #maxKeys: number;
  readonly #idleMs: number;
  readonly #byKey = new Map<string, Member<P>>();
  readonly #resting = new MemberList<P>();
  readonly #guarding = new MemberList<P>();

  constructor(maxKeys: number, idleMs: number) {
    this.#maxKeys = maxKeys;
    this.#idleMs = idleMs;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string, now: number): Member<P> | undefined {
    const member = this.#byKey.get(key);
    if (member !== undefined) this.#touch(member, now);
    return member;
  }

  add(key: string, policy: P, now: number): Member<P> {
    const member: Member<P> = {
      key,
      policy,
      inFlight: 0,
      lastUsed: now,
      list: undefined,
      previous: undefined,
      next: undefined,
    };
    this.#byKey.set(key, member);
    this.#evict(); // before it is listed: a newcomer does not make room for itself
    this.#resting.push(member);
    return member;
  }

  enter(member: Member<P>): void {
    member.inFlight++;
    member.list?.remove(member);
  }

  leave(member: Member<P>, now: number): void {
    member.inFlight--;
    member.lastUsed = now;
    if (member.inFlight > 0 || this.#byKey.get(member.key) !== member) return;
    this.#listFor(member).push(member);
    this.#evict();
  }

  delete(key: string): boolean {
    const member = this.#byKey.get(key);
    member?.list?.remove(member);
    return this.#byKey.delete(key);
  }

  forgetIdle(now: number): void {
    if (this.#idleMs === Infinity) return;
    for (const list of [this.#resting, this.#guarding]) {
      while (list.first !== undefined && now - list.first.lastUsed >= this.#idleMs) this.delete(list.first.key);
    }
  }

  *keys(): IterableIterator<string> {
    for (const member of [...this.#resting, ...this.#guarding]) yield member.key;
    for (const member of [...this.#byKey.values()]) if (member.list === undefined) yield member.key;
  }

  #touch(member: Member<P>, now: number): void {
    member.lastUsed = now;
    if (member.list === undefined) return;
    const { list } = member;
    list.remove(member);
    list.push(member);
  }

  #evict(): void {
    while (this.#byKey.size > this.#maxKeys) {
      const first = this.#resting.first ?? this.#guarding.first;
      if (first === undefined) return; // all the others are in flight
      if (first.list === this.#resting && isGuarding(first.policy)) {
        // It was opened by hand, or used past the family, since it was listed.
        this.#resting.remove(first);
        this.#guarding.push(first);
      } else this.delete(first.key);
    }
  }

  #listFor(member: Member<P>): MemberList<P> {
    return isGuarding(member.policy) ? this.#guarding : this.#resting;
  }
}

/** Whether there is a breaker in it that is not closed. Read off the members' shape, so as not to import the patterns. */
function isGuarding(policy: object): boolean {
  const { state, policies } = policy as { state?: unknown; policies?: unknown };
  if (typeof state === 'string') return state !== 'closed';
  return Array.isArray(policies) && policies.some(isGuarding);
}
