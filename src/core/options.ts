import { InvalidOptionError } from './errors.js';

/**
 * A copy of the caller's own options: read once, detached from the caller's object and from any prototype.
 * @throws InvalidOptionError when it is no object, or has a name that is not known; the message suggests the nearest.
 */
export function readOptions<T extends object>(
  owner: string,
  options: T | undefined,
  known: readonly (keyof T & string)[],
  option = 'options',
): Partial<T> {
  if (options === undefined) return {};
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidOptionError(owner, option, 'must be an object', options);
  }
  const own = Object.assign(Object.create(null), options) as Partial<T>;
  for (const name of Object.keys(own)) {
    if (!known.includes(name as keyof T & string)) {
      throw new InvalidOptionError(
        owner,
        name,
        `is unknown (did you mean "${nearest(name, known)}"?)`,
        own[name as keyof T],
      );
    }
  }
  return own;
}

export interface IntegerRule {
  readonly min: number;
  readonly max?: number;
  readonly orInfinity?: boolean;
}

export function checkInteger(owner: string, option: string, value: unknown, rule: IntegerRule): number {
  if (typeof value === 'number' && value >= rule.min) {
    if (Number.isSafeInteger(value) || (value === Infinity && rule.orInfinity)) return value + 0; // -0 becomes 0
  }
  throw new InvalidOptionError(
    owner,
    option,
    `must be an integer ≥ ${rule.min}${rule.orInfinity ? ' or Infinity' : ''}`,
    value,
  );
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
  const { min = -Infinity, above = -Infinity, max = Infinity } = rule;
  if (typeof value === 'number' && Number.isFinite(value) && value >= min && value > above && value <= max) {
    return value + 0;
  }
  const bounds = [
    rule.min !== undefined && `≥ ${rule.min}`,
    rule.above !== undefined && `above ${rule.above}`,
    rule.max !== undefined && `at most ${rule.max}`,
  ].filter(Boolean);
  throw new InvalidOptionError(owner, option, `must be a finite number ${bounds.join(' and ')}`.trimEnd(), value);
}

export function checkFunction<F>(owner: string, option: string, value: F): F {
  if (typeof value === 'function') return value;
  throw new InvalidOptionError(owner, option, 'must be a function', value);
}

export function checkOneOf<T extends string>(owner: string, option: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw new InvalidOptionError(owner, option, `must be one of ${allowed.map((one) => `'${one}'`).join(', ')}`, value);
}

/** The name a policy goes by in errors, events and descriptions. */
export function checkName(owner: string, value: string | undefined): string {
  if (value === undefined) return owner;
  if (typeof value === 'string' && value !== '') return value;
  throw new InvalidOptionError(owner, 'name', 'must be a string that is not empty', value);
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
  throw new InvalidOptionError(owner, option, `must be an object with ${methods.join(', ')}`, value);
}

function nearest(name: string, known: readonly string[]): string {
  const distances = known.map((candidate) => editDistance(name.toLowerCase(), candidate.toLowerCase()));
  return known[distances.indexOf(Math.min(...distances))] ?? '';
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
