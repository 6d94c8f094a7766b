import type { Policy } from '../core/policy.js';

/** One key with its policy: its own node in the list of those that may be forgotten. */
export interface Member<P> {
  readonly key: string;
  readonly policy: P;
  inFlight: number;
  lastUsed: number;
  /** Whether the key still leads here: a key in use may be deleted. */
  isKept: boolean;
  list: MemberList<P> | undefined;
  previous: Member<P> | undefined;
  next: Member<P> | undefined;
}

/** Members in the order of their last use, the longest unused first. */
class MemberList<P> {
  first: Member<P> | undefined = undefined;
  #last: Member<P> | undefined = undefined;

  push(member: Member<P>): void {
    member.list?.remove(member);
    member.list = this;
    member.previous = this.#last;
    if (this.#last === undefined) this.first = member;
    else this.#last.next = member;
    this.#last = member;
  }

  remove(member: Member<P>): void {
    const { previous, next } = member;
    if (member.list !== this) return;
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
 * first before the second is touched. Whose turn it is, and has a breaker that is not closed, goes to the second list
 * instead: nobody's state is asked for before that. Everything is O(1).
 */
export class MemberTable<P extends Policy<unknown>> {
  readonly #maxKeys: number;
  readonly #idleMs: number;
  readonly #byKey = new Map<string, Member<P>>();
  readonly #idle = new MemberList<P>();
  readonly #protected = new MemberList<P>();

  constructor(maxKeys: number, idleMs: number) {
    this.#maxKeys = maxKeys;
    this.#idleMs = idleMs;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Without counting as a use. */
  peek(key: string): Member<P> | undefined {
    return this.#byKey.get(key);
  }

  add(key: string, policy: P, now: number): Member<P> {
    const member: Member<P> = {
      key,
      policy,
      inFlight: 0,
      lastUsed: now,
      isKept: true,
      list: undefined,
      previous: undefined,
      next: undefined,
    };
    this.#byKey.set(key, member);
    this.#evict(); // before it is listed: a newcomer does not make room for itself
    this.#list(member, this.#idle);
    return member;
  }

  enter(member: Member<P>): void {
    member.inFlight++;
    member.list?.remove(member);
  }

  leave(member: Member<P>, now: number): void {
    member.inFlight--;
    member.lastUsed = now;
    this.#list(member, this.#idle);
    this.forgetIdle(now);
    this.#evict();
  }

  /** Lists a member that may be forgotten: it is idle, and has not been forgotten. */
  #list(member: Member<P>, list: MemberList<P>): void {
    if (member.inFlight === 0 && member.isKept) list.push(member);
  }

  delete(key: string): boolean {
    const member = this.#byKey.get(key);
    if (member === undefined) return false;
    member.list?.remove(member);
    member.isKept = false;
    return this.#byKey.delete(key);
  }

  forgetIdle(now: number): void {
    if (this.#idleMs === Infinity) return;
    this.#forgetIdleOf(this.#idle, now);
    this.#forgetIdleOf(this.#protected, now);
  }

  #forgetIdleOf(list: MemberList<P>, now: number): void {
    while (list.first !== undefined && now - list.first.lastUsed >= this.#idleMs) {
      if (isManuallyControlled(list.first.policy)) this.touch(list.first, now);
      else this.delete(list.first.key);
    }
  }

  *keys(): IterableIterator<string> {
    const resting = [...this.#idle];
    const guarding = new Set(resting.filter(({ policy }) => hasOpenBreaker(policy)));
    for (const member of resting) if (!guarding.has(member)) yield member.key;
    for (const member of [...this.#protected, ...guarding]) yield member.key;
    for (const member of [...this.#byKey.values()]) if (member.list === undefined) yield member.key;
  }

  /** Counts as a use. */
  touch(member: Member<P>, now: number): void {
    member.lastUsed = now;
    member.list?.push(member);
  }

  #evict(): void {
    // Each round either forgets one or puts one where it belongs, and the second cannot happen twice to the same.
    for (let rounds = 2 * this.#byKey.size; this.#byKey.size > this.#maxKeys && rounds > 0; rounds--) {
      const first = this.#idle.first ?? this.#protected.first;
      if (first === undefined) return; // all the others are in flight
      const wasResting = first.list === this.#idle;
      const stays = isManuallyControlled(first.policy) || (wasResting && hasOpenBreaker(first.policy));
      if (first.inFlight > 0) continue; // asking for its state let time catch up, and a listener has called it
      if (stays) this.#list(first, this.#protected);
      else this.delete(first.key);
    }
  }
}

/** Whether there is a breaker in it that is not closed. */
function hasOpenBreaker(policy: object): boolean {
  return hasState(policy, (state) => state !== 'closed');
}

/** Whether somebody has isolated or disabled it: forgetting that would quietly undo it. */
function isManuallyControlled(policy: object): boolean {
  return hasState(policy, (state) => state === 'isolated' || state === 'disabled');
}

/** Read off the members' shape, so as not to import the patterns. */
function hasState(policy: object, test: (state: string) => boolean): boolean {
  const { state, policies } = policy as { state?: unknown; policies?: unknown };
  if (typeof state === 'string') return test(state);
  return Array.isArray(policies) && policies.some((member) => hasState(member, test));
}
