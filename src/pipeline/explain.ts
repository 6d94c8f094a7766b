import type { Backoff } from '../core/backoff.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkOneOf, readOptions } from '../core/options.js';
import type { Policy, PolicyDescription } from '../core/policy.js';

/** The worst case of a pipeline, as `explain` computes it. */
export interface Explanation {
  /**
   * The maximum number of times that one call may run the operation: every attempt fails immediately, and every delay
   * is 0.
   */
  readonly maxAttempts: number;
  /**
   * The maximum duration of one call in milliseconds: every attempt hangs, and every delay is as long as possible.
   * `Infinity` if nothing limits it.
   */
  readonly maxDurationMs: number;
  /**
   * The factor by which retries and hedges multiply the load on the dependency while it is down, as far as budgets and
   * caps allow them.
   */
  readonly amplification: number;
  /** Likely mistakes in the composition. */
  readonly warnings: readonly Warning[];
}

/** A likely mistake in the composition of a pipeline. */
export interface Warning {
  /** The kind of mistake. */
  readonly code: WarningCode;
  /** The mistake in words, with the names of the policies. */
  readonly message: string;
}

/** The kind of a likely mistake. */
export type WarningCode =
  | 'breaker-without-inner-timeout'
  | 'breaker-outside-retry'
  | 'bulkhead-outside-retry'
  | 'fallback-inside-retry'
  | 'no-timeout'
  | 'retry-inside-retry'
  | 'same-policy-twice'
  | 'retries-beyond-budget'
  | 'attempt-timeout-too-long'
  | 'hedge-outside-retry'
  | 'hedge-inside-breaker'
  | 'hedge-inside-bulkhead'
  | 'hedge-inside-hedge'
  | 'hedge-without-cap'
  | 'hedge-after-timeout'
  | 'hedge-of-unsafe-calls'
  | 'faults-not-innermost'
  | 'limit-without-inner-timeout'
  | 'gate-without-limit';

/**
 * Computes the worst case of a pipeline, and finds likely mistakes in its composition. Nothing is run: the result is
 * derived from the descriptions of the policies; for a `resilientFetch`, from its options. The time that calls wait for a slot is not included. A policy made by
 * `definePolicy` counts as one that calls the next policy once, without delay.
 *
 * @throws InvalidOptionError if the argument is not a policy.
 * @example
 * ```ts
 * const policy = pipeline(retry({ maxAttempts: 5 }), circuitBreaker(), timeout('2s'));
 * const { maxAttempts, maxDurationMs, warnings } = explain(policy);
 * console.log(`at most ${maxAttempts} attempts in ${maxDurationMs} ms`, warnings);
 * ```
 */
export function explain(policy: Policy<unknown> | Explainable): Explanation {
  const { breakwater: control } = Object(policy) as Partial<Explainable>;
  if (typeof control?.explain === 'function') return control.explain();
  if (!isPolicy(policy)) {
    throw new InvalidOptionError('explain', 'policy', 'must be a policy or a resilientFetch', policy);
  }
  const chain = flatten(policy);
  const descriptions = chain.map((member) => member.describe());
  return {
    maxAttempts: walk(descriptions, 0, Infinity, FAILING).attempts,
    maxDurationMs: walk(descriptions, 0, Infinity, HANGING).endsAt,
    amplification: descriptions.reduce((product, description) => product * amplificationOf(description), 1),
    warnings: [...warningsOf(descriptions), ...missingTimeout(descriptions), ...sharedTwice(chain)],
  };
}

/** A function with policies inside, such as `resilientFetch` returns it. */
export interface Explainable {
  readonly breakwater: { explain(): Explanation };
}

/** Options of `assertNoWarnings`. */
export interface AssertNoWarningsOptions {
  /** The kinds of warnings that are intended. @defaultValue none */
  readonly allow?: readonly WarningCode[] | undefined;
}

/**
 * Throws if `explain` finds a likely mistake in the composition of a policy. For a test of the program's policies, or
 * for its start.
 *
 * @throws Error with the messages of all warnings that are not allowed.
 * @throws InvalidOptionError if an argument is invalid.
 * @example
 * ```ts
 * const policy = pipeline(timeout('10s'), retry(), circuitBreaker(), timeout('2s'));
 * assertNoWarnings(policy);
 * assertNoWarnings(pipeline(retry(), circuitBreaker()), { allow: ['no-timeout'] });
 * ```
 */
