import { inspect } from 'node:util';
import fc from 'fast-check';
import type { Side } from './naive-cache.js';

/** The reaction of a listener to a removal. */
export const REACTIONS = ['throw', 'set it', 'set another', 'delete', 'clear', 'resize', 'read', 'purge'] as const;
export type Reaction = (typeof REACTIONS)[number];

export type Step =
  | {
      readonly do: 'set';
      readonly key: number;
      readonly value: number;
      readonly ttl?: number;
      readonly weight?: number;
    }
  | { readonly do: 'get' | 'peek' | 'has' | 'delete' | 'expiresInMs'; readonly key: number }
  | { readonly do: 'getOrInsert'; readonly key: number; readonly value: number }
  | { readonly do: 'compute'; readonly key: number; readonly value: number; readonly how: Computing }
  | { readonly do: 'clear' | 'purgeExpired' | 'size' | 'weight' | 'look' }
  | { readonly do: 'walk'; readonly how: 'delete' | 'insert' | 'get' }
  | { readonly do: 'resize'; readonly to: number }
  /** The reactions of listeners to the next removals, one each. */
  | { readonly do: 'react'; readonly reactions: readonly Reaction[] }
  /** The entries are restored in another cache, or in the same one. */
  | { readonly do: 'move'; readonly to: number | 'itself'; readonly asJson: boolean }
  | { readonly do: 'wait'; readonly ms: number };

const COMPUTING = ['returns', 'throws', 'sets it', 'deletes it', 'fills it', 'clears'] as const;
type Computing = (typeof COMPUTING)[number];

const key = fc.nat(200);
const value = fc.nat(5);
const capacity = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 6 }) },
  { weight: 1, arbitrary: fc.integer({ min: 12, max: 40 }) },
);
/** Mostly undefined. */
const sometimes = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const ttl = fc.constantFrom(1, 3, 5, 10, 10, 20, 50, Infinity);

/** A step of one of the given kinds, with its parameters. */
const record = <const D extends string, T extends object>(
  does: readonly D[],
  rest: { [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.Arbitrary<{ do: D } & T> =>
  fc.tuple(fc.constantFrom(...does), fc.record<T>(rest)).map(([what, others]) => ({ do: what, ...others }));

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 16,
    arbitrary: fc.record({ key, value, ttl: sometimes(ttl), weight: sometimes(fc.nat(12)) }).map(
      ({ ttl, weight, ...rest }): Step => ({
        do: 'set',
        ...rest,
        ...(ttl !== undefined && { ttl }),
        ...(weight !== undefined && { weight }),
      }),
    ),
  },
  { weight: 10, arbitrary: record(['get'], { key }) },
  { weight: 5, arbitrary: record(['peek', 'has', 'delete', 'expiresInMs'], { key }) },
  { weight: 4, arbitrary: record(['getOrInsert'], { key, value }) },
  { weight: 2, arbitrary: record(['compute'], { key, value, how: fc.constantFrom(...COMPUTING) }) },
  { weight: 3, arbitrary: record(['look', 'purgeExpired', 'size', 'weight'], {}) },
  {
    weight: 1,
    arbitrary: record(['walk'], { how: fc.constantFrom('delete' as const, 'insert' as const, 'get' as const) }),
  },
  { weight: 1, arbitrary: record(['resize'], { to: capacity }) },
  { weight: 1, arbitrary: fc.nat(4).map((n): Step => ({ do: n === 0 ? 'clear' : 'look' })) },
  {
    weight: 1,
    arbitrary: record(['react'], {
      reactions: fc.array(fc.constantFrom(...REACTIONS), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: record(['move'], { to: fc.oneof(capacity, fc.constant('itself' as const)), asJson: fc.boolean() }),
  },
  // The clock sometimes goes backwards.
  { weight: 5, arbitrary: record(['wait'], { ms: fc.constantFrom(1, 1, 2, 3, 5, 10, 20, -4) }) },
);

export const rules = fc.record({
  capacity,
  ttl: fc.constantFrom(Infinity, Infinity, 5, 10, 20),
  touchOnGet: fc.boolean(),
  maxWeight: fc.constantFrom(undefined, undefined, 6, 12, 40),
});

const ODD_KEYS: readonly unknown[] = [0, '0', Number.NaN, '__proto__', 'constructor', null];

/** Few enough keys that they repeat, and more than fit. */
export function keyOf(number: number, capacity: number): unknown {
  const n = number % Math.ceil(capacity * 1.5 + 2);
  return n < ODD_KEYS.length ? ODD_KEYS[n] : n;
}

export const describeRemoval = (key: unknown, value: number, reason: string): string =>
  `${inspect(key)}=${value} ${reason}`;

/** Performs a step and returns its result. */
export function perform(side: Side, each: Step, keys: (number: number) => unknown): unknown {
  switch (each.do) {
    case 'set':
      return void side.set(keys(each.key), each.value, { ttl: each.ttl, weight: each.weight });
    case 'getOrInsert':
      return side.getOrInsert(keys(each.key), each.value);
    case 'compute':
      return compute(side, keys(each.key), each.value, each.how);
    case 'get':
    case 'peek':
    case 'has':
    case 'delete':
    case 'expiresInMs':
      return side[each.do](keys(each.key));
    case 'clear':
    case 'purgeExpired':
      return side[each.do]();
    case 'size':
    case 'weight':
      return side[each.do];
    case 'walk':
      return walk(side, each.how);
    case 'resize':
      return side.resize(each.to);
    default:
      return undefined;
  }
}

function compute(side: Side, key: unknown, value: number, how: Computing): unknown {
  try {
    return side.getOrInsertComputed(key, () => {
      if (how === 'throws') throw new Error('cannot compute');
      if (how === 'sets it') side.set(key, value + 1);
      if (how === 'deletes it') side.delete(key);
      if (how === 'fills it') for (let n = 0; n <= side.capacity; n++) side.set(n, 1);
      if (how === 'clears') side.clear();
      return value;
    });
  } catch (error) {
    return (error as Error).message;
  }
}

function walk(side: Side, how: 'delete' | 'insert' | 'get'): unknown[] {
  const visited: unknown[] = [];
  for (const [key, value] of side) {
    visited.push(key, value);
    if (how === 'delete') side.delete(key);
    if (how === 'insert') side.set(`new ${visited.length}`, 1);
    if (how === 'get') side.get(key);
  }
  return visited;
}

export function react(side: Side, reaction: Reaction, key: unknown): void {
  switch (reaction) {
    case 'throw':
      throw new Error('the listener failed');
    case 'set it':
      side.set(key, 2);
      break;
    case 'set another':
      side.set('another', 1);
      break;
    case 'delete':
      side.delete(0);
      break;
    case 'clear':
      side.clear();
      break;
    case 'resize':
      side.resize(2);
      break;
    case 'read':
      for (const [each] of side) side.get(each);
      break;
    case 'purge':
      side.purgeExpired();
  }
}
