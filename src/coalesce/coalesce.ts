import { anyClock } from '../core/clock.js';
import { asContext, Context, invoke, type Next, type PolicyContext } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkName, readOptions } from '../core/options.js';
import { BasePolicy, type Policy, type PolicyDescription } from '../core/policy.js';
import { FlightWaiter, SingleFlight } from '../core/single-flight.js';

export interface CoalesceOptions {
  /** @defaultValue 'coalesce' */
  readonly name?: string | undefined;
}

/** One operation at a time for each key, for however many callers. */
export interface Coalesce extends Policy {
  /** How many operations are running that a caller could join. */
  readonly running: number;
}

/**
 * Single flight: while the operation of a key is running, further calls with that key wait for it instead of starting
 * their own, and all have its outcome, be it a value or an error. Nothing is kept: the next call after it starts anew.
 *
 * Each caller's abort, and each timeout outside, ends only that caller's wait; when the last one has left, the operation
 * is aborted. So it has no caller's signal or deadline, but one of its own. What it is, is up to the first caller: calls
 * with one key must mean one and the same thing. It runs in that caller's async context, under his `classify`.
 *
 * Only for what may be shared: a read, never a payment. A `Response` can be read once, so it is to be read inside the
 * operation, as below. `resilientFetch` refuses this policy: the key of its calls is the origin, which would give a caller
 * the response to another request. O(1) a call.
 *
 * @throws InvalidOptionError for options that cannot work, and, as a rejection, for a call without a key.
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
    const underWay = this.#running.get(key);
    const flight = underWay ?? this.#open(key);
    flight.join(waiter);
    if (underWay === undefined) this.#start(flight, key, next, context);
    return waiter.promise;
  }

  #open(key: string): SingleFlight<unknown> {
    const flight = new SingleFlight<unknown>(() => this.#close(flight, key));
    this.#running.set(key, flight);
    return flight;
  }

  /** Outside every caller's scope: what they wait for is not what runs. */
  #start(flight: SingleFlight<unknown>, key: string, next: Next, { clock, operation, terms, attempt }: Context): void {
    const context = new Context(clock, operation, terms, attempt, undefined, flight.scope);
    invoke(next, context).then(
      (value) => {
        this.#close(flight, key);
        for (const waiter of flight.settle()) waiter.resolve(value);
      },
      (error) => {
        this.#close(flight, key);
        for (const waiter of flight.settle()) waiter.reject(error);
      },
    );
  }

  #close(flight: SingleFlight<unknown>, key: string): void {
    if (this.#running.get(key) === flight) this.#running.delete(key);
  }
}