export function assertNoWarnings(policy: Policy<unknown> | Explainable, options?: AssertNoWarningsOptions): void {
  const { allow } = readOptions<AssertNoWarningsOptions>('assertNoWarnings', options, { allow: [] });
  if (!Array.isArray(allow)) throw new InvalidOptionError('assertNoWarnings', 'allow', 'must be an array', allow);
  for (const code of allow) checkOneOf('assertNoWarnings', 'allow', code, WARNING_CODES);
  const found = explain(policy).warnings.filter(({ code }) => !allow.includes(code));
  if (found.length === 0) return;
  throw new Error(
    `The policy has likely mistakes:\n${found.map(({ code, message }) => `- ${code}: ${message}`).join('\n')}`,
  );
}

const WARNING_CODES: readonly WarningCode[] = [
  ...([
    'breaker-without-inner-timeout',
    'breaker-outside-retry',
    'bulkhead-outside-retry',
    'same-policy-twice',
  ] as const),
  ...(['fallback-inside-retry', 'no-timeout', 'retry-inside-retry', 'retries-beyond-budget'] as const),
  'attempt-timeout-too-long',
  ...(['hedge-outside-retry', 'hedge-inside-breaker', 'hedge-inside-bulkhead', 'hedge-inside-hedge'] as const),
  ...(['hedge-without-cap', 'hedge-after-timeout', 'hedge-of-unsafe-calls'] as const),
  'faults-not-innermost',
  ...(['limit-without-inner-timeout', 'gate-without-limit'] as const),
];

const isPolicy = (value: unknown): value is Policy<unknown> =>
  typeof (value as Partial<Policy<unknown>> | null | undefined)?.describe === 'function';

/** Returns the members, outermost first. Inner pipelines are replaced by their members. */
function flatten(policy: Policy<unknown>): readonly Policy<unknown>[] {
  const { policies } = policy as { policies?: readonly Policy<unknown>[] };
  return policies === undefined ? [policy] : policies.flatMap(flatten);
}

/** The assumptions of a worst case: whether the operation hangs, and the values of the random source. */
interface WorstCase {
  readonly hangs: boolean;
  /** Returns the smallest or the largest value that a random source comes close to. */
  readonly random: () => number;
}

const FAILING: WorstCase = { hangs: false, random: () => 0 };
const HANGING: WorstCase = { hangs: true, random: () => 1 };

/** The number of attempts from which a retry counts as unlimited. */
const MANY_ATTEMPTS = 100_000;

interface Walk {
  readonly attempts: number;
  readonly endsAt: number;
}

/** Walks one call through the remaining members, starting at `now`. No member continues after the deadline. */
function walk(chain: readonly PolicyDescription[], now: number, deadline: number, worst: WorstCase): Walk {
  const [member, ...inner] = chain;
  if (member === undefined) return { attempts: 1, endsAt: worst.hangs ? deadline : now };
  if (member.kind === 'timeout') {
    return walk(inner, now, Math.min(deadline, now + (member.timeoutMs as number)), worst);
  }
  if (member.kind === 'hedge') return walkHedge(member, inner, now, deadline, worst);
  if (member.kind === 'retry') return walkRetry(member, inner, now, deadline, worst);
  return walk(inner, now, deadline, worst);
}

/** Each hedge starts one delay after the run before it, or earlier when a run has failed. */
function walkHedge(
  { maxHedges, delayMs, mode }: PolicyDescription,
  inner: readonly PolicyDescription[],
  startedAt: number,
  deadline: number,
  worst: WorstCase,
): Walk {
  const hedges = mode === 'observe' ? 0 : (maxHedges as number);
  const delay = (delayMs as number | undefined) ?? Infinity;
  const runs = [walk(inner, startedAt, deadline, worst)];
  let start = startedAt;
  /** The number of failures that have started a hedge. */
  let failures = 0;
  while (runs.length <= hedges) {
    const failureAt = runs[failures]?.endsAt ?? Infinity;
    if (failureAt <= start + delay) failures++;
    start = Math.min(start + delay, failureAt);
    if (start >= deadline || start === Infinity) break;
    runs.push(walk(inner, start, deadline, worst));
  }
  return {
    attempts: runs.reduce((sum, { attempts }) => sum + attempts, 0),
    endsAt: Math.max(...runs.map(({ endsAt }) => endsAt)),
  };
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
  /** Whether a delay may be shorter than assumed, so that one more attempt starts just before the retry must stop. */
  let isRandom = false;
  const stopBefore = (end: number): Walk => {
    if (!worst.hangs || !isRandom) return { attempts, endsAt: now };
    return { attempts, endsAt: Math.max(now, walk(inner, end, deadline, worst).endsAt) };
  };
  for (let attempt = 1; ; attempt++) {
    const attempted = walk(inner, now, deadline, worst);
    attempts += attempted.attempts;
    now = attempted.endsAt;
    if (attempt >= (maxAttempts as number) || now >= deadline || now === Infinity) return { attempts, endsAt: now };
    const outcome = { ok: false, error: undefined } as const;
    const planned = backoff({ attempt, previousDelayMs, outcome, random: worst.random });
    if (planned === undefined) return { attempts, endsAt: now };
    isRandom ||= backoff({ attempt, previousDelayMs, outcome, random: () => 0 }) !== planned;
    const delayMs = Math.max(planned, maxAttempts === Infinity ? 1 : 0);
    if (now + delayMs > latest || now + delayMs >= deadline) return stopBefore(Math.min(latest, deadline));
    if (attempt >= MANY_ATTEMPTS) return { attempts: Infinity, endsAt: worst.hangs ? Math.min(deadline, latest) : now };
    now += delayMs;
    previousDelayMs = delayMs;
  }
}

