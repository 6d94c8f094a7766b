import type { CallContext } from '../core/call-context.js';
import { type Clock, isAnyClock } from '../core/clock.js';
import type { Policy } from '../core/policy.js';
import type { Random } from '../core/random.js';
import type { SimClock } from '../testing/index.js';
import { ClientClock } from './client-clock.js';
import type { Call, Candidate } from './options.js';
import type { SimulatedServer } from './simulated-server.js';
import { type AttemptTrace, type ClientLink, LinkedTarget, type Targets } from './world.js';

/** What makes a call, and the policy to look at, if there is one. */
export interface Client {
  /** Makes a call. May throw. */
  call(call: Call, trace: AttemptTrace | undefined): unknown;
  readonly policy: Policy<unknown> | undefined;
}

/** What clients need of their run. */
export interface ClientHost {
  readonly clock: SimClock;
  readonly servers: ReadonlyMap<string, SimulatedServer>;
  readonly target: string;
  /** Whether the plan has a fault that blocks the event loop of the clients. */
  readonly hasStalls: boolean;
  /** Whether the calls are traced. */
  readonly isTraced: boolean;
  stream(purpose: string): Random;
  onSend(): void;
}

/** All clients of a run. They share one clock, as they share the machine that simulates them. */
export class Clients {
  readonly #host: ClientHost;
  readonly #stalls: ClientClock | undefined;
  readonly #clients: Client[] = [];
  readonly #flushListeners: ((target: string | undefined) => void)[] = [];
  /** Finds the trace of a call that a candidate passes to `send`. */
  readonly #traces = new WeakMap<object, AttemptTrace>();

  constructor(host: ClientHost) {
    this.#host = host;
    this.#stalls = host.hasStalls ? new ClientClock(host.clock) : undefined;
  }

  /** The clock of the clients. */
  get clock(): Clock {
    return this.#stalls ?? this.#host.clock;
  }

  /** Makes a client. @throws the error of the candidate, or an Error if it returns neither a policy nor a function. */
  add(candidate: Candidate): Client {
    const index = this.#clients.length;
    const targets = this.#targetsOf(index);
    const made = candidate({
      clock: this.clock,
      random: this.#host.stream(`client ${index}`),
      world: targets,
      client: index,
      onFlush: (listener) => void this.#flushListeners.push(listener),
    });
    const client = isPolicy(made) ? this.#policyClient(made, targets) : this.#functionClient(made);
    this.#clients.push(client);
    return client;
  }

  get first(): Client | undefined {
    return this.#clients[0];
  }

  /** Delivers something from outside the clients, now or when their event loop is no longer blocked. */
  deliver(event: () => void): void {
    if (this.#stalls === undefined) event();
    else this.#stalls.deliver(event);
  }

  block(): void {
    this.#stalls?.block();
  }

  unblock(): void {
    this.#stalls?.unblock();
  }

  flush(target: string | undefined): void {
    for (const listener of this.#flushListeners) listener(target);
  }

  #targetsOf(client: number): Targets {
    const stalls = this.#stalls;
    const link: ClientLink = {
      clock: this.clock,
      client,
      onSend: this.#host.onSend,
      deliver: (answer) => this.deliver(answer),
      get isStalled() {
        return stalls?.isStalled === true;
      },
      traceOf: (caller) => (this.#host.isTraced ? this.#traces.get(caller) : undefined),
    };
    const targets = [...this.#host.servers].map(([name, server]) => [name, new LinkedTarget(server, link)]);
    return Object.freeze(Object.fromEntries(targets) as Record<string, LinkedTarget>);
  }

  #policyClient(policy: Policy<unknown>, targets: Targets): Client {
    if (policy.clock !== this.clock && !isAnyClock(policy.clock)) {
      throw new Error('the policy uses another clock than the one that the candidate was given');
    }
    const target = targets[this.#host.target] as LinkedTarget;
    const send = (context: CallContext) => target.send(context);
    return {
      policy,
      call({ key, priority }, trace) {
        const operation = trace === undefined ? send : (context: CallContext) => target.sendTraced(context, trace);
        return key === undefined && priority === DEFAULT_PRIORITY
          ? policy.execute(operation)
          : policy.execute(operation, { key, priority });
      },
    };
  }

  #functionClient(make: unknown): Client {
    if (typeof make !== 'function') throw new Error('the candidate must return a policy or a function');
    return {
      policy: undefined,
      call: (call, trace) => {
        if (trace !== undefined) this.#traces.set(call, trace);
        return (make as (call: Call) => unknown)(call);
      },
    };
  }
}

const DEFAULT_PRIORITY = 5;

function isPolicy(value: unknown): value is Policy<unknown> {
  const { execute, run } = (value ?? {}) as Partial<Policy<unknown>>;
  return typeof execute === 'function' && typeof run === 'function';
}
