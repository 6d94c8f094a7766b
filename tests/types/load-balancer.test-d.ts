import type { Policy } from 'breakwater/core';
import { resilientFetch } from 'breakwater/fetch';
import { type Lease, LoadBalancer, type NodeContext } from 'breakwater/load-balancer';
import { expectTypeOf, it } from 'vitest';

declare const balancer: LoadBalancer;

it('execute returns the type of the operation and of the policy', () => {
  expectTypeOf(balancer.execute(({ node }) => node.length)).toEqualTypeOf<Promise<number>>();
  expectTypeOf(balancer.execute(async ({ signal }) => signal)).toEqualTypeOf<Promise<AbortSignal>>();
  const policy = {} as Policy<'nothing'>;
  expectTypeOf(balancer.execute(() => 7, { policy })).toEqualTypeOf<Promise<number | 'nothing'>>();
  expectTypeOf(balancer.execute(() => 7, { policy: {} as Policy, key: 'a' })).toEqualTypeOf<Promise<number>>();
  balancer.execute((context) => expectTypeOf(context).toEqualTypeOf<NodeContext>());
});

it('a lease and a balancer are disposable, and a route fits resilientFetch', () => {
  expectTypeOf<Lease>().toMatchTypeOf<Disposable>();
  expectTypeOf<LoadBalancer>().toMatchTypeOf<Disposable>();
  expectTypeOf(resilientFetch({ route: balancer.route() })).toExtend<typeof globalThis.fetch>();
  // @ts-expect-error a name is not a list
  balancer.acquire({ exclude: 7 });
  // @ts-expect-error weights are numbers
  new LoadBalancer([{ node: 'a', weight: '1' }]);
});
