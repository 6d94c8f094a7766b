import { BracketPolicy } from '../core/bracket-policy.js';
import { anyClock, type Clock, checkClock, isAnyClock, isSameClock, systemClock } from '../core/clock.js';
import { asContext, type Context, type Frame, type Next, type PolicyContext } from '../core/context.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { leave } from '../core/frame.js';
import { checkFunction, checkInteger, checkName, given, NOTHING, readOptions } from '../core/options.js';
import { BasePolicy, type CallOptions, type Policy, type PolicyDescription, runPolicy } from '../core/policy.js';
import { type Member, MemberTable } from './member-table.js';

/** Options of `keyed`. */
export interface KeyedOptions {
  /** The maximum number of keys: an integer ≥ 1. Set it above the number of keys in regular use. @defaultValue 1000 */
  readonly maxKeys?: number | undefined;
  /** The time after which an unused key is removed: a duration above 0, or `Infinity`. @defaultValue '10m' */
  readonly idleFor?: Duration | undefined;
  /** The name of the policy in errors and descriptions. @defaultValue 'keyed' */
  readonly name?: string | undefined;
  /** The clock that measures `idleFor`. Members that read a clock must use the same one. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** A keyed policy, as `keyed` creates it: `execute(operation, { key })` runs under the member of the key. */
export interface Keyed<P extends Policy<unknown>> extends Policy<P extends Policy<infer Adds> ? Adds : never> {
  /** Returns the member of a key, and creates it if necessary. */
  for(key: string): P;
  /** Returns the member of a key, or undefined if there is none. This does not count as a use of the key. */
  peek(key: string): P | undefined;
  /** The number of keys in the family. */
  readonly size: number;
  /**
   * Removes a key. Returns whether it was in the family. Calls in flight continue with the old member; the next call
   * creates a new one.
   */
  delete(key: string): boolean;
  /** Iterates over the keys, in the order in which they would be removed. */
  keys(): IterableIterator<string>;
}

/**
 * Creates a bounded family of policies, one for each key: a breaker for each host, a bulkhead for each tenant.
 *
 * If the number of keys exceeds `maxKeys`, the key that was unused for longest is removed. Keys whose breaker is closed
 * are removed before keys whose breaker is not: removing an open breaker would let its calls through again. A key with
 * calls in flight through the family is never removed, and neither is a key whose breaker is isolated or disabled;
 * `size` may exceed `maxKeys` by the number of such keys.
 *
 * O(1) per call in addition to the member's own cost. There is no timer: idle keys are removed when the family is used.
 *
 * @throws InvalidOptionError for invalid options. A call without a key rejects with this error.
 * @example
 * ```ts
 * const breakers = keyed((host) => circuitBreaker({ name: host }), { maxKeys: 500 });
 * const load = (url: URL) => breakers.execute(({ signal }) => fetch(url, { signal }), { key: url.host });
 * console.log(breakers.for('example.com').state);
 * ```
 */
export function keyed<P extends Policy<unknown>>(make: (key: string) => P, options?: KeyedOptions): Keyed<P> {
  return new KeyedPolicy<P>(make, options) as unknown as Keyed<P>;
}

class KeyedPolicy<P extends Policy<unknown>> extends BasePolicy<unknown> {
  readonly #make: (key: string) => P;
  readonly #members: MemberTable<P>;
  /**
   * The member that was created last. Successive members usually have equal rules, so each adopts the rules object of
   * the one before.
   */
  #lastMade: BasePolicy<unknown> | undefined = undefined;

  constructor(make: (key: string) => P, options?: KeyedOptions) {
    const owner = 'keyed';
    const own = readOptions(owner, options, { maxKeys: 1000, idleFor: '10m', name: owner, clock: undefined });
    super(checkName(owner, own.name), own.clock === undefined ? anyClock : checkClock(owner, own.clock));
    this.#make = checkFunction(owner, 'make', make);
    const maxKeys = checkInteger(owner, 'maxKeys', own.maxKeys, { min: 1 });
    const idleMs = toMs(owner, 'idleFor', own.idleFor, { orInfinity: true });
    this.#members = new MemberTable(maxKeys, idleMs);
  }

