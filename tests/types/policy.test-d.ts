import {
  type AddsOf,
  bulkhead,
  type CallContext,
  type ChildContext,
  type CircuitBreaker,
  type Classify,
  circuitBreaker,
  defaultClassify,
  definePolicy,
  fallback,
  type Keyed,
  keyed,
  type Next,
  type Outcome,
  type Pipeline,
  type Policy,
  type PolicyContext,
  pipeline,
  type Retry,
  retry,
  type Timeout,
  timeout,
} from 'breakwater';
import { describe, expectTypeOf, it } from 'vitest';

interface User {
  readonly name: string;
}
declare const user: User;
declare const loading: Promise<User>;
declare const likeAPromise: PromiseLike<User>;
declare function either(): User | Promise<User>;

describe('execute', () => {
  it('execute returns a promise of the result of the operation', () => {
    expectTypeOf(retry().execute(() => user)).toEqualTypeOf<Promise<User>>();
    expectTypeOf(retry().execute(() => loading)).toEqualTypeOf<Promise<User>>();
    expectTypeOf(retry().execute(() => likeAPromise)).toEqualTypeOf<Promise<User>>();
    expectTypeOf(retry().execute(async () => user)).toEqualTypeOf<Promise<User>>();
    expectTypeOf(retry().execute(either)).toEqualTypeOf<Promise<User>>();
    expectTypeOf(retry().execute(() => {})).toEqualTypeOf<Promise<void>>();
    expectTypeOf(retry().execute(() => Promise.reject(new Error('no')))).toEqualTypeOf<Promise<never>>();
    expectTypeOf(retry().execute(() => (Math.random() < 0.5 ? user : undefined))).toEqualTypeOf<
      Promise<User | undefined>
    >();
  });

  it('execute accepts an explicit type argument', () => {
    expectTypeOf(retry().execute<User | undefined>(() => undefined)).toEqualTypeOf<Promise<User | undefined>>();
    // @ts-expect-error: the result has another type
    retry().execute<User>(() => 'Ada');
  });

  it('the operation receives its context', () => {
    retry().execute((context) => {
      expectTypeOf(context).toEqualTypeOf<CallContext>();
      // @ts-expect-error: a method of PolicyContext, not of CallContext
      context.derive({});
      // @ts-expect-error: read-only
      context.attempt = 2;
    });
  });

  it('execute accepts the options of a call, which may be undefined or null', () => {
    const { signal }: { signal: AbortSignal | undefined } = new AbortController();
    retry().execute(() => user, { signal, timeout: undefined, classify: undefined, priority: undefined });
    retry().execute(() => user, { signal: null, timeout: '5s', key: undefined });
    // @ts-expect-error: no such option
    retry().execute(() => user, { deadline: 5 });
    // @ts-expect-error: a controller is not a signal
    retry().execute(() => user, { signal: new AbortController() });
    // @ts-expect-error: not a function
    retry().execute(loading);
  });
});

describe('attempt', () => {
  it('attempt returns the outcome of the operation, with the value that the policy adds', () => {
    expectTypeOf(retry().attempt(async () => user)).toEqualTypeOf<Promise<Outcome<User>>>();
    expectTypeOf(fallback('none').attempt(() => user)).toEqualTypeOf<Promise<Outcome<User | string>>>();
  });
});

describe('The classify of a call', () => {
  it('classify gets the outcome of the operation', () => {
    const call = retry().execute(async () => user, {
      classify: (outcome, context) => {
        expectTypeOf(outcome).toEqualTypeOf<Outcome<User>>();
        return outcome.ok && outcome.value.name === String(context.attempt) ? 'success' : 'failure';
      },
    });
    expectTypeOf(call).toEqualTypeOf<Promise<User>>();
    retry().execute(async () => user, { classify: defaultClassify });
    // @ts-expect-error: the operation returns a user
    retry().execute(async () => user, { classify: (outcome: Outcome<string>) => (outcome.ok ? 'success' : 'failure') });
  });
});

