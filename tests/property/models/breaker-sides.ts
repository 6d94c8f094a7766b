import {
  type CircuitBreaker,
  CircuitOpenError,
  type CircuitState,
  circuitBreaker,
  type Outcome,
  type Permit,
} from 'breakwater';
import type { TestClock } from 'breakwater/testing';
import type { Scheduler } from 'fast-check';
import { NaiveBreaker, type NaiveEnd, type NaiveRules } from './naive-breaker.js';

export const ENDS = ['value', 'bad value', 'error', 'permanent', 'ignored', 'throws at once'] as const;
export const REACTIONS = [
  'throw',
  'look',
  'reset',
  'trip',
  'isolate',
  'disable',
  'uncover',
  'fail a permit',
  'call',
] as const;
export type End = (typeof ENDS)[number];
export type Reaction = (typeof REACTIONS)[number];

/** An outcome of a call with its verdict and its name. */
class JudgedEnd extends Error {
  readonly verdict: NaiveEnd['verdict'] | 'permanent';

  constructor(name: string, verdict: JudgedEnd['verdict']) {
    super(name);
    this.verdict = verdict;
    if (verdict === 'ignore') this.name = 'TypeError'; // for `defaultClassify`
  }
}

const classify = (outcome: Outcome) => ((outcome.ok ? outcome.value : outcome.error) as JudgedEnd).verdict;

function make(rules: NaiveRules, clock: TestClock, initialState: CircuitState | object): CircuitBreaker {
  const { openForMs, probes, maxFailures, probeTimeout, observe, judge, ...same } = rules;
  return circuitBreaker({
    ...same,
    openFor: ({ attempt }) => openForMs(attempt),
    halfOpen: { probes, maxFailures, probeTimeout },
    mode: observe ? 'observe' : 'enforce',
    initialState: initialState as CircuitState,
    classify: judge === 'own' ? classify : undefined,
    clock,
  });
}

const endOf = (name: string, how: End): JudgedEnd =>
  new JudgedEnd(
    name,
    how === 'value' ? 'success' : how === 'permanent' ? 'permanent' : how === 'ignored' ? 'ignore' : 'failure',
  );
const isThrown = (how: End) => how !== 'value' && how !== 'bad value';

/** Both sides receive the same commands, so that any difference afterwards is an error of one of them. */
export interface Side {
  readonly events: string[];
  call(name: string, how: End): void;
  acquire(name: string): void;
  giveBack(name: string, how: End): void;
  cover(how: 'isolated' | 'disabled'): void;
  uncover(index: number): void;
  look(): void;
  trip(): void;
  reset(): void;
  restart(): void;
}

export abstract class Reacting {
  reactions: Reaction[] = [];
  #calls = 0;

  /** Listens to every event. */
  react(side: Side): void {
    const reaction = this.reactions.shift();
    const name = () => `call ${++this.#calls} of a listener`;
    // The state is read first, so that it does not matter whether the reactions read it themselves.
    if (reaction !== undefined && reaction !== 'throw') side.look();
    if (reaction === 'reset') side.reset();
    if (reaction === 'trip') side.trip();
    if (reaction === 'isolate') side.cover('isolated');
    if (reaction === 'disable') side.cover('disabled');
    if (reaction === 'uncover') side.uncover(0);
    if (reaction === 'call') side.call(name(), 'throws at once');
    if (reaction === 'fail a permit') {
      const permit = name();
      side.acquire(permit);
      side.giveBack(permit, 'error');
    }
  }
}

export class RealSide extends Reacting implements Side {
  events: string[] = [];
  /** The result of each call. */
  readonly results = new Map<string, string>();
  /** The calls whose operation has ended since this array was last emptied, in order. */
  readonly ended: string[] = [];
  readonly aborts = new Map<string, AbortController>();
  breaker: CircuitBreaker;
  readonly #rules: NaiveRules;
  readonly #clock: TestClock;
  readonly #scheduler: Scheduler;
  readonly #permits = new Map<string, Permit | undefined>();
  #covers: Disposable[] = [];

  constructor(rules: NaiveRules, clock: TestClock, scheduler: Scheduler, initialState: CircuitState) {
    super();
    this.#rules = rules;
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.breaker = this.#listenTo(make(rules, clock, initialState));
  }

