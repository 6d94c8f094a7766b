import { InvalidOptionError } from './errors.js';
import { ownRule } from './options.js';

/**
 * A duration: a number of milliseconds, or a string such as `'250ms'`, `'1.5s'`, `'2m'`, `'1h'`, `'30d'`. At run time a
 * string must match `/^\d+(\.\d+)?(ms|s|m|h|d)$/`; the template type is only an aid for editors.
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The range of a duration option. */
export interface DurationRule {
  /** Whether 0 is allowed. @defaultValue false */
  readonly orZero?: boolean;
  /** Whether `Infinity` (never) is allowed. @defaultValue false */
  readonly orInfinity?: boolean;
  /** The smallest allowed value in milliseconds. @defaultValue none */
  readonly min?: number;
}

/**
 * Converts a duration option to milliseconds.
 * @throws InvalidOptionError if the value is not a duration or is outside the rule.
 */
export function toMs(owner: string, option: string, value: unknown, rule: DurationRule = {}): number {
  const { min, orZero = false, orInfinity = false } = ownRule(rule);
  const ms = parse(value);
  const inRange = ms > 0 ? ms < Infinity || orInfinity : ms === 0 && orZero;
  if (!inRange || ms < (min ?? 0) || (ms === Infinity && value !== Infinity)) {
    const least = min === undefined ? (orZero ? '≥ 0' : 'above 0') : `≥ ${min} ms`;
    const range = `${least}${orInfinity ? ' (Infinity: never)' : ' and finite'}`;
    throw new InvalidOptionError(
      owner,
      option,
      `must be milliseconds or a string like '250ms', '5s', '1m', ${range}`,
      value,
    );
  }
  return ms + 0; // -0 becomes 0
}

function parse(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return Number.NaN;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value);
  return match === null ? Number.NaN : Number(match[1]) * (MS_PER_UNIT[match[2] as string] as number);
}
