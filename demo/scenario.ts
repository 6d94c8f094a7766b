/**
 * The scenarios: what the server does at each time, as a pure function of the elapsed fraction of the run and a random
 * source.
 *
 * The length of a phase is a share of the run, so the same scenario fits three seconds and ten minutes. The server
 * calls it once for every request that arrives. It does not know which client has sent the request.
 */
export type Random = () => number;

/** The server's response to one request. */
export type Answer =
  | { readonly kind: 'ok'; readonly delayMs: number }
  | { readonly kind: 'unavailable'; readonly delayMs: number; readonly retryAfterSeconds?: number }
  | { readonly kind: 'reset'; readonly delayMs: number }
  | { readonly kind: 'silence' };

/** A phase of a scenario. */
export interface Phase {
  readonly name: string;
  readonly story: string;
  /** The share of the run, above 0. The shares of a scenario add up to 1. */
  readonly share: number;
  /** Whether the server process is killed when the phase begins and started again when it ends. */
  readonly down?: boolean;
  readonly answer: (random: Random) => Answer;
}

/** A scenario: the phases of a run. */
export interface Scenario {
  readonly name: string;
  readonly story: string;
  readonly phases: readonly Phase[];
}

const promptly = (random: Random): Answer => ({ kind: 'ok', delayMs: 4 + 8 * random() });

const failing =
  ({ unavailable, reset }: { unavailable: number; reset: number }) =>
  (random: Random): Answer => {
    const draw = random();
    const delayMs = 4 + 8 * random();
    if (draw < unavailable) {
      return random() < 0.25
        ? { kind: 'unavailable', delayMs, retryAfterSeconds: 1 }
        : { kind: 'unavailable', delayMs };
    }
    return { kind: draw < unavailable + reset ? 'reset' : 'ok', delayMs };
  };

/**
 * A log-normal delay, as of a slow server: half of the responses take over 300 ms, one in eleven over 1 s, one in 57
 * over 2 s.
 */
const slowly = (random: Random): Answer => {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return { kind: 'ok', delayMs: Math.min(10_000, 300 * Math.exp(0.9 * normal)) };
};

const never = (): Answer => ({ kind: 'silence' });

const outage: Scenario = {
  name: 'outage',
  story: 'a server that returns errors, slows down, hangs, crashes and recovers',
  phases: [
    { name: 'healthy', story: 'answers in 4 to 12 ms', share: 0.15, answer: promptly },
    {
      name: 'errors',
      story: '30 % answered 503, some with Retry-After: 1; 5 % of connections reset',
      share: 0.4,
      answer: failing({ unavailable: 0.3, reset: 0.05 }),
    },
    {
      name: 'slow',
      story: 'half of the responses take over 300 ms, one in eleven over 1 s',
      share: 0.15,
      answer: slowly,
    },
    { name: 'hangs', story: 'accepts every request and never responds', share: 0.08, answer: never },
    {
      name: 'gone',
      story: 'the process is killed; its port refuses connections',
      share: 0.07,
      down: true,
      answer: never,
    },
    { name: 'recovery', story: 'started again, answers in 4 to 12 ms', share: 0.15, answer: promptly },
  ],
};

const flaky: Scenario = {
  name: 'flaky',
  story: 'a server that fails one request in ten, all the time',
  phases: [
    {
      name: 'flaky',
      story: '8 % answered 503, some with Retry-After: 1; 2 % of connections reset',
      share: 1,
      answer: failing({ unavailable: 0.08, reset: 0.02 }),
    },
  ],
};

const healthy: Scenario = {
  name: 'healthy',
  story: 'a server without failures: the cost of resilience when it is not needed',
  phases: [{ name: 'healthy', story: 'answers in 4 to 12 ms', share: 1, answer: promptly }],
};

export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  [outage, flaky, healthy].map((scenario) => [scenario.name, scenario]),
);

/** Returns the phase at a fraction of the run, 0 at its start. At the end and after it, returns the last phase. */
export function phaseAt(scenario: Scenario, fraction: number): Phase {
  return spans(scenario).find(({ end }) => fraction < end)?.phase ?? scenario.phases.at(-1)!;
}

/** Returns every phase with its start and end, as fractions of the run. */
export function spans(scenario: Scenario): { readonly phase: Phase; readonly start: number; readonly end: number }[] {
  let end = 0;
  return scenario.phases.map((phase) => {
    const start = end;
    end += phase.share;
    return { phase, start, end };
  });
}

/** Returns the response to a request at a fraction of the run. */
export function answerAt(scenario: Scenario, fraction: number, random: Random): Answer {
  return phaseAt(scenario, fraction).answer(random);
}
