import { AbortLink, type AbortNode, AbortScope, scopeOf } from '../core/abort-scope.js';
import type { AmbientContext } from '../core/ambient.js';
import { type Clock, isSameClock } from '../core/clock.js';
import { type Deadline, DeadlineList } from '../core/deadline-list.js';
import { DeadlineExceededError, TimeoutError } from '../core/errors.js';
import { requireAmbientSlot } from './storage.js';

/** The owner of a signal, which is read when the context needs it: a request creates its signal on first read. */
export interface SignalOwner {
  readonly signal: AbortSignal | null | undefined;
}

/** What a context is made of. */
export interface ContextParts {
  /** The milliseconds from now to the deadline; `Infinity` for none. */
  readonly deadlineMs: number;
  readonly priority: number | undefined;
  readonly source: SignalOwner | undefined;
  readonly clock: Clock;
}

/** A point in time on a clock, and the duration that has led to it. */
interface DeadlineTime {
  readonly at: number;
  readonly durationMs: number;
  readonly clock: Clock;
}

/** The parts of a context that nested contexts read. Plain data, since the outer one may belong to another copy. */
interface OuterContext extends AmbientContext {
  readonly '~deadline': DeadlineTime | undefined;
  readonly '~sources': readonly SignalOwner[];
}

/**
 * A request context. A nested context copies the deadline and the signals of the outer one, so that each context is
 * complete without the others.
 */
export class OpenContext implements AmbientContext {
  readonly priority: number | undefined;
  readonly '~deadline': DeadlineTime | undefined;
  readonly '~sources': readonly SignalOwner[];
  readonly '~scope': ContextScope;

  constructor({ deadlineMs, priority, source, clock }: ContextParts) {
    const outer = requireAmbientSlot()() as OuterContext | undefined;
    const sources = outer === undefined ? NO_SOURCES : outer['~sources'];
    this.priority = priority ?? outer?.priority;
    this['~deadline'] = earlier(deadlineMs, outer?.['~deadline'], clock);
    this['~sources'] = source === undefined ? sources : [...sources, source];
    this['~scope'] = new ContextScope(this['~deadline'], this['~sources']);
  }

  get remainingMs(): number {
    const deadline = this['~deadline'];
    return deadline === undefined ? Infinity : Math.max(0, deadline.at - deadline.clock.now());
  }

  get signal(): AbortSignal {
    return this['~scope'].signal;
  }

  '~deadlineOn'(clock: Clock): number {
    const deadline = this['~deadline'];
    if (deadline === undefined) return Infinity;
    return isSameClock(clock, deadline.clock) ? deadline.at : clock.now() + deadline.at - deadline.clock.now();
  }

  '~rejection'(owner: string): unknown {
    const { reason, isExpired } = this['~scope'];
    if (reason !== undefined && !isExpired) return reason;
    if (this.remainingMs === 0) return new DeadlineExceededError({ policy: owner, remainingMs: 0 });
    return abortedSource(this['~sources'])?.reason;
  }

  /** Calls a function in this context. */
  run<T>(fn: () => T): T {
    return requireAmbientSlot().run(this, fn);
  }

  /** Announces that `end` will be called, so that the context can keep its timer until then. */
  begin(): void {
    this['~scope'].begin();
  }

  /** Calls a function in this context. If it returns a promise, the context ends when the promise settles. */
  runUntilDone<T>(fn: () => T): T {
    const result = this.run(fn);
    // Another thenable may start its work in `then`, so it must not be called twice.
    if (result instanceof Promise) {
      this.begin();
      const end = () => this.end();
      result.then(end, end);
    }
    return result;
  }

  /** Aborts all running calls, and rejects those that start later. */
  abort(reason: unknown): void {
    this['~scope'].abort(reason);
  }

  /** Releases what the context holds, except for calls that are still running. They keep their deadline. */
  end(): void {
    this['~scope'].end();
  }
}

const NO_SOURCES: readonly SignalOwner[] = [];