  #listenTo(breaker: CircuitBreaker): CircuitBreaker {
    const receive = (event: string) => {
      if (this.breaker !== breaker) return; // the breaker before a restart
      this.events.push(event);
      const throws = this.reactions[0] === 'throw';
      this.react(this);
      if (throws) throw new Error('the listener failed');
    };
    breaker.on('stateChange', ({ from, to, reason }) => receive(`${from} → ${to}: ${reason}`));
    breaker.on('reject', ({ state, retryAfterMs }) => receive(`reject in ${state}, come back in ${retryAfterMs}`));
    return breaker;
  }

  call(name: string, how: End): void {
    const controller = new AbortController();
    const finish = (): unknown => {
      this.ended.push(name);
      if (isThrown(how)) throw endOf(name, how);
      return endOf(name, how);
    };
    const operation = () => {
      this.aborts.set(name, controller);
      return how === 'throws at once' ? finish() : this.#scheduler.schedule(Promise.resolve(), name).then(finish);
    };
    this.breaker.execute(operation, { signal: controller.signal }).then(
      () => this.results.set(name, 'its own end'),
      (error) => this.results.set(name, error instanceof CircuitOpenError ? rejectionOf(error) : 'its own end'),
    );
  }

  acquire(name: string): void {
    const permit = this.breaker.tryAcquire();
    this.results.set(name, permit === undefined ? 'no permit' : 'permit');
    this.#permits.set(name, permit);
  }

  giveBack(name: string, how: End): void {
    const [thrown, ended] = [isThrown(how), endOf(name, how)];
    const permit = this.#permits.get(name);
    permit?.release(thrown ? { ok: false, error: ended } : { ok: true, value: ended });
    permit?.release({ ok: false, error: endOf(name, 'error') }); // the second release has no effect
  }

  cover(how: 'isolated' | 'disabled'): void {
    this.#covers.push(how === 'isolated' ? this.breaker.isolate() : this.breaker.disable());
  }

  uncover(at: number): void {
    const [cover] = this.#covers.splice(at % Math.max(1, this.#covers.length), 1);
    cover?.[Symbol.dispose]();
    cover?.[Symbol.dispose]();
  }

  look(): void {
    this.breaker.state;
    this.breaker.stats;
  }

  trip(): void {
    this.breaker.trip();
  }

  reset(): void {
    this.breaker.reset();
  }

  restart(): void {
    const saved = JSON.parse(JSON.stringify(this.breaker));
    this.breaker = make(this.#rules, this.#clock, saved);
    this.#listenTo(this.breaker);
    this.#permits.clear();
    this.#covers = [];
  }

  get view() {
    const { state, stats } = this.breaker;
    const { calls, failures, slow, retryAfterMs } = stats;
    return { state, counts: { calls, failures, slow }, retryAfterMs, snapshot: this.breaker.toJSON() };
  }
}

const rejectionOf = (error: CircuitOpenError) =>
  `refused for ${error.retryAfterMs} ms after ${(error.cause as Error | undefined)?.message}`;

export class NaiveSide extends Reacting implements Side {
  readonly results = new Map<string, string>();
  model: NaiveBreaker;
  readonly #rules: NaiveRules;
  readonly #clock: TestClock;
  readonly events: string[] = [];
  #ids: string[] = [];
  readonly #ends = new Map<string, NaiveEnd>();
  #covers: ('isolated' | 'disabled')[] = [];

  constructor(rules: NaiveRules, clock: TestClock, initialState: CircuitState) {
    super();
    this.#rules = rules;
    this.#clock = clock;
    this.model = this.#make({ state: initialState });
  }

  #make(start: Parameters<NaiveBreaker['start']>[0]): NaiveBreaker {
    const model = new NaiveBreaker(this.#rules, () => this.#clock.now());
    model.start(start);
    model.onEvent = (event) => {
      this.events.push(event);
      this.react(this);
    };
    return model;
  }

  #admit(name: string): boolean {
    return this.model.admit(this.#ids.push(name) - 1);
  }

  call(name: string, how: End): void {
    const isIn = this.#admit(name);
    const { retryAfterMs, lastFailure } = this.model; // the values after the listeners ran
    this.results.set(
      name,
      isIn || this.#rules.observe ? 'its own end' : `refused for ${retryAfterMs} ms after ${lastFailure}`,
    );
    this.#ends.set(name, naiveEnd(name, how, this.#rules));
  }

  /** Reports the end to the breaker that admitted the call. A restarted breaker does not know the call. */
  settle(name: string, end = this.#ends.get(name)): void {
    this.#ends.delete(name);
    if (end !== undefined) this.model.settle(this.#ids.lastIndexOf(name), end);
  }

  acquire(name: string): void {
    this.results.set(name, this.#admit(name) || this.#rules.observe ? 'permit' : 'no permit');
  }

  giveBack(name: string, how: End): void {
    this.model.settle(this.#ids.lastIndexOf(name), naiveEnd(name, how, this.#rules));
  }

  cover(how: 'isolated' | 'disabled'): void {
    this.model.cover(how, 1);
    this.#covers.push(how); // a listener cannot release it yet
  }

  uncover(at: number): void {
    const [how] = this.#covers.splice(at % Math.max(1, this.#covers.length), 1);
    if (how !== undefined) this.model.cover(how, -1);
  }

  look(): void {
    this.model.look();
    this.model.counts; // like the statistics, this getter reads the clock for the window
  }

  trip(): void {
    this.model.trip();
  }

  reset(): void {
    this.model.reset();
  }

  restart(): void {
    this.model.look();
    this.model = this.#make(this.model.snapshot);
    this.#ends.clear();
    this.#ids = [];
    this.#covers = [];
  }

  get view() {
    this.model.look();
    const { state, counts, retryAfterMs, snapshot } = this.model;
    return { state, counts, retryAfterMs, snapshot };
  }
}

function naiveEnd(name: string, how: End, { judge }: NaiveRules): NaiveEnd {
  const isGood = how === 'value' || (how === 'bad value' && judge === 'default');
  const verdict = isGood ? 'success' : how === 'ignored' ? 'ignore' : 'failure';
  return { verdict, error: isThrown(how) ? name : undefined };
}
