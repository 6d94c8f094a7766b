/** Scenarios of deadlines that travel with a request from service to service. */
import { bulkhead, deadlineHeader, pipeline, resilientFetch, retry, timeout } from 'breakwater';
import { admissionHandler } from 'breakwater/http-server';
import { type Call, type CandidateKit, compare, exponential, poisson, server, slow } from 'breakwater/simulator';
import { columns, percent, type Simulation } from './simulation.js';

type Handler = (request: Request) => Promise<Response>;

/** What a service does with the deadline of a request. `margin` is undefined if it reads none. */
interface Service {
  readonly kit: CandidateKit;
  readonly margin: number | undefined;
}

/** The services, from the one that the clients call to the last one. Each is a server of the world. */
const CHAIN = ['shop', 'prices', 'stock'] as const;
const WORKERS = 2;

/** Carries the time at which the client leaves. It is for the column `wasted`; no service acts on it. */
const LEAVES_AT = 'x-client-leaves-at';

/** The header field of a client that sends its deadline. */
const header = deadlineHeader();

/** Returns the service of that name, with all services behind it. */
function start(name: (typeof CHAIN)[number], service: Service): Handler {
  const { clock, random, world } = service.kit;
  const behind = CHAIN[CHAIN.indexOf(name) + 1];
  const next = behind === undefined ? undefined : start(behind, service);
  const policies = { clock, random, retry: false, circuitBreaker: false, bulkhead: false } as const;
  const fetch = resilientFetch({
    ...policies,
    timeout: '1s',
    propagateDeadline: service.margin === undefined ? undefined : header,
    // A new request without the signal: like most servers, the next one does not notice that its caller has left.
    fetch: (url: string, init?: RequestInit) => next!(new Request(url, { headers: init?.headers ?? {} })),
  });
  const work = (request: Request) => world[name]!.send({ deadline: Number(request.headers.get(LEAVES_AT)) });
  const handle: Handler = async (request) => {
    await work(request);
    if (next === undefined) return new Response();
    const leavesAt = request.headers.get(LEAVES_AT)!;
    return fetch(`http://${behind}/`, { headers: { [LEAVES_AT]: leavesAt } });
  };
  if (service.margin === undefined) return handle;
  return admissionHandler({
    // The permit of the last service is held while it works, so that requests wait in the queue of the limit, where
    // their deadline is seen. The others wait for the next service most of the time.
    ...(next === undefined && { limit: bulkhead({ maxConcurrent: WORKERS, maxQueue: Infinity, clock }) }),
    deadline: { margin: service.margin },
    eventLoop: false,
    ...{ clock, random },
  })(handle);
}

/** A client that waits for half a second, and makes three attempts. */
function clientOf(margin: number | undefined) {
  return (kit: CandidateKit) => {
    const { clock, random } = kit;
    const shop = start('shop', { kit, margin });
    const patience = pipeline(retry({ maxAttempts: 3, clock, random }), timeout({ duration: '500ms', clock }));
    return (_call: Call) =>
      patience.execute(async ({ deadline }) => {
        const value = header.format(deadline - clock.now()) ?? '0';
        const headers = { [header.name]: value, [LEAVES_AT]: String(deadline) };
        const { status } = await shop(new Request('http://shop/', { headers }));
        if (status !== 200) throw new Error(`status ${status}`);
      });
  };
}

const throughThreeServices: Simulation = {
  title: 'Deadline through three services',
  problem: `A shop calls a service for prices, and that one a service for the stock, which can answer 100 requests per second and gets 75. For
five seconds the stock service is six times slower. Clients wait for half a second and make three attempts. Each service has a timeout of one second
for the next one, and does not know how long its own caller still waits: the stock service works on requests whose clients have left.`,
  fix: `Send the deadline with each request (\`resilientFetch({ propagateDeadline: deadlineHeader() })\`), and let each service read it
(\`admissionHandler({ deadline: { margin } })\`): what cannot be finished in time is rejected before it costs work. Set \`margin\` to about
two service times, here 40 ms.`,
  shows: `With timeouts alone, three quarters of the work of the stock service is for clients that have left, and the calls never recover. With the
deadline, a request whose client has left does not start. But without a margin the service still starts requests that have only a few
milliseconds left, and answers them a moment too late. With a margin of two service times, the calls are good as soon as the service is fast again. While
it is slow, few calls are good in any row: it can answer 17 per second then, and a service time is longer than the margin. The work that remains
wasted is that of these five seconds. [Admission and deadlines](patterns/admission.md#deadlines) describes the options.`,
  async figure() {
    const candidates = {
      'timeouts alone': clientOf(undefined),
      deadline: clientOf(0),
      'deadline, margin of 40 ms': clientOf(40),
    };
    const comparison = await compare({
      name: '75 calls per second',
      world: {
        shop: server({ workers: WORKERS, service: exponential('2ms') }),
        prices: server({ workers: WORKERS, service: exponential('4ms') }),
        stock: server({ workers: WORKERS, service: exponential('20ms') }),
      },
      load: poisson({ perSecond: 75 }),
      faults: [slow('stock', 6, { at: '10s', for: '5s' })],
      duration: '30s',
      warmUp: '2s',
      candidates,
      seeds: 3,
    });
    const rows = Object.keys(candidates).map((name) => {
      const { runs } = comparison[name as keyof typeof candidates];
      const shareOf = (one: string) => {
        const sum = (field: 'busyMs' | 'wastedMs') => runs.reduce((total, run) => total + run.servers[one]![field], 0);
        return percent(sum('wastedMs') / sum('busyMs'));
      };
      return [name, ...CHAIN.map(shareOf)];
    });
    return `${comparison.table()}\n\n${columns([['wasted work of', ...CHAIN], ...rows])}`;
  },
};

export const deadlines: readonly Simulation[] = [throughThreeServices];
