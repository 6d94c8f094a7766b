import { InvalidOptionError } from '../core/errors.js';
import { safeGet } from '../core/inspect.js';
import { checkInteger, readOptions } from '../core/options.js';

/** Where a guarded method receives the signal of its call, and where its caller may have set a signal. */
export interface SignalPlace {
  /**
   * The index of the argument: an integer from 0 to 20, or one for each method. A method without an index receives no
   * signal.
   */
  readonly argument: number | Readonly<Record<string, number>>;
  /**
   * The property of the argument, such as 'abortSignal' in the AWS SDK and the Azure SDK; null if the argument is the
   * signal itself.
   * @defaultValue 'signal'
   */
  readonly property?: string | null | undefined;
}

/** Returns the arguments of one call with the signal of the call. */
export type PlaceSignal = (args: readonly unknown[], signal: AbortSignal, method: PropertyKey) => readonly unknown[];

/** A checked `signal` option. */
export interface Signalling {
  /** Returns the signal that the caller has set; undefined if there is none. */
  ofCaller(args: readonly unknown[], method: PropertyKey): AbortSignal | undefined;
  /** Returns the arguments with the signal of the call. @throws InvalidOptionError if the argument holds no options. */
  place(args: readonly unknown[], signal: AbortSignal, method: PropertyKey): readonly unknown[];
}

/**
 * Checks the `signal` option.
 *
 * @throws InvalidOptionError for an invalid place.
 */
export function checkSignalPlace(
  signal: number | SignalPlace | PlaceSignal | undefined,
  methods: ReadonlySet<PropertyKey>,
): Signalling | undefined {
  if (signal === undefined) return undefined;
  if (typeof signal === 'function') return new CustomPlace(signal);
  const defaults = { argument: undefined, property: 'signal' };
  const given = typeof signal === 'object' ? signal : { argument: signal };
  const { argument, property } = readOptions<SignalPlace>('guard', given, defaults, 'signal');
  if (property !== null && (typeof property !== 'string' || property === '')) {
    throw new InvalidOptionError('guard', 'signal.property', 'must be the name of a property, or null', property);
  }
  const option = typeof signal === 'object' ? 'signal.argument' : 'signal';
  return new ArgumentPlace(indexesOf(option, argument, methods), property);
}

/** Returns the index of the argument for each method that receives a signal. */
function indexesOf(
  option: string,
  argument: SignalPlace['argument'],
  methods: ReadonlySet<PropertyKey>,
): ReadonlyMap<PropertyKey, number> {
  const check = (name: string, index: unknown) => checkInteger('guard', name, index, { min: 0, max: 20 });
  if (typeof argument !== 'object' || argument === null) {
    const index = check(option, argument);
    return new Map(Array.from(methods, (method) => [method, index]));
  }
  return new Map(
    Object.entries(argument).map(([method, index]) => {
      if (methods.has(method)) return [method, check(`${option}.${method}`, index)];
      throw new InvalidOptionError('guard', `${option}.${method}`, 'must be the index of a method in "methods"', index);
    }),
  );
}

/** The signal in an argument, or in a property of it. */
class ArgumentPlace implements Signalling {
  readonly #indexes: ReadonlyMap<PropertyKey, number>;
  readonly #property: string | null;

  constructor(indexes: ReadonlyMap<PropertyKey, number>, property: string | null) {
    this.#indexes = indexes;
    this.#property = property;
  }

  ofCaller(args: readonly unknown[], method: PropertyKey): AbortSignal | undefined {
    const argument = args[this.#indexes.get(method) ?? args.length];
    return asSignal(this.#property === null ? argument : propertyOf(argument, this.#property));
  }

  place(args: readonly unknown[], signal: AbortSignal, method: PropertyKey): readonly unknown[] {
    const index = this.#indexes.get(method);
    if (index === undefined) return args;
    const placed = Array.from({ length: Math.max(args.length, index + 1) }, (_, at) => args[at]);
    placed[index] = this.#property === null ? signal : withProperty(args[index], this.#property, signal);
    return placed;
  }
}

function withProperty(argument: unknown, property: string, signal: AbortSignal): object {
  const options = argument ?? {};
  // An array, a form or bytes are data of the request: a copy with one more property would destroy them.
  if (typeof options === 'object' && !(Symbol.iterator in options)) return { ...options, [property]: signal };
  throw new InvalidOptionError('guard', 'signal', 'must be the index of an argument with options', options);
}

/** The names under which clients take a signal in their options. */
const USUAL_PROPERTIES = ['signal', 'abortSignal'] as const;

/** A function of the caller. A signal in its arguments is recognised under the usual names. */
class CustomPlace implements Signalling {
  readonly place: PlaceSignal;

  constructor(place: PlaceSignal) {
    this.place = (args, signal, method) => place(args, signal, method);
  }

  ofCaller(args: readonly unknown[]): AbortSignal | undefined {
    for (const argument of args) {
      if (isSignal(argument)) return argument;
      for (const name of USUAL_PROPERTIES) {
        const value = propertyOf(argument, name);
        if (isSignal(value)) return value;
      }
    }
    return undefined;
  }
}

const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? safeGet(value, name) : undefined;

/** Returns a value of the caller as a signal: the policy rejects a value that is none. */
const asSignal = (value: unknown): AbortSignal | undefined => (value as AbortSignal | null | undefined) ?? undefined;

function isSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  return typeof safeGet(value, 'aborted') === 'boolean' && typeof safeGet(value, 'addEventListener') === 'function';
}
