import { Alarm } from '../../core/clock.js';
import type { GiveUpReason } from '../../retry/events.js';
import type { PacingSnapshot } from '../control.js';
import { type GateCall, type GateSettings, pauseOf, placeOf } from './gate-call.js';
import { PacingRate } from './pacing-rate.js';

/** A pause is longer than announced by up to this share, at random: all clients receive the same `Retry-After`. */
const JITTER = 0.1;
/** The number of refusals in a row without a success after which the gate gives up. */
const MAX_REFUSALS = 5;
/** The delay in milliseconds that calls may catch up with if the event loop was late. */
const CATCH_UP_MS = 20;
/** The time between two scans, in milliseconds. */
const SWEEP_MS = 250;
/** A gate is forgotten after a time without refusals: this number of pauses, and at least this time. */
const QUIET_PAUSES = 10;
const QUIET_MS = 10_000;

/**
 * Paces the requests of one key. It does nothing until a request is refused (judged `throttled`). Then:
 *
 * ```text
 * idle ── refused ──▶ closed ── pause over ──▶ one probe ── success ──▶ paced ── no waiter, and quiet ──▶ idle
 *                       ▲                          │ refused              │ refused
 *                       └──────────────────────────┴──────────────────────┘
 * ```
 *
 * - Only a refusal of a request of the current epoch is news, and begins the next epoch. 90 refusals of one volley are
 *   one event: a rate that is cut for each of them, as by the AWS SDK's adaptive mode, does not recover.
 * - The pause is the `Retry-After` plus up to 10 %, or a default that doubles. It closes the gate for the whole key.
 * - After the pause one probe is sent, and after its success requests leave at the rate of `PacingRate`.
 * - Five refusals in a row without a success end all waiting calls. A pause above `maxRetryAfter` ends them too.
 * - A call ends at once if it could not be answered in time even if nothing more were refused.
 *
 * Calls wait in arrival order. One timer while calls wait. A scan of the waiting calls four times per second.
 */
export class PacingGate {
  readonly #key: string;
  readonly #settings: GateSettings;
  readonly #rate = new PacingRate();
  #line: GateCall[] = [];
  #alarm: Alarm | undefined;
  #alarmAt = Infinity;
  #sweepAt = -Infinity;
  #isActive = false;
  #epoch = 0;
  #closedUntil = -Infinity;
  #pauseMs = 0;
  /** The number of refusals in a row without a success. */
  #refusals = 0;
  #nextAt = 0;
  /** The successes of this epoch, and its requests in flight. */
  #successes = 0;
  #inFlight = 0;
  /** The recent duration of a request in milliseconds. It rises immediately and falls slowly. */
  #tripMs = 0;

  constructor(key: string, settings: GateSettings) {
    this.#key = key;
    this.#settings = settings;
  }

