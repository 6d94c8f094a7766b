import { InvalidOptionError, isResilienceError } from '../core/errors.js';
import type { TimedFault } from '../core/fault-plan.js';
import { isProgrammingError } from '../core/outcome.js';
import type { Random } from '../core/random.js';
import { SimClock } from '../testing/index.js';
import { CallTraces } from './call-traces.js';
import { type Client, Clients } from './clients.js';
import { checkSchedule, scheduleFaults } from './fault-schedule.js';
import { type ClosedLoad, drawThinkTime, type Load, type OpenLoad } from './load.js';
import type { Call, Candidate, Settings } from './options.js';
import { probeOf, watchStates } from './probe.js';
import { type CallEnd, type Disturbance, Recorder } from './recorder.js';
import { watchRejections } from './rejections.js';
import type { SimulationEvent, SimulationResult } from './result.js';
import { isServerDefinition } from './server-options.js';
import { SimulatedServer } from './simulated-server.js';
import { type RunPlace, SimulationError } from './simulation-error.js';
import { streamsOf } from './streams.js';
import type { AttemptTrace } from './world.js';

/** What one run simulates. */
export interface RunOptions {
  readonly settings: Settings;
  readonly candidate: Candidate;
  /** The name of the candidate, for errors. */
  readonly candidateName: string | undefined;
  readonly seed: number;
  readonly isTraced: boolean;
}

/** How long calls may take to end after the last one has begun, in milliseconds. */
const DRAIN_MS = 60_000;
const DRAIN_STEP_MS = 1000;

const MAX_EVENTS = 1000;

/**
 * Simulates one run.
 * @throws SimulationError, or the abort reason of the scenario's signal.
 */
export async function run(options: RunOptions): Promise<SimulationResult> {
  const { settings, candidateName, seed } = options;
  const place: RunPlace = { scenario: settings.name, candidate: candidateName, seed };
  try {
    return await new Run(options).simulate();
  } catch (error) {
    if (settings.signal?.aborted && error === settings.signal.reason) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    throw new SimulationError(problem, place, { cause: error });
  }
}

class Run {
  readonly #settings: Settings;
  readonly #candidate: Candidate;
  readonly #seed: number;
  readonly #stream: (purpose: string) => Random;
  readonly #clock = new SimClock();
  readonly #servers = new Map<string, SimulatedServer>();
  readonly #faults: readonly TimedFault[];
  readonly #clients: Clients;
  readonly #list: Client[] = [];
  readonly #recorder: Recorder;
  readonly #traces: CallTraces | undefined;
  readonly #events: SimulationEvent[] = [];
  readonly #stop = new AbortController();
  #calls = 0;
  #open = 0;
  #failure: { readonly error: unknown } | undefined = undefined;
  #collapsedAt: number | undefined = undefined;

