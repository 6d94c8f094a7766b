import type { Fault, FaultPlan, Policy } from 'breakwater';
import { type ChaosControl, chaosControl, chaosFetch, type HttpFault, slow } from 'breakwater/chaos';
import { describe, expectTypeOf, it } from 'vitest';

describe('The types of chaos', () => {
  const control: ChaosControl = chaosControl();

  it('an injected outcome adds its type to that of the operation', async () => {
    expectTypeOf(control.outcome({ rate: 1, value: 'x' })).toEqualTypeOf<Policy<string>>();
    expectTypeOf(control.outcome({ rate: 1, value: async () => 1 })).toEqualTypeOf<Policy<number>>();
    expectTypeOf(await control.outcome({ rate: 1, value: 'x' }).execute(() => 1)).toEqualTypeOf<number | string>();
  });

  it('all other injections add nothing', () => {
    expectTypeOf(control.fault({ rate: 1 })).toEqualTypeOf<Policy>();
    expectTypeOf(control.latency({ rate: 1, latency: '1s' })).toEqualTypeOf<Policy>();
    expectTypeOf(control.behavior({ rate: 1, run: () => {} })).toEqualTypeOf<Policy>();
    expectTypeOf(control.plan([], { target: 'api' })).toEqualTypeOf<Policy>();
  });

  it('a rate is required, and a fault of HTTP has the fields of its kind', () => {
    // @ts-expect-error without a rate
    control.fault({});
    // @ts-expect-error without a status
    ({ kind: 'status', rate: 1 }) satisfies HttpFault;
    ({ kind: 'status', rate: 1, status: 503 }) satisfies HttpFault;
  });

  it('a faulty fetch has the type of the fetch', () => {
    expectTypeOf(chaosFetch(globalThis.fetch, { control, faults: [] })).toEqualTypeOf<typeof globalThis.fetch>();
  });

  it('a fault of a plan has one type in all entry points', () => {
    expectTypeOf(slow('api', 2, { at: 0, for: 1 })).toEqualTypeOf<Fault>();
    expectTypeOf<FaultPlan>().toEqualTypeOf<readonly Fault[]>();
  });
});
