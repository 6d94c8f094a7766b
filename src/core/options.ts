import { InvalidOptionError } from './errors.js';
import { suggestOption } from './suggest-option.js';

/** The default of each option; undefined for an option without a default. */
type Defaults<T> = { readonly [K in keyof T]-?: T[K] | undefined };

/** Options after the defaults are filled in: an option with a default is never undefined. */
export type WithDefaults<T, D extends Defaults<T>> = {
  readonly [K in keyof T]-?: undefined extends D[K] ? T[K] : Exclude<T[K], undefined>;
};

/**
 * Returns the caller's options with defaults filled in. Each option is read once. The result has no prototype and only
 * the own properties of the caller's object. An explicit undefined selects the default. The values are not checked
 * here.
 * @throws InvalidOptionError if `options` is not an object or has an unknown name. The message suggests a similar name.
 */
export function readOptions<T extends object, const D extends Defaults<T> = Defaults<T>>(
  owner: string,
  options: T | undefined,
  defaults: D,
  option = 'options',
): WithDefaults<T, D> {
  if (typeof options !== 'object' && options !== undefined) fail(owner, option, 'must be an object', options);
  if (options === null || Array.isArray(options)) fail(owner, option, 'must be an object', options);
  const own: Record<string, unknown> = Object.assign(Object.create(null), options);
  for (const [name, value] of Object.entries(own)) {
    if (!Object.hasOwn(defaults, name)) {
      const path = option === 'options' ? name : `${option}.${name}`;
      fail(owner, path, unknown(name, Object.keys(defaults)), value);
    }
  }
  for (const [name, value] of Object.entries(defaults)) if (own[name] === undefined) own[name] = value;
  return own as WithDefaults<T, D>;
}

/** An empty object literal: any option that can be read from it comes from a polluted `Object.prototype`. */
export const NOTHING: { readonly [option: string]: unknown } = {};

/** Whether an object has an option that is not merely inherited from `Object.prototype`. */
function isGiven(options: object, name: PropertyKey): boolean {
  for (let object: object | null = options; object !== null && object !== Object.prototype; ) {
    if (Object.hasOwn(object, name)) return true;
    object = Object.getPrototypeOf(object);
  }
  return false;
}

/**
 * Returns an option of a call, or its default. A property of `Object.prototype` is not an option. A getter of a class
 * is one, so that an `AbortController` or a call context can be passed where an object with a `signal` is expected.
 */
export function given<T extends object, K extends keyof T>(options: T, name: K): T[K] | undefined;
export function given<T extends object, K extends keyof T, D>(
  options: T,
  name: K,
  byDefault: D,
): Exclude<T[K], undefined> | D;
export function given<T extends object, K extends keyof T>(options: T, name: K, byDefault?: unknown): unknown {
  const value = options[name];
  return value === undefined || !isGiven(options, name) ? byDefault : value;
}

/**
 * Returns several options without those inherited from `Object.prototype`. Hot paths call it only if `NOTHING` has one
 * of these options: otherwise reading the options directly costs nothing extra.
 */
export function unpolluted<T extends object, K extends keyof T>(options: T, names: readonly K[]): { [P in K]?: T[P] } {
  const own = Object.create(null);
  for (const name of names) if (isGiven(options, name)) own[name] = options[name];
  return own;
}

/**
 * Checks that the options of a call are an object whose own properties all have known names. Costs a few nanoseconds and
 * allocates nothing if they do.
 */
export function checkCallOptions(owner: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) fail(owner, 'options', 'must be an object', options);
  for (const name in options) {
    // A property of a prototype is not an option: an AbortController may be passed for its `signal`.
    if (known.includes(name) || !Object.hasOwn(options, name)) continue;
    if ('~context' in options) return; // the context of a call has a signal and a key, and more than that
    fail(owner, name, unknown(name, known), (options as Record<string, unknown>)[name]);
  }
}

function fail(owner: string, option: string, rule: string, value: unknown): never {
  throw new InvalidOptionError(owner, option, rule, value);
}