describe('wrap', () => {
  it('wrap keeps the parameters and returns a promise', () => {
    const wrapped = retry().wrap((id: number, options?: { fresh: boolean }) => (options ? loading : user) && `${id}`);
    expectTypeOf(wrapped).parameters.toEqualTypeOf<[id: number, options?: { fresh: boolean }]>();
    expectTypeOf(wrapped).returns.toEqualTypeOf<Promise<string>>();
    expectTypeOf(retry().wrap(async (...ids: number[]) => ids)).toEqualTypeOf<
      (...ids: number[]) => Promise<number[]>
    >();
    // @ts-expect-error: a string is not an id
    wrapped('1');
  });

  it('wrap keeps overloads and type parameters of an asynchronous function', () => {
    function find(id: number): Promise<User>;
    function find(ids: number[]): Promise<User[]>;
    async function find(_ids: number | number[]): Promise<User | User[]> {
      return user;
    }
    const wrapped = retry().wrap(find);
    expectTypeOf(wrapped(1)).toEqualTypeOf<Promise<User>>();
    expectTypeOf(wrapped([1])).toEqualTypeOf<Promise<User[]>>();
    expectTypeOf(pipeline(retry(), timeout('1s')).wrap(async <T>(value: T) => value)('text')).toEqualTypeOf<
      Promise<'text' | string>
    >();
    expectTypeOf(retry().wrap(fetch)).toEqualTypeOf<typeof fetch>();
  });

  it('wrap of a policy that adds a value says so for an asynchronous function too', () => {
    expectTypeOf(fallback('none').wrap(async (id: number) => id)(1)).toEqualTypeOf<Promise<number | string>>();
    expectTypeOf(fallback('none').wrap(fetch)('https://a.test/')).toEqualTypeOf<Promise<Response | string>>();
  });

  it('wrap keeps the type of this', () => {
    class Repository {
      readonly #users = new Map<number, User>();

      find = retry().wrap(function (this: Repository, id: number) {
        return this.#users.get(id);
      });
    }
    const repository = new Repository();
    expectTypeOf(repository.find).toEqualTypeOf<(this: Repository, id: number) => Promise<User | undefined>>();
    expectTypeOf(repository.find(1)).toEqualTypeOf<Promise<User | undefined>>();
    const { find } = repository;
    // @ts-expect-error: this is missing
    find(1);
  });

  it('a wrapped function without this can be called directly', () => {
    const wrapped = retry().wrap(() => user);
    expectTypeOf(wrapped()).toEqualTypeOf<Promise<User>>();
    expectTypeOf([wrapped].map((one) => one())).toEqualTypeOf<Promise<User>[]>();
  });

  it('wrap adds the type that the policy adds', () => {
    expectTypeOf(fallback(undefined).wrap((id: number) => ({ id }))(1)).toEqualTypeOf<
      Promise<{ id: number } | undefined>
    >();
  });
});

describe('fallback', () => {
  it('a fallback adds the type of its value', () => {
    expectTypeOf(fallback(user)).toEqualTypeOf<Policy<User>>();
    expectTypeOf(fallback(undefined)).toEqualTypeOf<Policy<undefined>>();
    expectTypeOf(fallback(null).execute(() => user)).toEqualTypeOf<Promise<User | null>>();
    expectTypeOf(fallback('none').execute(() => 1)).toEqualTypeOf<Promise<string | number>>();
  });

  it('a fallback adds the awaited result type of its function', () => {
    expectTypeOf(fallback(() => user)).toEqualTypeOf<Policy<User>>();
    expectTypeOf(fallback(async () => user)).toEqualTypeOf<Policy<User>>();
    expectTypeOf(fallback(() => likeAPromise)).toEqualTypeOf<Policy<User>>();
    expectTypeOf(fallback(either)).toEqualTypeOf<Policy<User>>();
    expectTypeOf(
      fallback(() => {
        throw new Error('no answer either');
      }),
    ).toEqualTypeOf<Policy<never>>();
  });

  it('the function of a fallback receives the outcome and the context', () => {
    fallback((outcome, context) => {
      expectTypeOf(context).toEqualTypeOf<CallContext>();
      if (outcome.ok) expectTypeOf(outcome).toEqualTypeOf<{ readonly ok: true; readonly value: unknown }>();
      else expectTypeOf(outcome).toEqualTypeOf<{ readonly ok: false; readonly error: unknown }>();
      return user;
    });
  });

  it('a fallback value of the type of the operation adds nothing', () => {
    expectTypeOf(fallback(user).execute(() => loading)).toEqualTypeOf<Promise<User>>();
  });
});

