import type { Backoff } from '../core/backoff.js';
import { InvalidOptionError } from '../core/errors.js';
import type { Policy, PolicyDescription } from '../core/policy.js';

export interface Explanation {
  /** How often one call may call the operation: when every try fails at once and no pause lasts. */
  readonly maxAttempts: number;
  /** How long one call may take: when every try hangs and every pause lasts. `Infinity` when nothing bounds it. */
  readonly maxDurationMs: number;
  /** How many times the load of the calls the dependency gets while it is down: retries, as far as budgets let them. */
  readonly amplification: number;
  /** What is likely a mistake. */
  readonly warnings: readonly Warning[];
}

export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
}

export type WarningCode =
  | 'breaker-without-inner-timeout'
  | 'bulkhead-outside-retry'
  | 'same-policy-twice'
  | 'retries-beyond-budget'
  | 'attempt-timeout-too-long';

/**
 * What a pipeline can come to in the worst case, and what about it is likely a mistake. Nothing is run: it is worked out
 * from what the policies say of themselves. Waiting for a slot is not part of it, and a policy of your own counts as one
 * that calls on once, without delay.
 *
 * @throws InvalidOptionError for what is no policy.
 * @example
 * ```ts
 * const policy = pipeline(retry({ maxAttempts: 5 }), circuitBreaker(), timeout('2s'));
 * const { maxAttempts, maxDurationMs, warnings } = explain(policy);
 * console.log(`at most ${maxAttempts} tries in ${maxDurationMs} ms`, warnings);
 * ```
 */
export function explain(policy: Policy<unknown>): Explanation {
  if (typeof policy?.describe !== 'function') {
    throw new InvalidOptionError('explain', 'policy', 'must be a policy', policy);
  }
  const chain = flatten(policy);
  const descriptions = chain.map((member) => member.describe());
  return {
    maxAttempts: walk(descriptions, 0, Infinity, FAILING).attempts,
    maxDurationMs: walk(descriptions, 0, Infinity, HANGING).endsAt,
    amplification: descriptions.reduce((product, description) => product * amplificationOf(description), 1),
    warnings: [...warningsOf(descriptions), ...sharedTwice(chain)],
  };
}

/** The members, outermost first, those of inner pipelines in their place. */
function flatten(policy: Policy<unknown>): readonly Policy<unknown>[] {
  const { policies } = policy as { policies?: readonly Policy<unknown>[] };
  return policies === undefined ? [policy] : policies.flatMap(flatten);
}

/** How the operation fails, and how long the pauses are. */
interface WorstCase {
  readonly hangs: boolean;
  /** What a random source comes close to. */
  readonly random: () => number;
}

const FAILING: WorstCase = { hangs: false, random: () => 0 };
const HANGING: WorstCase = { hangs: true, random: () => 1 };

/** More tries than anybody could mean are as good as endless. */
const MANY_ATTEMPTS = 100_000;

interface Walk {
  readonly attempts: number;
  readonly endsAt: number;
}

/** One call from `now` on through the members that are left, none of which may go on after the deadline. */
function walk(chain: readonly PolicyDescription[], now: number, deadline: number, worst: WorstCase): Walk {
  const [member, ...inner] = chain;
  if (member === undefined) return { attempts: 1, endsAt: worst.hangs ? deadline : now };
  if (member.kind === 'timeout') {
    return walk(inner, now, Math.min(deadline, now + (member.timeoutMs as number)), worst);
  }
  if (member.kind === 'retry') return walkRetry(member, inner, now, deadline, worst);
  return walk(inner, now, deadline, worst);
}

function walkRetry(
  retry: PolicyDescription,
  inner: readonly PolicyDescription[],
  startedAt: number,
  deadline: number,
  worst: WorstCase,
): Walk {
  const { maxAttempts, maxElapsedMs, backoff } = retry as unknown as { backoff: Backoff } & Record<string, number>;
  const latest = startedAt + (maxElapsedMs as number);
  let attempts = 0;
  let now = startedAt;
  let previousDelayMs: number | undefined;
  for (let attempt = 1; ; attempt++) {
    const tried = walk(inner, now, deadline, worst);
    attempts += tried.attempts;
    now = tried.endsAt;
    if (attempt >= (maxAttempts as number) || now >= deadline || now === Infinity) return { attempts, endsAt: now };
    const outcome = { ok: false, error: undefined } as const;
    const planned = backoff({ attempt, previousDelayMs, outcome, random: worst.random });
    if (planned === undefined) return { attempts, endsAt: now };
    const delayMs = Math.max(planned, maxAttempts === Infinity ? 1 : 0);
    if (now + delayMs > latest || now + delayMs >= deadline) return { attempts, endsAt: now };
    if (attempt >= MANY_ATTEMPTS) return { attempts: Infinity, endsAt: worst.hangs ? Math.min(deadline, latest) : now };
    now += delayMs;
    previousDelayMs = delayMs;
  }
}

function amplificationOf({ kind, maxAttempts, budget }: PolicyDescription): number {
  if (kind !== 'retry') return 1;
  const { ratio } = (budget ?? { ratio: Infinity }) as { ratio: number };
  return Math.min(maxAttempts as number, 1 + ratio);
}

function* warningsOf(chain: readonly PolicyDescription[]): Generator<Warning> {
  const isAfter = (index: number, kind: string) => chain.slice(index + 1).some((member) => member.kind === kind);
  const isBefore = (index: number, kind: string) => chain.slice(0, index).some((member) => member.kind === kind);
  for (const [index, { kind, name, ...settings }] of chain.entries()) {
    if (kind === 'circuitBreaker' && isBefore(index, 'timeout') && !isAfter(index, 'timeout')) {
      yield warn(
        'breaker-without-inner-timeout',
        `"${name}" has a timeout outside and none inside: calls that hang are aborted from outside, and never count as failures`,
      );
    }
    if (kind === 'bulkhead' && isAfter(index, 'retry')) {
      yield warn('bulkhead-outside-retry', `"${name}" stands outside a retry: its slot is held through every backoff`);
    }
    if (kind === 'retry' && settings.budget !== undefined) {
      const { ratio, floor } = settings.budget as { ratio: number; floor: number };
      const retries = (settings.maxAttempts as number) - 1;
      if (retries > ratio + floor) {
        yield warn(
          'retries-beyond-budget',
          `"${name}" would retry ${retries} times, more than its budget grants a lone call: ${ratio + floor}`,
        );
      }
    }
    const total = chain.slice(0, index).find((member) => member.kind === 'timeout');
    if (kind === 'timeout' && total !== undefined && (settings.timeoutMs as number) > (total.timeoutMs as number)) {
      const message = `"${name}" (${settings.timeoutMs} ms) never ends a try, since "${total.name}" outside it is shorter (${total.timeoutMs} ms)`;
      yield warn('attempt-timeout-too-long', message);
    }
  }
}

function sharedTwice(chain: readonly Policy<unknown>[]): Warning[] {
  const twice = new Set(chain.filter((member, index) => chain.indexOf(member) < index));
  return [...twice].map(({ name }) =>
    warn('same-policy-twice', `"${name}" stands in the pipeline twice: a call counts twice, or waits for itself`),
  );
}

function warn(code: WarningCode, message: string): Warning {
  return { code, message };
}
