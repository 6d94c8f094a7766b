import type { Clock } from '../core/clock.js';
import type { Random } from '../core/random.js';
import { type Distribution, draw } from './distributions.js';
import { JobQueue } from './job-queue.js';
import type { ServerDefinition } from './server-options.js';

/** How a request has ended, as the client sees it. `refused` and `reset` are failures of the connection. */
export type Fate = 'ok' | 'error' | 'rejected' | 'refused' | 'reset';

/** The number of waiting requests at which a run ends as collapsed. */
const MAX_QUEUE = 1_000_000;

/** Times of controlled delay, in milliseconds. */
const CODEL_INTERVAL_MS = 100;
const CODEL_TARGET_MS = 5;

/** The counts of one server over a whole run. Each request that was sent is in exactly one of the other counts. */
export interface ServerCounts {
  /** Requests that were sent to the server. */
  readonly sent: number;
  /** Requests that were lost on the way to the server. */
  readonly lost: number;
  /** Requests that could not connect because the server was down. */
  readonly refused: number;
  /** Requests that ended because the server went down. */
  readonly reset: number;
  /** Requests that were rejected by the queue. */
  readonly rejected: number;
  /** Requests that were served, and answered with status 200. */
  readonly served: number;
  /** Requests that were served, and answered with an error because of a fault. */
  readonly failed: number;
  /** Requests that are never answered because of a fault. */
  readonly hung: number;
  /** Requests that the server dropped because their caller had left. */
  readonly dropped: number;
  /** Requests in the queue at the end of the run. */
  readonly queued: number;
  /** Requests that were being served, or were on the way, at the end of the run. */
  readonly running: number;
  /** Worker time in milliseconds. */
  readonly busyMs: number;
  /** Worker time in milliseconds for requests whose caller had left before the answer. */
  readonly wastedMs: number;
}

/** A request in a server. */
export abstract class Job {
  arrivedAt = 0;
  startedAt = 0;
  serviceMs = 0;
  /** The timer of the service; undefined if the request is not being served. */
  timer: unknown = undefined;
  /** The time after which the caller no longer waits. */
  readonly deadline: number;

  constructor(deadline: number) {
    this.deadline = deadline;
  }

  /** Whether the caller no longer waits. */
  abstract hasLeft(now: number): boolean;
  /** The number of the client that has sent the request. */
  abstract readonly client: number;
  /** Receives the answer. Called at most once. */
  abstract onAnswer(fate: Fate): void;
}

/** What a server needs of its run. */
export interface ServerHost {
  readonly clock: Clock;
  readonly clients: number;
  stream(purpose: string): Random;
  /** Ends the run: a queue has become too long. */
  onCollapse(server: string): void;
}