  constructor({ settings, candidate, seed, isTraced }: RunOptions) {
    this.#settings = settings;
    this.#candidate = candidate;
    this.#seed = seed;
    this.#stream = streamsOf(seed);
    this.#recorder = new Recorder(settings);
    this.#traces = isTraced ? new CallTraces() : undefined;
    this.#makeServers();
    const names = [...this.#servers.keys()];
    this.#faults = checkSchedule(settings.faults, this.#servers, settings.durationMs);
    if (settings.target !== undefined && !this.#servers.has(settings.target)) {
      throw new Error(`the target ${JSON.stringify(settings.target)} is unknown; there are ${names.join(', ')}`);
    }
    const { clock, servers, stream, recorder } = this.#parts();
    this.#clients = new Clients({
      ...{ clock, servers, stream, isTraced },
      target: settings.target ?? (names[0] as string),
      hasStalls: this.#faults.some(({ kind }) => kind === 'stall'),
      onSend: () => recorder.onSend(clock.now()),
    });
  }

  #parts() {
    return { clock: this.#clock, servers: this.#servers, stream: this.#stream, recorder: this.#recorder };
  }

  #makeServers(): void {
    const { world, clients } = this.#settings;
    const made = typeof world === 'function' ? world({ clock: this.#clock, random: this.#stream('world') }) : world;
    const { clock, stream } = this.#parts();
    for (const [name, definition] of Object.entries(made)) {
      if (!isServerDefinition(definition)) {
        throw new InvalidOptionError('simulate', `world.${name}`, 'must be made by server()', definition);
      }
      const host = { clock, stream, clients, onCollapse: (server: string) => this.#collapse(server) };
      this.#servers.set(name, new SimulatedServer(name, definition, host));
    }
    if (this.#servers.size === 0) throw new InvalidOptionError('simulate', 'world', 'must have a server', made);
  }

  async simulate(): Promise<SimulationResult> {
    const { signal } = this.#settings;
    if (signal?.aborted) throw signal.reason;
    const abort = () => this.#fail(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const unwatch = watchRejections((reason) => this.#failUnhandled(reason));
    try {
      this.#start();
      await this.#advance(this.#settings.durationMs);
      await this.#drain();
      await this.#settle();
    } finally {
      unwatch();
      signal?.removeEventListener('abort', abort);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#result();
  }

  #start(): void {
    const settings = this.#settings;
    const host = { ...this.#parts(), clients: this.#clients, onEvent: (what: string) => this.#addEvent(what) };
    scheduleFaults(this.#faults, host);
    for (let client = 0; client < settings.clients; client++) {
      const made = this.#clients.add(this.#candidate);
      watchStates(made.policy, (what) => this.#addEvent(`${what}, client ${client}`));
      this.#list.push(made);
    }
    this.#sample();
    for (const [index, load] of settings.loads.entries()) this.#startLoad(load, index);
  }

  /** Samples queues and states at the end of each interval. */
  #sample(): void {
    const probe = probeOf(this.#clients.first?.policy);
    const next = (): void => {
      let queue = 0;
      for (const server of this.#servers.values()) queue += server.queued;
      this.#recorder.addSample({ queue, ...probe() });
      if (this.#clock.now() < this.#settings.durationMs) this.#clock.setTimeout(next, this.#settings.intervalMs);
    };
    this.#clock.setTimeout(next, this.#settings.intervalMs);
  }

  #startLoad(load: Load, index: number): void {
    const keyRandom = this.#stream(`keys of load ${index}`);
    const keyOf = () => load.keys?.(keyRandom) ?? load.tenant;
    if (load.kind === 'open') this.#startOpenLoad(load, index, keyOf);
    else this.#startUsers(load, index, keyOf);
  }

  #startOpenLoad(load: OpenLoad, index: number, keyOf: () => string | undefined): void {
    const { durationMs } = this.#settings;
    const nextAt = load.start(this.#stream(`arrivals of load ${index}`));
    const clock = this.#clock;
    let at = 0;
    const arrive = (): void => {
      this.#begin(load, keyOf(), undefined);
      plan();
    };
    const plan = (): void => {
      at = nextAt(at);
      if (at < durationMs) clock.setTimeout(arrive, at - clock.now());
    };
    plan();
  }

  #startUsers(load: ClosedLoad, index: number, keyOf: () => string | undefined): void {
    for (let user = 0; user < load.users; user++) {
      const random = this.#stream(`user ${user} of load ${index}`);
      const think = (): void => {
        const thinkMs = drawThinkTime(load, random);
        if (this.#clock.now() + thinkMs >= this.#settings.durationMs) return;
        this.#clock.setTimeout(() => this.#begin(load, keyOf(), think), thinkMs);
      };
      think();
    }
  }

  /** Begins a call. `onEnd` is called when it has ended. */
  #begin(load: Load, key: string | undefined, onEnd: (() => void) | undefined): void {
    const { tenant, priority } = load;
    const at = this.#clock.now();
    const index = this.#calls++;
    const call: Call = { index, at, tenant, key, priority, deadline: at + this.#settings.goodWithinMs };
    const trace = this.#traces?.begin(index, at);
    const client = this.#list[index % this.#list.length] as Client;
    this.#open++;
    this.#recorder.onOffer(at, tenant);
    this.#clients.deliver(() => this.#invoke(client, call, trace, onEnd));
  }

  #invoke(client: Client, call: Call, trace: AttemptTrace | undefined, onEnd: (() => void) | undefined): void {
    invoke(client, call, trace).then(
      (value) => {
        this.#end(call, isBadResponse(value) ? 'bad' : 'good');
        onEnd?.();
      },
      (error) => {
        if (isProgrammingError(error)) this.#fail(error);
        this.#end(call, endOf(error));
        onEnd?.();
      },
    );
  }

  #end({ index, at, tenant }: Call, end: CallEnd): void {
    if (this.#clock.isTurning) this.#fail(new Error(NOT_SIMULATED));
    const now = this.#clock.now();
    const counted = end === 'good' && now - at > this.#settings.goodWithinMs ? 'bad' : end;
    this.#open--;
    this.#recorder.onEnd(at, tenant, counted, now - at);
    this.#traces?.end(index, counted, now);
  }

  /** Lets the calls that have begun come to their end. */
  async #drain(): Promise<void> {
    const end = this.#clock.now() + DRAIN_MS;
    while (this.#open > 0 && this.#clock.pendingTimers > 0 && this.#clock.now() < end && !this.#hasStopped) {
      await this.#advance(DRAIN_STEP_MS);
    }
  }

  /** Lets the real event loop turn, so that what waits for real time or was rejected without a handler shows itself. */
  async #settle(): Promise<void> {
    const isForeign = await this.#clock.settle();
    if (isForeign) this.#fail(new Error(NOT_SIMULATED));
    if (this.#open === 0 || this.#clock.pendingTimers > 0 || this.#hasStopped) return;
    let held = 0;
    for (const server of this.#servers.values()) held += server.open;
    if (held === 0) this.#fail(new Error(`${this.#open} calls have not ended, and ${NOT_SIMULATED}`));
  }

  async #advance(ms: number): Promise<void> {
    try {
      await this.#clock.advance(ms, { signal: this.#stop.signal });
    } catch (error) {
      if (!this.#hasStopped) throw error;
    }
  }

  get #hasStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Ends the run with an error. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stop.abort();
  }

  #failUnhandled(reason: unknown): void {
    const message = reason instanceof Error ? reason.message : String(reason);
    this.#fail(new Error(`a rejection was not handled: ${message}`, { cause: reason }));
  }

  /** Ends the run with a result: it would only become worse. */
  #collapse(server: string): void {
    this.#collapsedAt ??= this.#clock.now();
    this.#addEvent(`collapse of ${server}: a million requests are waiting`);
    this.#stop.abort();
  }

  #addEvent(what: string): void {
    if (this.#events.length < MAX_EVENTS) this.#events.push({ at: this.#clock.now(), what });
  }

  #result(): SimulationResult {
    const { name, durationMs } = this.#settings;
    const counts = Object.fromEntries([...this.#servers].map(([server, one]) => [server, one.counts()]));
    let [busyMs, wastedMs] = [0, 0];
    for (const one of Object.values(counts)) [busyMs, wastedMs] = [busyMs + one.busyMs, wastedMs + one.wastedMs];
    return {
      scenario: name,
      seed: this.#seed,
      durationMs,
      collapsed: this.#collapsedAt !== undefined,
      wastedShare: busyMs === 0 ? 0 : wastedMs / busyMs,
      ...this.#recorder.results(this.#disturbance()),
      servers: counts,
      events: this.#events,
      calls: this.#traces?.calls ?? [],
    };
  }

  #disturbance(): Disturbance {
    if (this.#faults.length === 0) return undefined;
    const ends = this.#faults.map(({ startMs, endMs }) => (endMs === Infinity ? startMs : endMs));
    const startMs = Math.min(...this.#faults.map((fault) => fault.startMs));
    return { startMs, endMs: Math.max(...ends), isClosed: this.#settings.loads.some(({ kind }) => kind === 'closed') };
  }
}

const NOT_SIMULATED =
  'the candidate waits for something that is not simulated: a real timer, real I/O, or a promise that nothing settles';

/** Calls a client and always returns a promise. */
function invoke(client: Client, call: Call, trace: AttemptTrace | undefined): Promise<unknown> {
  try {
    return Promise.resolve(client.call(call, trace));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Whether a value is an HTTP response that has failed. */
function isBadResponse(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { status } = value as { readonly status?: unknown };
  return typeof status === 'number' && (status >= 500 || status === 429);
}

/** The errors of this package with which a policy rejects a call that the server could have answered. */
const REFUSALS = new Set([
  ...['ERR_CIRCUIT_OPEN', 'ERR_BULKHEAD_FULL', 'ERR_QUEUE_TIMEOUT', 'ERR_RATE_LIMITED', 'ERR_SHED', 'ERR_DEADLINE'],
  'ERR_NO_HEALTHY_NODE',
]);

const endOf = (error: unknown): CallEnd => (isResilienceError(error) && REFUSALS.has(error.code) ? 'refused' : 'bad');