describe('pipeline', () => {
  it('a pipeline adds the types of its fallbacks only', () => {
    expectTypeOf(pipeline()).toEqualTypeOf<Pipeline>();
    expectTypeOf(pipeline(timeout('5s'), retry(), circuitBreaker())).toEqualTypeOf<Pipeline>();
    expectTypeOf(pipeline(timeout('5s'), retry()).execute(() => loading)).toEqualTypeOf<Promise<User>>();
    expectTypeOf(pipeline(fallback('none'), retry())).toEqualTypeOf<Pipeline<string>>();
    expectTypeOf(
      pipeline(
        fallback('none'),
        retry(),
        fallback(async () => 0),
      ),
    ).toEqualTypeOf<Pipeline<string | number>>();
  });

  it('a pipeline of eight policies infers its type', () => {
    const eight = pipeline(
      fallback('none'),
      timeout('30s'),
      retry(),
      circuitBreaker(),
      bulkhead({ maxConcurrent: 1 }),
      keyed(() => timeout('20s')),
      definePolicy({ name: 'own', run: (next, context) => next(context) }),
      timeout('10s'),
    );
    expectTypeOf(eight).toEqualTypeOf<Pipeline<string>>();
    expectTypeOf(eight.execute(() => 1)).toEqualTypeOf<Promise<string | number>>();
  });

  it('a pipeline of pipelines and of lists of unknown length infers its type', () => {
    const inner = pipeline(fallback(0), retry());
    expectTypeOf(pipeline(fallback('none'), pipeline(timeout('5s'), inner))).toEqualTypeOf<Pipeline<string | number>>();
    const listed: Policy[] = [retry(), timeout('5s')];
    expectTypeOf(pipeline(...listed)).toEqualTypeOf<Pipeline>();
    expectTypeOf(pipeline(fallback('none'), ...listed)).toEqualTypeOf<Pipeline<string>>();
  });

  it('a pipeline accepts only policies', () => {
    // @ts-expect-error: options instead of a policy
    pipeline({ maxAttempts: 3 });
    // @ts-expect-error: a factory that was not called
    pipeline(retry);
    // @ts-expect-error: undefined is not a policy
    pipeline(retry(), undefined);
  });
});

describe('keyed', () => {
  it('keyed keeps the type of its members', () => {
    const breakers = keyed((host) => {
      expectTypeOf(host).toEqualTypeOf<string>();
      return circuitBreaker({ name: host });
    });
    expectTypeOf(breakers).toEqualTypeOf<Keyed<CircuitBreaker>>();
    expectTypeOf(breakers.for('a')).toEqualTypeOf<CircuitBreaker>();
    expectTypeOf(keyed(() => retry()).for('a')).toEqualTypeOf<Retry>();
    expectTypeOf(keyed(() => pipeline(retry(), fallback('none'))).for('a').policies).toEqualTypeOf<
      readonly Policy<unknown>[]
    >();
  });

  it('keyed adds the types that its members add', () => {
    expectTypeOf(keyed(() => retry()).execute(() => user, { key: 'a' })).toEqualTypeOf<Promise<User>>();
    expectTypeOf(keyed(() => fallback('none')).execute(() => user, { key: 'a' })).toEqualTypeOf<
      Promise<User | string>
    >();
    expectTypeOf(
      pipeline(
        timeout('5s'),
        keyed(() => fallback('none')),
      ),
    ).toEqualTypeOf<Pipeline<string>>();
    expectTypeOf(keyed((key) => (key === 'a' ? fallback('none') : fallback(0))).execute(() => true)).toEqualTypeOf<
      Promise<string | number | boolean>
    >();
  });
});

