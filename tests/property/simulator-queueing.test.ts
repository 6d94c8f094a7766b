/** Simulated queues against the formulas of queueing theory, and against the recursion that defines them. */
import { constant, type Distribution, exponential, poisson, server, simulate } from 'breakwater/simulator';
import { describe, expect, it } from 'vitest';

const MEAN_MS = 10;

/** The probability that a request waits in an M/M/c queue (Erlang C), with `erlangs` of offered load. */
function erlangC(workers: number, erlangs: number): number {
  let [sum, term] = [0, 1];
  for (let k = 0; k < workers; k++) {
    sum += term;
    term *= erlangs / (k + 1);
  }
  const last = (term * workers) / (workers - erlangs);
  return last / (sum + last);
}

const waitOfMMc = (workers: number, load: number) =>
  (erlangC(workers, load * workers) * MEAN_MS) / (workers * (1 - load));
/** The mean wait of an M/D/1 queue (Pollaczek and Khinchine). */
const waitOfMD1 = (load: number) => (load * MEAN_MS) / (2 * (1 - load));

interface Queue {
  readonly name: string;
  readonly workers: number;
  readonly service: Distribution;
  readonly load: number;
  readonly seconds: number;
  readonly seeds: readonly number[];
  readonly wait: number;
}

/** At a load of 95 % a wait depends on the waits of the last minutes, so that several long runs are needed. */
const queues: readonly Queue[] = [
  { name: 'M/M/1', workers: 1, load: 0.5, seconds: 4_000, seeds: [1] },
  { name: 'M/M/1', workers: 1, load: 0.8, seconds: 5_000, seeds: [1] },
  { name: 'M/M/1', workers: 1, load: 0.95, seconds: 10_000, seeds: [1, 2] },
  { name: 'M/M/4', workers: 4, load: 0.5, seconds: 1_000, seeds: [1] },
  { name: 'M/M/4', workers: 4, load: 0.8, seconds: 1_500, seeds: [1] },
  { name: 'M/M/4', workers: 4, load: 0.95, seconds: 2_500, seeds: [1, 2] },
  { name: 'M/D/1', workers: 1, load: 0.5, seconds: 4_000, seeds: [1] },
  { name: 'M/D/1', workers: 1, load: 0.8, seconds: 5_000, seeds: [1] },
  { name: 'M/D/1', workers: 1, load: 0.95, seconds: 10_000, seeds: [1] },
].map((queue) => {
  const isConstant = queue.name === 'M/D/1';
  return {
    ...queue,
    service: isConstant ? constant(MEAN_MS) : exponential(MEAN_MS),
    wait: isConstant ? waitOfMD1(queue.load) : waitOfMMc(queue.workers, queue.load),
  };
});

describe('The mean time in a simulated queue', () => {
  it.each(queues)('the time in $name at a load of $load is within 2 % of the formula', async (queue) => {
    const { workers, service, load, seconds, seeds, wait } = queue;
    let sum = 0;
    for (const seed of seeds) {
      const { latency } = await simulate({
        seed,
        world: { api: server({ workers, service }) },
        load: poisson({ perSecond: (load * workers * 1000) / MEAN_MS }),
        duration: seconds * 1000,
        warmUp: '20s',
        candidate:
          ({ world }) =>
          () =>
            world.api.send(),
      });
      sum += latency.meanMs;
    }
    expect(Math.abs(sum / seeds.length / (wait + MEAN_MS) - 1)).toBeLessThan(0.02);
  });
});

/** Runs 20,000 requests. Returns their arrivals, services and departures, and the integral of the number in the system. */
async function record(workers: number) {
  const clock = { now: () => 0 };
  const [services, arrivals, departures]: [number[], number[], number[]] = [[], [], []];
  let [inSystem, integral, changedAt] = [0, 0, 0];
  const change = (by: number) => {
    integral += inSystem * (clock.now() - changedAt);
    changedAt = clock.now();
    inSystem += by;
  };
  const exponentialTime = exponential(MEAN_MS);
  const service: Distribution = (random) => {
    const ms = exponentialTime(random);
    services.push(ms);
    return ms;
  };
  const result = await simulate({
    world: { api: server({ workers, service }) },
    load: poisson({ perSecond: 0.9 * workers * 100 }),
    duration: 20_000_000 / (90 * workers),
    candidate: ({ clock: simulated, world }) => {
      clock.now = () => simulated.now();
      return (call) => {
        arrivals.push(call.at);
        change(1);
        return world.api.send().then(() => {
          departures[call.index] = simulated.now();
          change(-1);
        });
      };
    },
  });
  return { result, services, arrivals, departures, integral };
}

describe('Every request in a simulated queue', () => {
  it.each([1, 3])('with %i workers, each request leaves when the recursion of the queue says', async (workers) => {
    const { services, arrivals, departures } = await record(workers);
    // The earliest free worker takes the oldest request (Kiefer and Wolfowitz; with one worker, Lindley).
    const freeAt = new Array<number>(workers).fill(0);
    const expected = arrivals.map((arrival, index) => {
      const worker = freeAt.indexOf(Math.min(...freeAt));
      const departure = Math.max(arrival, freeAt[worker]!) + services[index]!;
      freeAt[worker] = departure;
      return departure;
    });
    expect(arrivals.length).toBeGreaterThan(15_000);
    expect(departures.length).toBe(expected.length);
    expect(Math.max(...departures.map((departure, index) => Math.abs(departure - expected[index]!)))).toBeLessThan(
      1e-6,
    );
  });

  it("the number in the system, integrated over time, is the sum of the times in the system (Little's law)", async () => {
    const { result, integral, arrivals, departures } = await record(2);
    const sum = departures.reduce((total, departure, index) => total + departure - arrivals[index]!, 0);
    expect(Math.abs(integral / sum - 1)).toBeLessThan(1e-9);
    expect(result.latency.meanMs).toBeCloseTo(sum / arrivals.length, 6);
  });
});
