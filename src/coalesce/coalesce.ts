import { outsideContext } from '../core/ambient.js';
import { anyClock } from '../core/clock.js';
import { asContext, Context, invoke, type Next, type PolicyContext } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkName, readOptions } from '../core/options.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';
import { FlightWaiter, SingleFlight } from '../core/single-flight.js';

/** Options of `coalesce`. */
export interface CoalesceOptions {
  /** The name of the policy in errors and descriptions. @defaultValue 'coalesce' */
  readonly name?: string | undefined;
}

/**
 * A single-flight policy, as `coalesce` creates it: at most one operation per key runs at a time, for any number of
 * callers.
 */
export interface Coalesce extends Policy {
  /** The number of running operations that a call with the same key would join. */
  readonly running: number;
}

/**
 * Creates a single-flight policy. While the operation of a key is running, further calls with that key wait for it
 * instead of starting their own, and all of them receive its value or its error. Nothing is cached: the first call
 * after the operation has ended starts a new one.
 *
 * The abort of a caller, and a timeout outside this policy, ends only that caller's wait. When the last caller has
 * left, the operation is aborted. The operation therefore has its own signal and no deadline. It is the operation of
 * the first caller, and it runs in that caller's async context and with that caller's `classify`: calls with the same
 * key must be interchangeable.
 *
 * Use it only for operations whose result may be shared: for reads, never for payments. A `Response` can be read only
 * once, so read it inside the operation, as in the example. `resilientFetch` does not accept this policy: the key of
 * its calls is the origin, so one caller would get the response to another request. O(1) per call.
 *
 * @throws InvalidOptionError for invalid options. A call without a key rejects with this error.
 * @example
 * ```ts
 * const once = coalesce();
 * const load = (id: string) =>
 *   once.execute(({ signal }) => fetch(`https://example.com/${id}`, { signal }).then((it) => it.json()), { key: id });
 * await Promise.all([load('7'), load('7')]); // one request
 * ```
 */
export function coalesce(options?: CoalesceOptions): Coalesce {
  return new CoalescePolicy(options);
}

class CoalescePolicy extends BasePolicy implements Coalesce {
  readonly #running = new Map<string, SingleFlight<unknown>>();

  constructor(options?: CoalesceOptions) {
    const own = readOptions('coalesce', options, { name: 'coalesce' });
    super(checkName('coalesce', own.name), anyClock);
  }

  get running(): number {
    return this.#running.size;
  }

  describe(): PolicyDescription {
    return { kind: 'coalesce', name: this.name };
  }

  run(next: Next, outside: PolicyContext): Promise<unknown> {
    const context = asContext(outside);
    const { key, scope } = context;
    if (context.aborted) return Promise.reject(context.reason);
    if (key === undefined) {
      const rule = 'must be a string: calls with the same key share one operation';
      return Promise.reject(new InvalidOptionError(this.name, 'key', rule, key));
    }
    const waiter = new FlightWaiter<unknown>();
    scope?.enter(waiter);
    let running = this.#running.get(key);
    if (running?.rejectIfLost()) running = undefined;
    const flight = running ?? this.#createFlight(key);
    flight.join(waiter);
    if (running === undefined) this.#start(flight, key, next, context);
    return waiter.promise;
  }

  #createFlight(key: string): SingleFlight<unknown> {
    const flight = new SingleFlight<unknown>(() => this.#removeFlight(flight, key));
    this.#running.set(key, flight);
    return flight;
  }

  /** Starts the operation outside every caller's abort scope and request context: an abort ends a caller's wait, not the operation. */
  #start(flight: SingleFlight<unknown>, key: string, next: Next, { clock, operation, terms, attempt }: Context): void {
    const context = new Context(clock, operation, terms, attempt, undefined, flight.scope);
    outsideContext(() => invoke(next, context)).then(
      (value) => {
        this.#removeFlight(flight, key);
        for (const waiter of flight.settle()) waiter.resolve(value);
      },
      (error) => {
        this.#removeFlight(flight, key);
        for (const waiter of flight.settle()) waiter.reject(error);
      },
    );
  }

  #removeFlight(flight: SingleFlight<unknown>, key: string): void {
    if (this.#running.get(key) === flight) this.#running.delete(key);
  }
}
