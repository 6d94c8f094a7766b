import { LoadBalancer, type PickerFactory, powerOfTwoChoices, roundRobin } from 'breakwater';
import { type Bench, floor, ours, type Prepare } from './bench.js';

const CALLS = 64;
const OK = { ok: true, value: undefined } as const;
const names = (count: number) => Array.from({ length: count }, (_, index) => `10.0.0.${index}:8080`);

/** Leases taken and released, eight in flight. */
const leases =
  (pick: PickerFactory, count: number): Prepare =>
  () => {
    const balancer = new LoadBalancer(names(count), { pick });
    const inFlight = Array.from({ length: 8 }, () => balancer.acquire());
    return async () => {
      for (let call = 0; call < CALLS; call++) {
        inFlight[call & 7]!.release(OK);
        inFlight[call & 7] = balancer.acquire();
      }
      return inFlight;
    };
  };

/** What a lease cannot do without: the time when it begins and the time when it ends. */
const clockReads: Prepare = () => async () => {
  let sum = 0;
  for (let call = 0; call < CALLS; call++) sum += performance.now() - performance.now();
  return sum;
};

/** A lease taken and released: at most 300 ns besides the clock reads, and 500 bytes, with three nodes. */
export const bench: Bench = {
  unit: 'lease',
  perUse: CALLS,
  candidates: {
    'two clock reads': floor(clockReads),
    'roundRobin, 3 nodes': { ...ours(leases(roundRobin(), 3)), targets: { bytes: 500 } },
    'powerOfTwoChoices, 30 nodes': { ...ours(leases(powerOfTwoChoices(), 30)), targets: { bytes: 500 } },
  },
};
