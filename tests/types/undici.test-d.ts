import { resilient } from 'breakwater/undici';
import { Agent, type Dispatcher } from 'undici';
import { Agent as Agent6, type Dispatcher as Dispatcher6 } from 'undici-6';
import { Agent as Agent8, type Dispatcher as Dispatcher8 } from 'undici-8';
import { expectTypeOf, it } from 'vitest';

it('The interceptor has the type that compose expects, in undici 6, 7 and 8', () => {
  const guard = resilient();
  expectTypeOf(new Agent6().compose(guard)).toExtend<Dispatcher6>();
  expectTypeOf(new Agent().compose(guard)).toExtend<Dispatcher>();
  expectTypeOf(new Agent8().compose(guard)).toExtend<Dispatcher8>();
  expectTypeOf(new Agent().compose([guard, guard])).toExtend<Dispatcher>();
  expectTypeOf(guard.breakwater.snapshot().inFlight).toBeNumber();
});

it('Options of resilientFetch that do not apply are type errors', () => {
  // @ts-expect-error a slot is held until the response headers
  resilient({ bulkhead: { holdUntil: 'body' } });
  // @ts-expect-error there is no body to resume
  resilient({ resume: true });
});
