import { BracketPolicy } from '../core/bracket-policy.js';
import { anyClock, type Clock, checkClock, isAnyClock, isSameClock, systemClock } from '../core/clock.js';
import { asContext, type Context, type Frame, type Next, type PolicyContext } from '../core/context.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { leave } from '../core/frame.js';
import { checkFunction, checkInteger, checkName, given, NOTHING, readOptions } from '../core/options.js';
import { BasePolicy, type CallOptions, type Policy, type PolicyDescription, runPolicy } from '../core/policy.js';
import { type Member, MemberTable } from './member-table.js';

export interface KeyedOptions {
  /** How many keys are kept: an integer ≥ 1. @defaultValue 1000 */
  readonly maxKeys?: number | undefined;
  /** A key that was not used for so long is forgotten. Above 0; `Infinity` allowed. @defaultValue '10m' */
  readonly idleFor?: Duration | undefined;
  /** @defaultValue 'keyed' */
  readonly name?: string | undefined;
  /** What `idleFor` is measured by; members that look at a clock must share it. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** One policy for each key: `execute(operation, { key })` picks. */
export interface Keyed<P extends Policy<unknown>> extends Policy<P extends Policy<infer Adds> ? Adds : never> {
  /** The member of this key, made if need be. */
  for(key: string): P;
  /** How many keys are kept. */
  readonly size: number;
  /** Forgets a key. Calls in flight go on with the old member; the next one starts with a new one. */
  delete(key: string): boolean;
  /** The keys, what goes first at the front. */
  keys(): IterableIterator<string>;
}

/**
 * A bounded family of policies, one for each key: a breaker for each host, a bulkhead for each tenant.
 *
 * When there are more keys than `maxKeys`, the one unused for longest is forgotten, those whose breaker is closed before
 * those whose breaker is open: forgetting an open breaker would let the calls through again. A key with calls in flight
 * through the family is never forgotten, nor is one that was isolated or disabled by hand; `size` may exceed `maxKeys`
 * by as many.
 *
 * O(1) a call beyond the member's own; no timer: idle keys are dropped when the family is used.
 *
 * @throws InvalidOptionError for options that cannot work, and, as a rejection, for a call without a key.
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
  /** Members made one after the other mostly have equal rules, of which each takes over the one copy. */
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
    throw new InvalidOptionError('keyed', 'make', 'must give its policies the clock of the call', own);
  }

  /** A family without a clock of its own goes by that of its members. */
  override clockOf(options: CallOptions): Clock {
    if (!isAnyClock(this.clock)) return this.clock;
    const key = this.#checkKey(NOTHING.key === undefined ? options.key : given(options, 'key'));
    return (this.#members.peek(key) ?? this.#member(key, this.clock.now())).policy.clock;
  }

  #checkKey(key: string | undefined): string {
    if (typeof key === 'string') return key;
    throw new InvalidOptionError(this.name, 'key', 'must be a string: a keyed policy picks by it', key);
  }

  /** A key with calls in flight is not idle, whatever the clock says. */
  #memberInUse(key: string): Member<P> {
    const known = this.#members.peek(key);
    return known !== undefined && known.inFlight > 0 ? known : this.#member(key, this.clock.now());
  }

  /** The member of the key, made if there is none or it has been idle for too long. */
  #member(key: string, now: number): Member<P> {
    this.#members.forgetIdle(now);
    const known = this.#members.peek(key);
    if (known !== undefined) return known;
    const policy = this.#checkPolicy(this.#make(key));
    if (policy instanceof BasePolicy) {
      if (this.#lastMade !== undefined) policy.shareRules(this.#lastMade);
      this.#lastMade = policy;
    }
    return this.#members.peek(key) ?? this.#members.add(key, policy, now); // the factory may have asked for the key
  }

  #checkPolicy(policy: P): P {
    if (typeof policy?.run === 'function') return policy;
    throw new InvalidOptionError('keyed', 'make', 'must return a policy', policy);
  }
}

/** A call that uses a key. */
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

  /** Other policies of the call have their own reactions. */
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