/** A server under simulated time: a multi-server queue whose behaviour faults can change. */
export class SimulatedServer {
  readonly name: string;
  readonly #definition: ServerDefinition;
  readonly #host: ServerHost;
  readonly #serviceRandom: Random;
  readonly #fateRandom: Random;
  readonly #networkRandom: Random;
  readonly #queue = new JobQueue<Job>();
  readonly #running = new Set<Job>();
  /** The number of requests that the network still holds. */
  #arriving = 0;
  #lostAnswers = 0;
  /** The time at which the queue was last empty. */
  #emptyAt = 0;
  /** The number of requests that still take longer because of a start. */
  #coldRequests: number;
  #owedMs = 0;
  /** The present effects of faults. */
  readonly effects = { slowBy: 1, isDown: false, errorShare: 0, hangShare: 0, dropShare: 0, cutShare: 0 };
  readonly #counts = {
    ...{ sent: 0, lost: 0, refused: 0, reset: 0, rejected: 0, served: 0, failed: 0, hung: 0, dropped: 0 },
    ...{ busyMs: 0, wastedMs: 0 },
  };

  constructor(name: string, definition: ServerDefinition, host: ServerHost) {
    this.name = name;
    this.#definition = definition;
    this.#host = host;
    this.#serviceRandom = host.stream(`service of ${name}`);
    this.#fateRandom = host.stream(`fate at ${name}`);
    this.#networkRandom = host.stream(`network to ${name}`);
    this.#coldRequests = definition.startCost?.requests ?? 0;
  }

  /** The number of waiting requests. */
  get queued(): number {
    return this.#queue.size;
  }

  /** The number of requests without an answer: those that the server or the network holds, and those that are lost. */
  get open(): number {
    return (
      this.#queue.size + this.#running.size + this.#arriving + this.#lostAnswers + this.#counts.hung + this.#counts.lost
    );
  }

  counts(): ServerCounts {
    return { ...this.#counts, queued: this.#queue.size, running: this.#running.size + this.#arriving };
  }

  /** Receives a request from the network. */
  send(job: Job): void {
    this.#counts.sent++;
    if (this.#isLost(job)) {
      this.#counts.lost++;
      return;
    }
    if (this.#definition.latency === undefined) {
      this.#arrive(job);
      return;
    }
    this.#arriving++;
    this.#host.clock.setTimeout(() => {
      this.#arriving--;
      this.#arrive(job);
    }, this.#drawLatency(this.#definition.latency));
  }

  /** Starts the effect of `down`: all requests in the server end. */
  goDown(): void {
    this.effects.isDown = true;
    for (const job of this.#running) {
      this.#host.clock.clearTimeout(job.timer);
      this.#work(job, this.#host.clock.now() - job.startedAt);
      this.#end(job, 'reset');
    }
    this.#running.clear();
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) this.#end(job, 'reset');
  }

  /** Ends the effect of `down`. A server that has just started is cold. */
  goUp(): void {
    this.effects.isDown = false;
    this.cool();
  }

  /** Makes the server cold again: its next requests cost what the first ones did. */
  cool(): void {
    this.#coldRequests = this.#definition.startCost?.requests ?? 0;
  }

  /** Stops serving a request whose caller has left, if the server notices. */
  abandon(job: Job): void {
    if (!this.#definition.stopsAbandoned || !this.#running.delete(job)) return;
    this.#host.clock.clearTimeout(job.timer);
    this.#drop(job);
  }

  #isLost(job: Job): boolean {
    const { dropShare, cutShare } = this.effects;
    // The first clients are cut off, so that a partition separates the same ones for its whole duration.
    if (cutShare > 0 && job.client < cutShare * this.#host.clients) return true;
    const loss = this.#definition.loss + dropShare;
    return loss > 0 && this.#networkRandom() < loss;
  }

  #drawLatency(latency: Distribution): number {
    return draw('server', `${this.name}.network.latency`, latency, this.#networkRandom);
  }

  #arrive(job: Job): void {
    if (this.effects.isDown) {
      this.#end(job, 'refused');
      return;
    }
    if (this.#running.size < this.#definition.workers) {
      this.#start(job);
      return;
    }
    if (this.#queue.size >= this.#definition.queueLimit) {
      this.#owedMs += this.#definition.rejectCostMs;
      this.#end(job, 'rejected');
      return;
    }
    if (this.#queue.size === 0) this.#emptyAt = this.#host.clock.now();
    job.arrivedAt = this.#host.clock.now();
    this.#queue.push(job);
    if (this.#queue.size >= MAX_QUEUE) this.#host.onCollapse(this.name);
  }

  #start(job: Job): void {
    const { clock } = this.#host;
    const now = clock.now();
    job.startedAt = now;
    job.serviceMs = this.#drawService();
    this.#running.add(job);
    const isCut = this.#definition.stopsAbandoned && job.deadline < now + job.serviceMs;
    job.timer = isCut
      ? clock.setTimeout(() => this.abandon(job), Math.max(0, job.deadline - now))
      : clock.setTimeout(() => this.#finish(job), job.serviceMs);
  }

  #drawService(): number {
    const { service, collapse, startCost } = this.#definition;
    let ms = draw('server', `${this.name}.service`, service, this.#serviceRandom) * this.effects.slowBy;
    if (collapse !== undefined) {
      const excess = (this.#running.size + this.#queue.size + 1) / collapse.knee - 1;
      let effect = excess > 0 ? collapse.factor : 0;
      for (let power = 0; power < collapse.power; power++) effect *= excess;
      ms *= 1 + effect;
    }
    if (startCost !== undefined && this.#coldRequests > 0) {
      this.#coldRequests--;
      ms *= startCost.by;
    }
    ms += this.#owedMs;
    this.#owedMs = 0;
    return ms;
  }

  #finish(job: Job): void {
    this.#running.delete(job);
    this.#work(job, job.serviceMs);
    const { errorShare, hangShare } = this.effects;
    const fate = errorShare + hangShare > 0 ? this.#fateRandom() : 1;
    if (fate < hangShare) this.#counts.hung++;
    else this.#end(job, fate < hangShare + errorShare ? 'error' : 'ok');
    this.#startNext();
  }

  /** Counts worker time. */
  #work(job: Job, ms: number): void {
    this.#counts.busyMs += ms;
    if (job.hasLeft(this.#host.clock.now())) this.#counts.wastedMs += ms;
  }

  #drop(job: Job): void {
    this.#counts.dropped++;
    this.#work(job, this.#host.clock.now() - job.startedAt);
    this.#startNext();
  }

  #startNext(): void {
    while (this.#running.size < this.#definition.workers) {
      const job = this.#definition.order === 'lifo' ? this.#queue.pop() : this.#queue.shift();
      if (job === undefined) return;
      if (this.#definition.stopsAbandoned && job.hasLeft(this.#host.clock.now())) this.#counts.dropped++;
      else if (this.#definition.order === 'codel' && this.#hasWaitedTooLong(job)) this.#end(job, 'rejected');
      else this.#start(job);
      if (this.#queue.size === 0) this.#emptyAt = this.#host.clock.now();
    }
  }

  #hasWaitedTooLong(job: Job): boolean {
    const now = this.#host.clock.now();
    const isLasting = now - this.#emptyAt > CODEL_INTERVAL_MS;
    return now - job.arrivedAt > (isLasting ? CODEL_TARGET_MS : CODEL_INTERVAL_MS);
  }

  /** Ends a request in the server, and sends the answer. */
  #end(job: Job, fate: Fate): void {
    this.#counts[fate === 'ok' ? 'served' : fate === 'error' ? 'failed' : fate]++;
    if (this.#isLost(job)) {
      this.#lostAnswers++;
      return;
    }
    const { latency } = this.#definition;
    if (latency === undefined) job.onAnswer(fate);
    else this.#host.clock.setTimeout(() => job.onAnswer(fate), this.#drawLatency(latency));
  }
}
