import type { Policy } from '../core/policy.js';

/** A member: a key with its policy. It is its own node in the list of removable members. */
export interface Member<P> {
  readonly key: string;
  readonly policy: P;
  /** The number of calls in flight through the family. */
  inFlight: number;
  /** The time of the last use, on the family's clock. */
  lastUsed: number;
  /** Whether the table still maps the key to this member. A key can be deleted while its member has calls in flight. */
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
 * The members by key. Members without calls in flight are in one of two lists. Members are removed from the front of
 * the idle list first, and from the protected list only when the idle list is empty. When a member reaches the front of
 * the idle list and its breaker is not closed, it moves to the protected list; the state of a breaker is not read
 * before that. All operations are O(1).
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

  /** Returns a member without counting this as a use. */
  peek(key: string): Member<P> | undefined {
    return this.#byKey.get(key);
  }

  /** Adds a member, and removes others if there are more than `maxKeys`. */
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
    this.#evict(); // before the new member is listed, so that it does not evict itself
    this.#list(member, this.#idle);
    return member;
  }

  /** Counts a call that begins. A member in use is in no list. */
  enter(member: Member<P>): void {
    member.inFlight++;
    member.list?.remove(member);
  }

  /** Counts a call that ends, and removes members that are idle for too long or too many. */
  leave(member: Member<P>, now: number): void {
    member.inFlight--;
    member.lastUsed = now;
    this.#list(member, this.#idle);
    this.forgetIdle(now);
    this.#evict();
  }

  /** Adds a member to a list if it may be removed: it has no calls in flight and is still in the table. */
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

  /** Removes members that were unused for longer than `idleFor`. */
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
    const idle = [...this.#idle];
    const withOpenBreaker = new Set(idle.filter(({ policy }) => hasOpenBreaker(policy)));
    for (const member of idle) if (!withOpenBreaker.has(member)) yield member.key;
    for (const member of [...this.#protected, ...withOpenBreaker]) yield member.key;
    for (const member of [...this.#byKey.values()]) if (member.list === undefined) yield member.key;
  }

  /** Counts a use. */
  touch(member: Member<P>, now: number): void {
    member.lastUsed = now;
    member.list?.push(member);
  }

  /** Removes members until there are at most `maxKeys`, or none may be removed. */
  #evict(): void {
    // Each iteration removes a member or moves it to the protected list, and a member is moved at most once.
    for (let rounds = 2 * this.#byKey.size; this.#byKey.size > this.#maxKeys && rounds > 0; rounds--) {
      const first = this.#idle.first ?? this.#protected.first;
      if (first === undefined) return; // all members are in flight
      const wasIdle = first.list === this.#idle;
      const mustStay = isManuallyControlled(first.policy) || (wasIdle && hasOpenBreaker(first.policy));
      // Reading the breaker's state has applied due transitions, and a listener may have started a call.
      if (first.inFlight > 0) continue;
      if (mustStay) this.#list(first, this.#protected);
      else this.delete(first.key);
    }
  }
}

/** Whether the policy contains a breaker that is not closed. */
function hasOpenBreaker(policy: object): boolean {
  return hasState(policy, (state) => state !== 'closed');
}

/** Whether the policy contains a breaker that is isolated or disabled: removing it would silently end the override. */
function isManuallyControlled(policy: object): boolean {
  return hasState(policy, (state) => state === 'isolated' || state === 'disabled');
}

/**
 * Whether a breaker in the policy has a state that passes the test. Reads the properties of the members, to avoid
 * importing the patterns.
 */
function hasState(policy: object, test: (state: string) => boolean): boolean {
  const { state, policies } = policy as { state?: unknown; policies?: unknown };
  if (typeof state === 'string') return test(state);
  return Array.isArray(policies) && policies.some((member) => hasState(member, test));
}
