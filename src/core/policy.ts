import { AbortScope, checkSignal, scopeOf } from './abort-scope.js';
import type { CallContext, Operation } from './call-context.js';
import { anyClock, type Clock, checkClock } from './clock.js';
import {
  type CallTerms,
  Context,
  callOperation,
  checkContexts,
  DEFAULT_TERMS,
  type Next,
  type PolicyContext,
} from './context.js';
import { DeadlineList } from './deadline-list.js';
import { type Duration, toMs } from './duration.js';
import { InvalidOptionError } from './errors.js';
import {
  checkBoolean,
  checkFunction,
  checkName,
  checkNumber,
  checkOptionalFunction,
  checkString,
  NOTHING,
  readOptions,
  unpolluted,
} from './options.js';
import type { Classify } from './outcome.js';
import { runTimed } from './timed-scope.js';

/** What one call may bring along. Nothing is inherited from `Object.prototype`. */
export interface CallOptions {
  /** Aborts the call: it rejects with the signal's reason at once, wherever it stands. */
  readonly signal?: AbortSignal | null | undefined;
  /**
   * A total timeout for this call. Above 0; `Infinity` for none. Unlike a `timeout` policy it is never prolonged because our
   * own event loop was blocked.
   */
  readonly timeout?: Duration | undefined;
  /** How this call's outcomes are judged, by every policy without a judgement of its own. @defaultValue `defaultClassify` */
  readonly classify?: Classify | undefined;
  /** 0 is the most important. @defaultValue 5 */
  readonly priority?: number | undefined;
  /** The key by which `keyed` policies, limiters and `coalesce` distinguish calls. @defaultValue none */
  readonly key?: string | undefined;
  /**
   * Whether the operation may run more than once. If false, `retry` makes one attempt, whatever its options say: for an
   * operation that is not idempotent. @defaultValue true
   */
  readonly repeatable?: boolean | undefined;
}

/** What a policy says of itself to `explain` and to telemetry. */
export interface PolicyDescription {
  /** The pattern, as its factory is called: `retry`. */
  readonly kind: string;
  readonly name: string;
  /** The policies inside, outermost first. */
  readonly policies?: readonly PolicyDescription[] | undefined;
  /** Its settings, durations in milliseconds. */
  readonly [setting: string]: unknown;
}

/** A way to run an operation. `Adds` is what it may answer besides the operation's own type, as a fallback does. */
export interface Policy<out Adds = never> {
  readonly name: string;
  readonly clock: Clock;
  /**
   * Runs the operation under this policy. Never throws: whatever happens is in the promise.
   * When the call is aborted the promise rejects with the reason at once, even if the operation goes on.
   */
  execute<T>(operation: (context: CallContext) => T | PromiseLike<T>, options?: CallOptions): Promise<T | Adds>;
  /** A function of the same shape that runs under this policy. `this` and the arguments are passed on. */
  wrap<This, A extends unknown[], T>(
    fn: (this: This, ...args: A) => T | PromiseLike<T>,
  ): (this: This, ...args: A) => Promise<T | Adds>;
  /** One step of a pipeline: for those who compose policies by hand. */
  run(next: Next, context: PolicyContext): Promise<unknown>;
  describe(): PolicyDescription;
  /** Keeps inference honest; never set. */
  readonly '~adds'?: { readonly type: Adds };
}

/** What all policies share: `execute` and `wrap`, on top of their one step `run`. */
export abstract class BasePolicy<out Adds = never> implements Policy<Adds> {
  declare readonly '~adds'?: { readonly type: Adds };
  readonly name: string;
  readonly clock: Clock;

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.clock = clock;
  }

  /** Never throws, unlike a policy made by hand: whatever happens is in the promise. */
  abstract run(next: Next, context: PolicyContext): Promise<unknown>;
  abstract describe(): PolicyDescription;

  /** Uses the settings of another member of the same family if they are equal, so that thousands of members keep one copy. */
  shareRules(_sibling: BasePolicy<unknown>): void {}

  /** The clock a call runs on. */
  clockOf(_options: CallOptions): Clock {
    return this.clock;
  }

  /** Without options there is nothing that could throw, and no try block: on Node 20 one costs half as much as a call. */
  execute<T>(operation: (context: CallContext) => T | PromiseLike<T>, options?: CallOptions): Promise<T | Adds> {
    if (options !== undefined || typeof operation !== 'function') return this.#executeWith(operation, options);
    return this.run(callOperation, new Context(this.clock, operation, DEFAULT_TERMS)) as Promise<T | Adds>;
  }

  #executeWith<T>(operation: Operation<T>, options: CallOptions = {}): Promise<T | Adds> {
    try {
      return startCall(this, operation, options) as Promise<T | Adds>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Not for callers: where `runWithPolicy` nests scopes. Undefined for a scope of another copy of the package. */
  '~runInScope'(
    operation: Operation,
    outer: AbortScope | undefined,
    key: string | undefined,
  ): Promise<unknown> | undefined {
    if (this.execute !== BasePolicy.prototype.execute) return undefined;
    if (outer !== undefined && !(outer instanceof AbortScope)) return undefined;
    if (outer?.reason !== undefined) return Promise.reject(outer.reason);
    const scope = outer && new AbortScope(outer);
    const terms = key === undefined ? DEFAULT_TERMS : { ...DEFAULT_TERMS, key };
    const context = new Context(this.clockOf({ key }), operation, terms, 1, undefined, scope);
    const running = runPolicy(this, callOperation, context);
    return scope === undefined ? running : leaveAfter(running, scope);
  }

  wrap<This, A extends unknown[], T>(
    fn: (this: This, ...args: A) => T | PromiseLike<T>,
  ): (this: This, ...args: A) => Promise<T | Adds> {
    checkFunction(this.name, 'fn', fn);
    const policy = this;
    return function wrapped(this: This, ...args: A): Promise<T | Adds> {
      return policy.execute(() => fn.apply(this, args));
    };
  }
}

