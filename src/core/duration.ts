import { InvalidOptionError } from './errors.js';
import { ownRule } from './options.js';

/**
 * A span of time: a number of milliseconds, or a string such as `'250ms'`, `'1.5s'`, `'2m'`, `'1h'`, `'30d'`.
 * The template type helps in the editor; what decides at run time is `/^\d+(\.\d+)?(ms|s|m|h|d)$/`.
 */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export interface DurationRule {
  /** Whether 0 is allowed. @defaultValue false */
  readonly orZero?: boolean;
  /** Whether `Infinity` (never) is allowed. @defaultValue false */
  readonly orInfinity?: boolean;
  /** The least that makes sense, in milliseconds. */
  readonly min?: number;
}

/**
 * The milliseconds of a duration that was given as an option.
 * @throws InvalidOptionError when it is not a duration, or outside the rule.
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