function amplificationOf(description: PolicyDescription): number {
  if (description.kind === 'hedge') return description.mode === 'observe' ? 1 : 1 + hedgesPerCall(description);
  if (description.kind !== 'retry') return 1;
  return Math.min(description.maxAttempts as number, 1 + ratioOf(description));
}

/** Returns the number of attempts per request that the budget of a policy allows. */
function ratioOf({ budget }: PolicyDescription): number {
  return (budget as { readonly ratio: number } | undefined)?.ratio ?? Infinity;
}

function hedgesPerCall(hedge: PolicyDescription): number {
  return Math.min(hedge.maxHedges as number, hedge.maxRatio as number, ratioOf(hedge));
}

function* missingTimeout(chain: readonly PolicyDescription[]): Generator<Warning> {
  const isLimited = chain.some((member) => member.kind === 'timeout' && member.timeoutMs !== Infinity);
  if (chain.length < 2 || isLimited) return; // a single policy is no composition: its operation may have a timeout
  yield warn('no-timeout', 'no policy has a timeout: a call whose operation hangs never ends');
}

function* warningsOf(chain: readonly PolicyDescription[]): Generator<Warning> {
  const isAfter = (index: number, kind: string) => chain.slice(index + 1).some((member) => member.kind === kind);
  const isBefore = (index: number, kind: string) => chain.slice(0, index).some((member) => member.kind === kind);
  for (const [index, { kind, name, ...settings }] of chain.entries()) {
    if (kind === 'circuitBreaker' && isBefore(index, 'timeout') && !isAfter(index, 'timeout')) {
      yield warn(
        'breaker-without-inner-timeout',
        `"${name}" has a timeout outside it and none inside: a call that hangs is aborted from outside and never counts as a failure`,
      );
    }
    if (kind === 'circuitBreaker' && isAfter(index, 'retry')) {
      yield warn(
        'breaker-outside-retry',
        `"${name}" is outside a retry: it sees only the last attempt of each call, and opens late`,
      );
    }
    if (kind === 'fallback' && isBefore(index, 'retry')) {
      yield warn(
        'fallback-inside-retry',
        `"${name}" is inside a retry: it answers the first failure, so that nothing is retried`,
      );
    }
    if (kind === 'retry' && isBefore(index, 'retry')) {
      yield warn('retry-inside-retry', `"${name}" is inside another retry: the numbers of their attempts multiply`);
    }
    if ((kind === 'bulkhead' || kind === 'adaptiveLimit') && isAfter(index, 'retry')) {
      yield warn('bulkhead-outside-retry', `"${name}" is outside a retry: a call holds its slot during every backoff`);
    }
    if (kind === 'retry' && settings.budget !== undefined) {
      const { ratio, floor } = settings.budget as { ratio: number; floor: number };
      const retries = (settings.maxAttempts as number) - 1;
      if (retries > ratio + floor) {
        yield warn(
          'retries-beyond-budget',
          `"${name}" may retry a call ${retries} times, but its budget allows a single call only ${ratio + floor}`,
        );
      }
    }
    if (settings.injectsFaults === true) {
      const inner = chain.slice(index + 1).find((member) => member.kind !== 'custom' && member.injectsFaults !== true);
      if (inner !== undefined) {
        const message = `"${name}" injects faults outside "${inner.name}", which never sees them: make it the innermost policy`;
        yield warn('faults-not-innermost', message);
      }
    }
    if (kind === 'hedge') yield* hedgeWarnings({ kind, name, ...settings }, chain, index);
    // Without a queue no call has waited, and a timeout outside is counted as an overload.
    const hasQueue = kind === 'adaptiveLimit' && (settings.maxQueue as number) > 0;
    if (hasQueue && isBefore(index, 'timeout') && !isAfter(index, 'timeout')) {
      const message = `"${name}" has a timeout outside it and none inside: a call that has waited for its slot and then times out is not counted as an overload`;
      yield warn('limit-without-inner-timeout', message);
    }
    const inner = chain.slice(index + 1);
    if (kind === 'priorityGate' && chain.length > 1 && inner.every((member) => NEVER_FULL.includes(member.kind))) {
      const message = `"${name}" has no limit inside it: it learns from the rejections of a bulkhead, an adaptive limit or a rate limit, and rejects no call without one`;
      yield warn('gate-without-limit', message);
    }
    const total = chain.slice(0, index).find((member) => member.kind === 'timeout');
    if (kind === 'timeout' && total !== undefined && (settings.timeoutMs as number) > (total.timeoutMs as number)) {
      const message = `"${name}" (${settings.timeoutMs} ms) never ends an attempt: the outer timeout "${total.name}" is shorter (${total.timeoutMs} ms)`;
      yield warn('attempt-timeout-too-long', message);
    }
  }
}