  get size(): number {
    this.#members.forgetIdle(this.clock.now());
    return this.#members.size;
  }

  for(key: string): P {
    const now = this.clock.now();
    const member = this.#member(this.#checkKey(key), now);
    this.#members.touch(member, now);
    return member.policy;
  }

  peek(key: string): P | undefined {
    this.#members.forgetIdle(this.clock.now());
    return this.#members.peek(key)?.policy;
  }

  delete(key: string): boolean {
    return this.#members.delete(key);
  }

  keys(): IterableIterator<string> {
    this.#members.forgetIdle(this.clock.now());
    return this.#members.keys();
  }

  describe(): PolicyDescription {
    return { kind: 'keyed', name: this.name, size: this.#members.size };
  }

  run(next: Next, context: PolicyContext): Promise<unknown> {
    let member: Member<P>;
    try {
      member = this.#memberFor(context);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#members.enter(member);
    const frame = new KeyInUse(asContext(context), this.#members, member, this.clock);
    const { policy } = member;
    if (policy instanceof BracketPolicy) return policy.runInside(frame, next, frame.inside);
    return leave(frame, runPolicy(policy, next, context));
  }

  #memberFor({ key, clock }: PolicyContext): Member<P> {
    const member = this.#memberInUse(this.#checkKey(key));
    const own = member.policy.clock;
    if (isAnyClock(own) || isSameClock(own, isAnyClock(clock) ? systemClock : clock)) return member;
    throw new InvalidOptionError('keyed', 'make', 'must return policies that use the clock of the call', own);
  }

  /** Returns the clock of a call. A family without a clock of its own uses that of the member. */
  override clockOf(options: CallOptions): Clock {
    if (!isAnyClock(this.clock)) return this.clock;
    const key = this.#checkKey(NOTHING.key === undefined ? options.key : given(options, 'key'));
    return (this.#members.peek(key) ?? this.#member(key, this.clock.now())).policy.clock;
  }

  #checkKey(key: string | undefined): string {
    if (typeof key === 'string') return key;
    throw new InvalidOptionError(this.name, 'key', 'must be a string: it selects the policy of the call', key);
  }

  /** Returns the member for a call. A key with calls in flight is not idle, regardless of the time. */
  #memberInUse(key: string): Member<P> {
    const known = this.#members.peek(key);
    return known !== undefined && known.inFlight > 0 ? known : this.#member(key, this.clock.now());
  }

  /** Returns the member of a key. Creates it if there is none, or if the old one was idle for too long. */
  #member(key: string, now: number): Member<P> {
    this.#members.forgetIdle(now);
    const known = this.#members.peek(key);
    if (known !== undefined) return known;
    const policy = this.#checkPolicy(this.#make(key));
    if (policy instanceof BasePolicy) {
      if (this.#lastMade !== undefined) policy.shareRules(this.#lastMade);
      this.#lastMade = policy;
    }
    // `make` may have called `for` with the same key.
    return this.#members.peek(key) ?? this.#members.add(key, policy, now);
  }

  #checkPolicy(policy: P): P {
    if (typeof policy?.run === 'function') return policy;
    throw new InvalidOptionError('keyed', 'make', 'must return a policy', policy);
  }
}

/** The frame of a call that uses a key. */
class KeyInUse<P extends Policy<unknown>> implements Frame {
  readonly inside: Context;
  readonly #members: MemberTable<P>;
  readonly #member: Member<P>;
  readonly #clock: Clock;

  constructor(context: Context, members: MemberTable<P>, member: Member<P>, clock: Clock) {
    this.inside = context;
    this.#members = members;
    this.#member = member;
    this.#clock = clock;
  }

  /** Undefined: the outer policies of the call have their own reactions. */
  get outer(): undefined {
    return undefined;
  }

  onValue(): void {
    this.#members.leave(this.#member, this.#clock.now());
  }

  onError(error: unknown): unknown {
    this.#members.leave(this.#member, this.#clock.now());
    return error;
  }
}