/** Returns a rule without values inherited from `Object.prototype`: a rule may leave out any of these fields. */
export function ownRule<R extends object>(rule: R): R {
  const { min, max, above } = NOTHING;
  return (min ?? max ?? above) === undefined ? rule : Object.assign(Object.create(null), rule);
}

/** The range of an integer option. */
export interface IntegerRule {
  /** The smallest allowed value. */
  readonly min: number;
  /** The largest allowed value. @defaultValue Infinity */
  readonly max?: number;
  /** Whether `Infinity` is allowed. @defaultValue false */
  readonly orInfinity?: boolean;
}

/** Returns the value if it is an integer within the rule. @throws InvalidOptionError otherwise. */
export function checkInteger(owner: string, option: string, value: unknown, rule: IntegerRule): number {
  const { min, max = Infinity, orInfinity = false } = ownRule(rule);
  if (typeof value === 'number' && value >= min && value <= max) {
    if (Number.isSafeInteger(value) || (value === Infinity && orInfinity)) return value + 0; // -0 becomes 0
  }
  fail(owner, option, `must be an integer ≥ ${max < Infinity ? `${min} and at most ${max}` : min}`, value);
}

/** The range of a number option. */
export interface NumberRule {
  /** The smallest allowed value. @defaultValue none */
  readonly min?: number;
  /** The exclusive lower bound: the value must be above it. @defaultValue none */
  readonly above?: number;
  /** The largest allowed value. @defaultValue none */
  readonly max?: number;
}

/** Returns the value if it is a finite number within the rule. @throws InvalidOptionError otherwise. */
export function checkNumber(owner: string, option: string, value: unknown, rule: NumberRule = {}): number {
  const { min, above, max } = ownRule(rule);
  if (
    typeof value === 'number' &&
    Number.isFinite(value) &&
    value >= (min ?? -Infinity) &&
    value > (above ?? -Infinity) &&
    value <= (max ?? Infinity)
  ) {
    return value + 0;
  }
  const bounds = [
    min !== undefined && `≥ ${min}`,
    above !== undefined && `above ${above}`,
    max !== undefined && `at most ${max}`,
  ].filter(Boolean);
  fail(owner, option, `must be a finite number ${bounds.join(' and ')}`.trimEnd(), value);
}

export function checkString(owner: string, option: string, value: unknown): string {
  if (typeof value === 'string') return value;
  fail(owner, option, 'must be a string', value);
}

export function checkBoolean(owner: string, option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  fail(owner, option, 'must be a boolean', value);
}

export function checkFunction<F>(owner: string, option: string, value: F): F {
  if (typeof value === 'function') return value;
  fail(owner, option, 'must be a function', value);
}

/** Returns the value if it is undefined or a function. @throws InvalidOptionError otherwise. */
export function checkOptionalFunction<F>(owner: string, option: string, value: F | undefined): F | undefined {
  return value === undefined ? undefined : checkFunction(owner, option, value);
}

export function checkOneOf<T extends string>(owner: string, option: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  fail(owner, option, `must be one of ${allowed.map((one) => `'${one}'`).join(', ')}`, value);
}

/** Returns the name of a policy, for errors, events and descriptions; the owner's name if none was given. */
export function checkName(owner: string, value: string | undefined): string {
  if (value === undefined) return owner;
  if (typeof value === 'string' && value !== '') return value;
  fail(owner, 'name', 'must be a string that is not empty', value);
}

/**
 * Returns the value if it is an object with all these methods, such as a clock.
 * @throws InvalidOptionError otherwise.
 */
export function checkMethods<T extends object>(
  owner: string,
  option: string,
  value: T,
  methods: readonly (keyof T & string)[],
): T {
  if (typeof value === 'object' && value !== null && methods.every((method) => typeof value[method] === 'function')) {
    return value;
  }
  fail(owner, option, `must be an object with ${methods.join(', ')}`, value);
}

/** Returns the rest of the message for an unknown option name, with a suggestion if one is likely right. */
function unknown(name: string, known: readonly string[]): string {
  const meant = suggestOption(name, known);
  return meant === undefined ? 'is unknown' : `is unknown (did you mean "${meant}"?)`;
}
