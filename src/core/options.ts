import { InvalidOptionError } from './errors.js';
import { LONGEST_TEXT } from './inspect.js';

/** For each option its default; undefined for those that have none. */
type Defaults<T> = { readonly [K in keyof T]-?: T[K] | undefined };

/** Every option is there; those with a default are never undefined. */
type WithDefaults<T, D extends Defaults<T>> = {
  readonly [K in keyof T]-?: undefined extends D[K] ? T[K] : Exclude<T[K], undefined>;
};

/**
 * The caller's options with their defaults filled in: read once, detached from the caller's object and from any
 * prototype, so that only the object's own properties are options. An explicit undefined means the default. The values are
 * still to be checked.
 * @throws InvalidOptionError when it is no object, or has a name that is not known; the message suggests a similar one.
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

/** An object without options: what it has all the same comes from a polluted `Object.prototype`. */
export const NOTHING: { readonly [option: string]: unknown } = {};

/** Whether an object has an option that it does not merely inherit from `Object.prototype`. */
function isGiven(options: object, name: PropertyKey): boolean {
  for (let object: object | null = options; object !== null && object !== Object.prototype; ) {
    if (Object.hasOwn(object, name)) return true;
    object = Object.getPrototypeOf(object);
  }
  return false;
}

/**
 * An option of a call. What is merely on `Object.prototype` is no option of anybody; a getter of a class is one, so that an
 * `AbortController` or the context of a call can be given for its signal.
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
 * The same for several options. Where a call is hot it is made only if `NOTHING` has one of them: otherwise they can be read
 * as they are, which costs nothing.
 */
export function unpolluted<T extends object, K extends keyof T>(options: T, names: readonly K[]): { [P in K]?: T[P] } {
  const own = Object.create(null);
  for (const name of names) if (isGiven(options, name)) own[name] = options[name];
  return own;
}

/** What one call brings along: an object with no other names of its own than these. */
export function checkCallOptions(owner: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) fail(owner, 'options', 'must be an object', options);
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const value = (options as Record<string, unknown>)[name];
    fail(owner, name, unknown(name, known), value);
  }
}

function fail(owner: string, option: string, rule: string, value: unknown): never {
  throw new InvalidOptionError(owner, option, rule, value);
}

/** A rule of our own, which may leave out any of these. */
export function ownRule<R extends object>(rule: R): R {
  const { min, max, above } = NOTHING;
  return (min ?? max ?? above) === undefined ? rule : Object.assign(Object.create(null), rule);
}

export interface IntegerRule {
  readonly min: number;
  readonly max?: number;
  readonly orInfinity?: boolean;
}

export function checkInteger(owner: string, option: string, value: unknown, rule: IntegerRule): number {
  const { min, max = Infinity, orInfinity = false } = ownRule(rule);
  if (typeof value === 'number' && value >= min && value <= max) {
    if (Number.isSafeInteger(value) || (value === Infinity && orInfinity)) return value + 0; // -0 becomes 0
  }
  fail(owner, option, `must be an integer ≥ ${max < Infinity ? `${min} and at most ${max}` : min}`, value);
}

export interface NumberRule {
  /** The least that is allowed, itself included. */
  readonly min?: number;
  /** What it must be above. */
  readonly above?: number;
  readonly max?: number;
}

/** A finite number within the rule. */
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

/** Likewise, for an option that may be left out. */
export function checkOptionalFunction<F>(owner: string, option: string, value: F | undefined): F | undefined {
  return value === undefined ? undefined : checkFunction(owner, option, value);
}

export function checkOneOf<T extends string>(owner: string, option: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  fail(owner, option, `must be one of ${allowed.map((one) => `'${one}'`).join(', ')}`, value);
}

/** The name a policy goes by in errors, events and descriptions. */
export function checkName(owner: string, value: string | undefined): string {
  if (value === undefined) return owner;
  if (typeof value === 'string' && value !== '') return value;
  fail(owner, 'name', 'must be a string that is not empty', value);
}

/** An object that has all these methods, such as a clock. */
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

const LIKELY_PREFIX = 3;

/** Suggests a name only where it is likely to be what was meant. */
function unknown(name: string, known: readonly string[]): string {
  const meant = name.length > LONGEST_TEXT ? undefined : nearest(name.toLowerCase(), known);
  return meant === undefined ? 'is unknown' : `is unknown (did you mean "${meant}"?)`;
}

/**
 * The known name that takes the fewest changes, if it is likely to be meant: not more changes than it has letters, or the
 * same beginning (`maxSize` for `maxWeight`).
 */
function nearest(name: string, known: readonly string[]): string | undefined {
  let [best, least] = [undefined as string | undefined, Infinity];
  for (const candidate of known) {
    const distance = editDistance(name, candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  if (best === undefined || least <= Math.max(name.length, best.length)) return best;
  return best.toLowerCase().startsWith(name.slice(0, LIKELY_PREFIX)) ? best : undefined;
}

/**
 * Levenshtein's distance, one row at a time, where what was left out costs least and what was mistaken most: names are
 * abbreviated more often than misspelt (`vnodes` for `virtualNodes`).
 */
function editDistance(given: string, known: string): number {
  let row = Array.from({ length: known.length + 1 }, (_, column) => column);
  for (let i = 1; i <= given.length; i++) {
    const next = [2 * i];
    for (let j = 1; j <= known.length; j++) {
      const replaced = (row[j - 1] as number) + (given[i - 1] === known[j - 1] ? 0 : 3);
      next.push(Math.min(replaced, (row[j] as number) + 2, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[known.length] as number;
}
