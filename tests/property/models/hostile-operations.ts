import type { CallContext, Operation } from 'breakwater/core';
import type { TestClock } from 'breakwater/testing';
import fc from 'fast-check';

const trap = () => {
  throw new Error('a trap');
};
const trapped = new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap });
const revocable = Proxy.revocable({}, {});
revocable.revoke();

/** The errors of operations and the abort reasons of callers. Properties pick them by index, since fast-check inspects values. */
export const REASONS: readonly unknown[] = [
  new Error('down'),
  Object.freeze(new Error('frozen')),
  Object.assign(new Error('busy'), { retryAfterMs: 30 }),
  new TypeError('a mistake'),
  new DOMException('not the abort of the caller', 'AbortError'),
  'down',
  null,
  0,
  trapped,
  revocable.proxy,
];

const BEHAVIOURS = [
  ...['value', 'later', 'fail', 'fail', 'fail later', 'throw', 'reject with undefined', 'never', 'obey'],
  ...['then throws', 'then cannot be read', 'settle twice', 'never settling thenable', 'trapped value'],
  ...['abort, then value', 'abort, then throw', 'abort, then never', 'reenter'],
] as const;

/** The behaviour of an operation in one attempt. */
export interface Behaviour {
  readonly does: (typeof BEHAVIOURS)[number];
  /** An index of `REASONS`. */
  readonly reason: number;
  readonly ms: number;
}

export const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  does: fc.constantFrom(...BEHAVIOURS),
  reason: fc.nat(REASONS.length - 1),
  ms: fc.constantFrom(1, 10, 40, 200),
});

export interface Surroundings {
  readonly clock: TestClock;
  /** Aborts the call of this operation. */
  abort(): void;
  /** Calls the pipeline that runs this operation. */
  reenter(): Promise<unknown>;
}

/** The timers that operations have set and that have not fired, which are not timers of the library. */
export class OperationTimers {
  pending = 0;

  after<T>(clock: TestClock, ms: number, run: () => T): Promise<T> {
    this.pending++;
    return new Promise((resolve, reject) => {
      clock.setTimeout(() => {
        this.pending--;
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      }, ms);
    });
  }
}

// biome-ignore-start lint/suspicious/noThenProperty: thenables of all kinds are tested here
function thenable(then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void): unknown {
  return { then };
}
const unreadable = {
  get then(): never {
    throw new Error('then cannot be read');
  },
};
// biome-ignore-end lint/suspicious/noThenProperty: end of the thenables

/** An operation whose n-th attempt has the n-th behaviour, in rotation. */
export function hostileOperation(
  behaviours: readonly Behaviour[],
  { clock, abort, reenter }: Surroundings,
  timers: OperationTimers,
): Operation {
  const never = new Promise<never>(() => {});
  return ({ attempt, signal }: CallContext) => {
    const { does, reason: index, ms } = behaviours[(attempt - 1) % behaviours.length] as Behaviour;
    const reason = REASONS[index];
    const fail = (): never => {
      throw reason;
    };
    switch (does) {
      case 'value':
        return does;
      case 'later':
        return timers.after(clock, ms, () => does);
      case 'fail':
        return Promise.reject(reason);
      case 'fail later':
        return timers.after(clock, ms, fail);
      case 'throw':
        return fail();
      case 'reject with undefined':
        return Promise.reject();
      case 'never':
        return never;
      case 'obey':
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      case 'then throws':
        return thenable(fail);
      case 'then cannot be read':
        return unreadable;
      case 'settle twice':
        return thenable((resolve, reject) => {
          resolve(does);
          reject(reason);
          resolve(reason);
          throw reason;
        });
      case 'never settling thenable':
        return thenable(() => {});
      case 'trapped value':
        return trapped;
      case 'abort, then value':
        abort();
        return does;
      case 'abort, then throw':
        abort();
        return fail();
      case 'abort, then never':
        abort();
        return never;
      case 'reenter':
        return reenter();
    }
  };
}