function startCall(policy: BasePolicy<unknown>, operation: Operation, options: CallOptions): Promise<unknown> {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError(policy.name, 'options', 'must be an object', options);
  }
  const owner = policy.name;
  const {
    signal = null,
    timeout,
    classify,
    priority,
    key,
    repeatable,
  } = isPolluted() ? unpolluted(options, CALL_OPTIONS) : options;
  const terms: CallTerms = {
    classify: classify === undefined ? DEFAULT_TERMS.classify : checkFunction(owner, 'classify', classify),
    priority: priority === undefined ? DEFAULT_TERMS.priority : checkNumber(owner, 'priority', priority),
    key: key === undefined ? undefined : checkString(owner, 'key', key),
    repeatable: repeatable === undefined ? true : checkBoolean(owner, 'repeatable', repeatable),
  };
  const clock = policy.clockOf(options);
  checkFunction(owner, 'operation', operation);
  const timeoutMs = timeout === undefined ? Infinity : toMs(owner, 'timeout', timeout, { orInfinity: true });
  if (checkSignal(owner, signal)?.aborted) return Promise.reject(signal?.reason);
  const scope = signal === null ? undefined : new AbortScope(scopeOf(signal));
  const context = new Context(clock, operation, terms, 1, undefined, scope);
  const running =
    timeoutMs === Infinity
      ? runPolicy(policy, callOperation, context)
      : runTimed((inner) => runPolicy(policy, callOperation, inner), context, totalTime(clock, timeoutMs), policy);
  return scope === undefined ? running : leaveAfter(running, scope);
}

/** Settles as the call does, which then leaves its scope. A call that was aborted rejects with the abort reason. */
function leaveAfter(running: Promise<unknown>, scope: AbortScope): Promise<unknown> {
  return running.then(
    (value) => {
      scope.leave();
      return value;
    },
    (error) => {
      scope.leave();
      throw scope.reason === undefined ? error : scope.reason;
    },
  );
}

const CALL_OPTIONS = ['signal', 'timeout', 'classify', 'priority', 'key', 'repeatable'] as const;

function isPolluted(): boolean {
  const { signal, timeout, classify, priority, key, repeatable } = NOTHING;
  return (signal ?? timeout ?? classify ?? priority ?? key ?? repeatable) !== undefined;
}

function totalTime(clock: Clock, timeoutMs: number): DeadlineList {
  return new DeadlineList(clock, timeoutMs, TOTAL);
}

const TOTAL = { compensatesStalls: false };

/** One step of a chain, whose promise tells everything: a policy made by hand may throw, or answer without a promise. */
export function runPolicy(policy: Policy<unknown>, next: Next, context: PolicyContext): Promise<unknown> {
  try {
    const result = policy.run(next, context);
    return result instanceof Promise ? result : Promise.resolve(result);
  } catch (error) {
    return Promise.reject(error);
  }
}

export interface PolicyDefinition {
  /** What it goes by in errors and descriptions. */
  readonly name: string;
  /**
   * One step: call `next(context)` as often as it takes, or not at all. While waiting for anything else, use
   * `context.sleep` and `context.wait`, which end at once when the call is aborted.
   */
  run(next: Next, context: PolicyContext): Promise<unknown>;
  /** Its settings, for `explain` and telemetry. */
  readonly describe?: (() => { readonly [setting: string]: unknown }) | undefined;
  /** Only for a policy that looks at a clock by itself: its pipeline must then run on the same one. */
  readonly clock?: Clock | undefined;
}

/**
 * Makes a policy of one function. `Adds` is what it may answer besides the operation's own type.
 *
 * @example
 * ```ts
 * const logged = definePolicy({
 *   name: 'logged',
 *   async run(next, context) {
 *     try {
 *       return await next(context);
 *     } catch (error) {
 *       if (!context.aborted) console.error('attempt', context.attempt, 'failed:', error);
 *       throw error;
 *     }
 *   },
 * });
 * await logged.execute(() => fetch('https://example.com'));
 * ```
 */
export function definePolicy<Adds = never>(definition: PolicyDefinition): Policy<Adds> {
  return new DefinedPolicy<Adds>(definition);
}

function checkRequiredName(owner: string, name: string | undefined): string {
  if (name === undefined) throw new InvalidOptionError(owner, 'name', 'is required', name);
  return checkName(owner, name);
}

class DefinedPolicy<Adds> extends BasePolicy<Adds> {
  readonly #run: PolicyDefinition['run'];
  readonly #describe: NonNullable<PolicyDefinition['describe']>;

  constructor(definition: PolicyDefinition) {
    const owner = 'definePolicy';
    const own = readOptions(owner, definition, {
      name: undefined,
      run: undefined,
      describe: undefined,
      clock: undefined,
    });
    super(checkRequiredName(owner, own.name), own.clock === undefined ? anyClock : checkClock(owner, own.clock));
    this.#run = checkFunction(owner, 'run', own.run);
    this.#describe = checkOptionalFunction(owner, 'describe', own.describe) ?? (() => ({}));
  }

  async run(next: Next, context: PolicyContext): Promise<unknown> {
    return this.#run(checkContexts(next), context);
  }

  describe(): PolicyDescription {
    return { ...this.#describe(), kind: 'custom', name: this.name };
  }
}