  /** Whether calls must pass the gate. Forgets the refusals if they were long ago. */
  get isActive(): boolean {
    if (!this.#isActive) return false;
    const quietMs = Math.max(QUIET_MS, QUIET_PAUSES * this.#pauseMs);
    if (this.#line.length === 0 && this.#now > this.#closedUntil + quietMs) this.reset();
    return this.#isActive;
  }

  /** Whether no request may be sent now. */
  get isClosed(): boolean {
    return this.#isActive && this.#now < this.#closedUntil;
  }

  /** Milliseconds until a call that arrives now would be sent, at the current rate. */
  get waitMs(): number {
    const now = this.#now;
    const opensAt = Math.max(now, this.#closedUntil, this.#nextAt);
    return Math.ceil(Math.max(1, opensAt - now) + (this.#line.length * 1000) / this.#rate.perSecond);
  }

  /** The state of an active gate. */
  get snapshot(): PacingSnapshot {
    return { waiting: this.#line.length, ratePerSecond: this.#rate.perSecond, retryAfterMs: this.waitMs };
  }

  /** Forgets all refusals and sends all waiting calls. */
  reset(): void {
    this.#isActive = false;
    this.#refusals = 0;
    this.#end(undefined);
    this.#arm(Infinity);
  }

  /** Counts a success. @param call - undefined for a call that has not passed the gate. */
  succeeded(call?: GateCall): void {
    const now = this.#now;
    const isCurrent = call?.epoch === this.#epoch;
    if (isCurrent || !this.#isActive) this.#rate.count(now);
    if (!this.#isActive) return;
    this.#refusals = 0;
    if (this.#pauseMs > this.#settings.maxRetryAfterMs)
      this.reset(); // the quota has been renewed
    else if (isCurrent) {
      this.#successes++;
      this.#measureTrip(call, now);
      if (this.#line.length > 0) this.#rate.grow(now);
    } else if (now < this.#closedUntil) this.#rate.countLate();
    if (call !== undefined) this.ended(call);
  }

  /** Counts a refusal, and closes the gate. @param call - undefined for a call that has not passed the gate. */
  refused(announcedMs: number | undefined, call?: GateCall): void {
    const now = this.#now;
    const { maxPauseMs, random } = this.#settings;
    if (!this.#isActive || call?.epoch === this.#epoch) {
      if (call !== undefined) this.#measureTrip(call, now);
      this.#learn(announcedMs, now);
      this.#close(now + Math.min(this.#pauseMs, maxPauseMs) * (1 + JITTER * random()));
    } else if (now + Math.min(announcedMs ?? 0, maxPauseMs) > this.#closedUntil + 1000) {
      // The answer to an earlier request is no news, except that its pause may be longer.
      this.#pauseMs = Math.max(this.#pauseMs, announcedMs as number);
      this.#close(now + Math.min(announcedMs as number, maxPauseMs));
    }
    if (call !== undefined) call.epoch = -1;
    this.#pump();
  }

  /** Ends a request whose outcome says nothing about the limit, or that was not sent. */
  ended(call: GateCall): void {
    if (call.epoch === this.#epoch) this.#inFlight--;
    call.epoch = -1;
    this.#pump();
  }

  /** Returns the reason why a call must not wait here; undefined if it may. */
  stopReason(call: GateCall): GiveUpReason | undefined {
    return this.#givesUp ?? (this.#isLate(call, placeOf(call, this.#line), this.#now) ? 'deadline' : undefined);
  }

  /** Adds a call to the line. */
  enter(call: GateCall): void {
    this.#line.splice(placeOf(call, this.#line), 0, call);
    this.#pump();
  }

  /** Removes a call that was aborted, in the line or just after it. */
  leave(call: GateCall): void {
    const place = placeOf(call, this.#line);
    if (this.#line[place] === call) this.#line.splice(place, 1);
    this.ended(call);
  }

  get #now(): number {
    return this.#settings.clock.now();
  }

  /** The reason why no call waits for the end of the pause; undefined if calls wait. */
  get #givesUp(): GiveUpReason | undefined {
    if (!this.isClosed) return undefined;
    if (this.#refusals >= MAX_REFUSALS) return 'not-retryable';
    return this.#pauseMs > this.#settings.maxRetryAfterMs ? 'retry-after' : undefined;
  }

  #learn(announcedMs: number | undefined, now: number): void {
    const hasSuccess = this.#successes > 0;
    if (this.#isActive && !hasSuccess) this.#refusals++;
    this.#pauseMs = pauseOf(announcedMs, this.#refusals);
    if (this.#isActive) this.#rate.reduce(hasSuccess, this.#pauseMs, now);
    else if (!this.#rate.begin(this.#pauseMs, now)) this.#refusals++;
    this.#isActive = true;
    this.#epoch++;
    this.#successes = 0;
    this.#inFlight = 0;
  }

  #close(until: number): void {
    this.#closedUntil = until;
    this.#nextAt = until;
    this.#sweepAt = -Infinity;
    this.#rate.opens(until, this.#pauseMs);
  }

  #measureTrip(call: GateCall, now: number): void {
    this.#tripMs = Math.max(now - call.sentAt, this.#tripMs * 0.9);
  }

  /** The time at which the first waiting call may be sent; `Infinity` while a probe is in flight. */
  #opensAt(now: number): number {
    if (now < this.#closedUntil) return this.#closedUntil;
    if (this.#successes === 0 && this.#inFlight > 0) return Infinity;
    const announced = now + this.#settings.announcedMs(this.#key);
    return this.#successes === 0 ? announced : Math.max(announced, this.#nextAt);
  }

  /** Whether a call with this number of calls ahead cannot be answered in time. */
  #isLate({ latest }: GateCall, ahead: number, now: number): boolean {
    return ahead >= this.#rate.capacity(latest - this.#tripMs - Math.max(now, this.#closedUntil), now);
  }

  /** Sends the calls whose time has come, ends those that would be late, and arms the timer. */
  #pump(): void {
    const now = this.#now;
    const stop = this.#givesUp;
    if (stop !== undefined) this.#end(stop);
    if (now >= this.#sweepAt) this.#sweep(now);
    let at = Infinity;
    for (let head = this.#line[0]; head !== undefined; head = this.#line[0]) {
      at = this.#opensAt(now);
      const isLate = (at < Infinity ? at : now) + this.#tripMs >= head.latest;
      if (!isLate && at > now) break;
      this.#line.shift();
      if (isLate) head.proceed('deadline');
      else this.#send(head, now);
    }
    this.#arm(this.#line.length > 0 ? at : Infinity);
  }

  #send(call: GateCall, now: number): void {
    call.epoch = this.#epoch;
    call.sentAt = now;
    this.#inFlight++;
    this.#nextAt = Math.max(now - CATCH_UP_MS, this.#nextAt) + 1000 / this.#rate.perSecond;
    call.proceed(undefined);
  }

  /** Ends the wait of all calls. */
  #end(stop: GiveUpReason | undefined): void {
    for (const call of this.#line.splice(0)) call.proceed(stop);
  }

  /** Ends the calls that cannot be answered in time. */
  #sweep(now: number): void {
    this.#sweepAt = now + SWEEP_MS;
    let ahead = 0;
    this.#line = this.#line.filter((call) => {
      const isLate = this.#isLate(call, ahead, now);
      if (isLate) call.proceed('deadline');
      else ahead++;
      return !isLate;
    });
  }

  #arm(at: number): void {
    if (at === this.#alarmAt) return;
    this.#alarm?.clear();
    this.#alarmAt = at;
    this.#alarm =
      at === Infinity
        ? undefined
        : new Alarm(this.#settings.clock, at - this.#now, () => {
            this.#alarmAt = Infinity;
            this.#pump();
          });
  }
}
