import {
  type Bulkhead,
  bulkhead,
  type CircuitBreaker,
  circuitBreaker,
  definePolicy,
  fallback,
  type Keyed,
  keyed,
  type Pipeline,
  type Policy,
  pipeline,
  rateLimit,
  retry,
  TokenBucket,
  timeout,
} from 'breakwater';
import type { TestClock } from 'breakwater/testing';
import fc from 'fast-check';

/** One policy, as plain data. */
export type Spec =
  | { readonly kind: 'retry'; readonly maxAttempts: number; readonly delayMs: number }
  | { readonly kind: 'timeout'; readonly ms: number }
  | { readonly kind: 'circuitBreaker'; readonly minimumCalls: number; readonly observe: boolean }
  | { readonly kind: 'bulkhead'; readonly maxConcurrent: number; readonly maxQueue: number; readonly timed: boolean }
  | { readonly kind: 'fallback'; readonly answer: 'value' | 'throws' | 'never' }
  | { readonly kind: 'rateLimit'; readonly capacity: number; readonly maxWaitMs: number }
  | {
      readonly kind: 'custom';
      readonly does: 'pass' | 'throw' | 'sleep' | 'twice' | 'both' | 'part' | 'swallow' | 'wrap';
    }
  | { readonly kind: 'keyed'; readonly maxKeys: number; readonly member: Spec }
  | { readonly kind: 'pipeline'; readonly members: readonly Spec[] };

const small = fc.integer({ min: 1, max: 3 });
const ms = fc.constantFrom(5, 30, 100);
const simple: fc.Arbitrary<Spec> = fc.oneof(
  fc.record({ kind: fc.constant('retry' as const), maxAttempts: small, delayMs: fc.constantFrom(0, 10, 50) }),
  fc.record({ kind: fc.constant('timeout' as const), ms }),
  fc.record({ kind: fc.constant('circuitBreaker' as const), minimumCalls: small, observe: fc.boolean() }),
  fc.record({ kind: fc.constant('bulkhead' as const), maxConcurrent: small, maxQueue: fc.nat(3), timed: fc.boolean() }),
  fc.record({
    kind: fc.constant('fallback' as const),
    answer: fc.constantFrom('value' as const, 'throws' as const, 'never' as const),
  }),
  fc.record({ kind: fc.constant('rateLimit' as const), capacity: small, maxWaitMs: fc.constantFrom(0, 50, 1000) }),
  fc.record({
    kind: fc.constant('custom' as const),
    does: fc.constantFrom(...(['pass', 'throw', 'sleep', 'twice', 'both', 'part', 'swallow', 'wrap'] as const)),
  }),
);
const composed: fc.Arbitrary<Spec> = fc.oneof(
  fc.record({
    kind: fc.constant('pipeline' as const),
    members: fc.array(simple, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('keyed' as const), maxKeys: fc.integer({ min: 1, max: 2 }), member: simple }),
);
export const specs = fc.array(fc.oneof({ weight: 6, arbitrary: simple }, { weight: 2, arbitrary: composed }), {
  minLength: 1,
  maxLength: 6,
});

/** Every policy on one clock, including the members of keyed policies. */
export interface Made {
  readonly clock: TestClock;
  readonly breakers: CircuitBreaker[];
  readonly bulkheads: Bulkhead[];
  readonly families: { readonly family: Keyed<Policy<unknown>>; readonly maxKeys: number }[];
  /** Called for each event of each policy at once. */
  readonly onEvent: (policy: Policy<unknown>) => void;
}

function build(spec: Spec, made: Made): Policy<unknown> {
  const { clock } = made;
  switch (spec.kind) {
    case 'retry': {
      const policy = retry({ maxAttempts: spec.maxAttempts, backoff: () => spec.delayMs, clock });
      for (const type of ['retry', 'giveUp'] as const) policy.on(type, () => made.onEvent(policy));
      return policy;
    }
    case 'timeout': {
      const policy = timeout({ duration: spec.ms, clock });
      policy.on('timeout', () => made.onEvent(policy));
      return policy;
    }
    case 'circuitBreaker':
      return buildBreaker(spec.minimumCalls, spec.observe, made);
    case 'bulkhead': {
      const { maxConcurrent, maxQueue } = spec;
      const policy = bulkhead({ maxConcurrent, maxQueue, queueTimeout: spec.timed ? 60 : undefined, clock });
      for (const type of ['queued', 'reject', 'idle'] as const) policy.on(type, () => made.onEvent(policy));
      made.bulkheads.push(policy);
      return policy;
    }
    case 'fallback':
      return fallback(() => {
        if (spec.answer === 'throws') throw new Error('no value');
        return spec.answer === 'never' ? new Promise<never>(() => {}) : 'an answer';
      });
    case 'rateLimit': {
      const limiter = new TokenBucket({ capacity: spec.capacity, refill: 1, per: 20, clock });
      const policy = rateLimit(limiter, { maxWait: spec.maxWaitMs });
      policy.on('reject', () => made.onEvent(policy));
      return policy;
    }
    case 'custom':
      return custom(spec.does, clock);
    case 'keyed': {
      const { maxKeys, member } = spec;
      const make = (key: string) => {
        if (key === 'bad') throw new Error('no policy for this key');
        return build(member, made);
      };
      const family = keyed(make, { maxKeys, clock });
      made.families.push({ family, maxKeys });
      return family;
    }
    case 'pipeline': {
      const policy = buildPipeline(spec.members, made);
      for (const type of ['success', 'failure'] as const) policy.on(type, () => made.onEvent(policy));
      return policy;
    }
  }
}

/** Uses the clock of the test even if no member has a clock, so that the `timeout` of a call does too. */
export function buildPipeline(members: readonly Spec[], made: Made): Pipeline<unknown> {
  return pipeline(custom('pass', made.clock), ...members.map((member) => build(member, made)));
}

function buildBreaker(minimumCalls: number, observe: boolean, made: Made): CircuitBreaker {
  const policy = circuitBreaker({
    minimumCalls,
    window: { calls: 4 },
    openFor: 40,
    halfOpen: { probes: 2, probeTimeout: 60 },
    mode: observe ? 'observe' : 'enforce',
    clock: made.clock,
  });
  const types = ['open', 'halfOpen', 'close', 'stateChange', 'reject'] as const;
  for (const type of types) policy.on(type, () => made.onEvent(policy));
  made.breakers.push(policy);
  return policy;
}

function custom(does: (Spec & { kind: 'custom' })['does'], clock: TestClock): Policy {
  return definePolicy({
    name: does,
    clock,
    async run(next, context) {
      switch (does) {
        case 'pass':
          return next(context);
        case 'throw':
          throw new Error('rejected');
        case 'sleep':
          await context.sleep(15);
          return next(context);
        case 'twice':
          await next(context);
          return next(context);
        case 'both': {
          const [first, second] = await Promise.allSettled([next(context), next(context)]);
          if (first.status === 'rejected') throw first.reason;
          if (second.status === 'rejected') throw second.reason;
          return first.value;
        }
        case 'part': {
          using part = context.derive({});
          return await next(part);
        }
        case 'swallow':
          try {
            return await next(context);
          } catch (error) {
            if (context.aborted) throw error;
            return 'swallowed';
          }
        case 'wrap': // also for the abort of the caller, who must not receive the other error
          try {
            return await next(context);
          } catch (cause) {
            throw new Error('wrapped', { cause });
          }
      }
    },
  });
}