describe('Policy', () => {
  it('a policy that adds fewer types extends a policy that adds more, and not the reverse', () => {
    expectTypeOf<Policy>().toEqualTypeOf<Policy<never>>();
    expectTypeOf<Policy<never>>().toExtend<Policy<unknown>>();
    expectTypeOf<Policy<string>>().toExtend<Policy<string | number>>();
    expectTypeOf<Policy<unknown>>().not.toExtend<Policy<never>>();
    expectTypeOf<Policy<string | number>>().not.toExtend<Policy<string>>();
    expectTypeOf<Pipeline<string>>().not.toExtend<Policy>();
  });

  it('every factory returns a Policy', () => {
    expectTypeOf<Retry>().toExtend<Policy>();
    expectTypeOf<Timeout>().toExtend<Policy>();
    expectTypeOf<CircuitBreaker>().toExtend<Policy>();
    expectTypeOf<ReturnType<typeof bulkhead>>().toExtend<Policy>();
    expectTypeOf<Keyed<CircuitBreaker>>().toExtend<Policy>();
    expectTypeOf<Keyed<Policy<string>>>().toExtend<Policy<string>>();
    expectTypeOf<Keyed<Policy<string>>>().not.toExtend<Policy>();
  });

  it('AddsOf is the type that a policy adds', () => {
    expectTypeOf<AddsOf<Retry>>().toEqualTypeOf<never>();
    expectTypeOf<AddsOf<Policy<string>>>().toEqualTypeOf<string>();
    expectTypeOf<AddsOf<Pipeline<string | undefined>>>().toEqualTypeOf<string | undefined>();
  });
});

describe('definePolicy', () => {
  it('definePolicy returns a policy that adds nothing', () => {
    const own = definePolicy({ name: 'own', run: (next, context) => next(context) });
    expectTypeOf(own).toEqualTypeOf<Policy>();
  });

  it('the run function receives the next function and the context', () => {
    definePolicy({
      name: 'own',
      async run(next, context) {
        expectTypeOf(next).toEqualTypeOf<Next>();
        expectTypeOf(context).toEqualTypeOf<PolicyContext>();
        expectTypeOf(context.classify).toEqualTypeOf<Classify>();
        expectTypeOf(context.aborted).toEqualTypeOf<boolean>();
        expectTypeOf(await context.wait(loading)).toEqualTypeOf<User>();
        expectTypeOf(await context.wait(likeAPromise)).toEqualTypeOf<User>();
        expectTypeOf(context.sleep(5)).toEqualTypeOf<Promise<void>>();
        expectTypeOf(await next(context)).toEqualTypeOf<unknown>();
        // @ts-expect-error: only a child may be aborted by the policy that made it
        context.abort(new Error('no'));

        using child = context.derive({ attempt: 2, deadline: 1000 });
        expectTypeOf(child).toEqualTypeOf<ChildContext>();
        child.abort(new Error('enough'));
        return next(child);
      },
      describe: () => ({ limitMs: 5 }),
    });
  });

  it('definePolicy requires a name and a function that returns a promise', () => {
    // @ts-expect-error: the name is required
    definePolicy({ run: (next, context) => next(context) });
    // @ts-expect-error: the run function is required
    definePolicy({ name: 'own' });
    // @ts-expect-error: returns no promise
    definePolicy({ name: 'own', run: () => 'at once' });
    // @ts-expect-error: no such member
    definePolicy({ name: 'own', run: (next, context) => next(context), execute: () => {} });
  });
});