const abortedSource = (sources: readonly SignalOwner[]): AbortSignal | undefined =>
  sources.find(({ signal }) => signal?.aborted)?.signal ?? undefined;

/** Returns the earlier of two deadlines. */
function earlier(deadlineMs: number, outer: DeadlineTime | undefined, clock: Clock): DeadlineTime | undefined {
  if (deadlineMs === Infinity) return outer;
  if (outer !== undefined && outer.at - outer.clock.now() <= deadlineMs) return outer;
  return { at: clock.now() + deadlineMs, durationMs: deadlineMs, clock };
}

/**
 * The abort scope of a context. It has a timer and listens to signals only while a call is running in the context, or
 * while its own signal may be in use.
 */
class ContextScope extends AbortScope implements Deadline {
  /** Whether the deadline has ended the context. */
  isExpired = false;
  due = 0;
  list: DeadlineList | undefined = undefined;
  sooner: Deadline | undefined = undefined;
  later: Deadline | undefined = undefined;
  readonly #deadline: DeadlineTime | undefined;
  readonly #sources: readonly SignalOwner[];
  #links: AbortNode[] | undefined = undefined;
  /** Whether the signal of the context was read. */
  #isExposed = false;
  #isWorking = false;
  #isEnded = false;

  constructor(deadline: DeadlineTime | undefined, sources: readonly SignalOwner[]) {
    super();
    this.#deadline = deadline;
    this.#sources = sources;
  }

  override get signal(): AbortSignal {
    this.#isExposed = true;
    this.#listen();
    return super.signal;
  }

  override enter(node: AbortNode): void {
    super.enter(node);
    this.#listen();
  }

  override remove(node: AbortNode): void {
    super.remove(node);
    this.#update();
  }

  /** Announces that `end` will be called. */
  begin(): void {
    this.#isWorking = true;
    this.#update();
  }

  end(): void {
    this.#isEnded = true;
    this.#isWorking = false;
    this.#update();
  }

  onDue(): void {
    if (this.reason !== undefined) return;
    this.isExpired = true;
    const timeoutMs = this.#deadline?.durationMs ?? 0;
    this.abort(new TimeoutError({ policy: 'request context', timeoutMs }));
  }

  override onAbort(reason: unknown, signals: AbortController[]): void {
    super.onAbort(reason, signals);
    this.#update();
  }

  get #isInUse(): boolean {
    if (this.reason !== undefined) return false;
    // Between two calls of one request the timer stays armed: arming it costs as much as the call.
    return !this.isEmpty || (this.#isWorking && this.#links !== undefined) || (this.#isExposed && !this.#isEnded);
  }

  #listen(): void {
    if (this.#links === undefined && this.reason === undefined) {
      this.#links = [];
      this.#followSources(this.#links);
      this.#arm();
    }
    this.#update();
  }

  #followSources(links: AbortNode[]): void {
    for (const { signal } of this.#sources) {
      if (signal === null || signal === undefined) continue;
      if (signal.aborted) {
        this.abort(signal.reason);
        return;
      }
      const link = new AbortLink(this);
      scopeOf(signal).enter(link);
      links.push(link);
    }
  }

  #arm(): void {
    if (this.#deadline === undefined || this.reason !== undefined) return;
    const { at, clock } = this.#deadline;
    const now = clock.now();
    // A deadline belongs to the caller: a blocked event loop of this process does not extend it.
    const list = new DeadlineList(clock, Math.max(0, at - now), { keepsAlive: false, compensatesStalls: false });
    list.add(this, now);
  }

  /** Holds or releases the timer and the links, as the context is in use or not. */
  #update(): void {
    if (this.#isInUse) {
      if (!this.isEmpty || (this.#isExposed && this.#isWorking)) this.list?.hold(this);
      else this.list?.release(this);
      return;
    }
    this.list?.remove(this);
    for (const link of this.#links ?? []) link.leave();
    this.#links = undefined;
  }
}