/** The kinds of policies that never reject a call because there is no place for it. */
const NEVER_FULL: readonly string[] = ['timeout', 'retry', 'hedge', 'circuitBreaker', 'fallback', 'coalesce'];

function* hedgeWarnings(
  hedge: PolicyDescription,
  chain: readonly PolicyDescription[],
  index: number,
): Generator<Warning> {
  const { name } = hedge;
  const outer = (kind: string) => chain.slice(0, index).find((member) => member.kind === kind);
  const inner = chain.slice(index + 1);
  if (inner.some(({ kind }) => kind === 'retry')) {
    const message = `"${name}" is outside a retry: each hedge is retried too, and a hedge starts during a backoff`;
    yield warn('hedge-outside-retry', message);
  }
  const breaker = outer('circuitBreaker');
  if (breaker !== undefined) {
    const message = `"${name}" is inside "${breaker.name}": the breaker sees only the run that wins, and no slow replica`;
    yield warn('hedge-inside-breaker', message);
  }
  const limit = outer('bulkhead') ?? outer('adaptiveLimit');
  if (limit !== undefined) {
    const message = `"${name}" is inside "${limit.name}": all hedges of a call share one slot, so that more calls run than it permits`;
    yield warn('hedge-inside-bulkhead', message);
  }
  if (outer('hedge') !== undefined) {
    yield warn('hedge-inside-hedge', `"${name}" is inside another hedge: the numbers of their hedges multiply`);
  }
  if (hedgesPerCall(hedge) >= 1) {
    const message = `"${name}" may hedge each call: if the dependency becomes slower, its load doubles`;
    yield warn('hedge-without-cap', message);
  }
  const { delayMs } = hedge as { readonly delayMs?: number };
  const timeout = inner.find(({ kind }) => kind === 'timeout');
  if (delayMs !== undefined && timeout !== undefined && delayMs >= (timeout.timeoutMs as number)) {
    const message = `"${name}" waits for ${delayMs} ms, but "${timeout.name}" ends an attempt before (${timeout.timeoutMs} ms): only a failure starts a hedge`;
    yield warn('hedge-after-timeout', message);
  }
}

function sharedTwice(chain: readonly Policy<unknown>[]): Warning[] {
  const twice = new Set(chain.filter((member, index) => chain.indexOf(member) < index));
  return [...twice].map(({ name }) =>
    warn('same-policy-twice', `"${name}" is in the pipeline twice: each call counts twice, or waits for itself`),
  );
}

/** The sections of docs/simulations.md that show the consequences of a mistake. */
const SIMULATIONS: { readonly [code in WarningCode]?: string } = {
  'breaker-without-inner-timeout': 'missing-inner-timeout',
  'bulkhead-outside-retry': 'bulkhead-outside-retry',
  'retries-beyond-budget': 'retry-storm',
  'hedge-without-cap': 'hedging-with-and-without-a-budget',
  'gate-without-limit': 'priorities-under-twice-the-load',
};

/** Returns a warning. Its message refers to the section of docs/simulations.md that shows the consequences. */
function warn(code: WarningCode, message: string): Warning {
  const section = SIMULATIONS[code];
  return { code, message: section === undefined ? message : `${message} (see docs/simulations.md#${section})` };
}
