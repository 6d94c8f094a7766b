/**
 * The five algorithms in the form of their definitions, with fractions of bigints and lists of every taken cost.
 * The models are slow and simple. Times are whole microseconds.
 */
export interface NaiveLimit {
  readonly limit: number;
  copy(): NaiveLimit;
  availableAt(cost: number, from: number): number;
  availableInQueueAt(cost: number, from: number): number;
  take(cost: number, at: number): void;
  takeQueued(cost: number, at: number): void;
  refund(cost: number, now: number, takenAt?: number): void;
  remaining(now: number): number;
  resetAt(): number;
  /** The same state with other options from now on. */
  withOptions(options: Rate, now: number): NaiveLimit;
}

export interface Rate {
  /** `capacity` or `limit`. */
  readonly size: number;
  /** `refill` or `leak`, in hundredths; 0 for windows. */
  readonly hundredths: number;
  readonly perMicros: number;
}

const ceilDiv = (a: bigint, b: bigint) => (a > 0n ? (a + b - 1n) / b : a / b);
const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? a : gcd(b, a % b));
const max = (a: bigint, b: bigint) => (a > b ? a : b);
const min = (a: bigint, b: bigint) => (a < b ? a : b);

/** Levels in 1 / (100 × per) of a token, of which `hundredths` are refilled per microsecond. */
export class NaiveTokenBucket implements NaiveLimit {
  level: bigint;
  constructor(
    readonly rate: Rate,
    level?: bigint,
    public asOf = 0,
  ) {
    this.level = level ?? this.full;
  }
  get limit() {
    return this.rate.size;
  }
  get unit() {
    return 100n * BigInt(this.rate.perMicros);
  }
  get full() {
    return BigInt(this.rate.size) * this.unit;
  }
  copy() {
    return new NaiveTokenBucket(this.rate, this.level, this.asOf);
  }
  at(time: number) {
    return min(this.full, this.level + BigInt(time - this.asOf) * BigInt(this.rate.hundredths));
  }
  availableAt(cost: number, from: number) {
    const missing = BigInt(cost) * this.unit - this.at(from);
    return missing <= 0n ? from : from + Number(ceilDiv(missing, BigInt(this.rate.hundredths)));
  }
  availableInQueueAt(cost: number, from: number) {
    return this.availableAt(cost, from);
  }
  take(cost: number, at: number) {
    this.level = this.at(at) - BigInt(cost) * this.unit;
    this.asOf = at;
  }
  takeQueued(cost: number, at: number) {
    this.take(cost, at);
  }
  refund(cost: number, now: number) {
    this.level = min(this.full, this.at(now) + BigInt(cost) * this.unit);
    this.asOf = now;
  }
  remaining(now: number) {
    return Number(this.at(now) / this.unit);
  }
  resetAt() {
    return this.asOf + Number(ceilDiv(this.full - this.level, BigInt(this.rate.hundredths)));
  }
  withOptions(rate: Rate, now: number) {
    const next = new NaiveTokenBucket(rate, 0n, now);
    const grain = gcd(next.unit, BigInt(rate.hundredths)); // a finer level than that of the new rate is rounded
    next.level = min(next.full, ((this.at(now) * next.unit) / (this.unit * grain)) * grain);
    return next;
  }
}

/** Keeps the exact time at which the bucket will be empty, as a fraction of a microsecond: in 1 / hundredths. */
export class NaiveLeakyBucket implements NaiveLimit {
  constructor(
    readonly rate: Rate,
    public emptyAt = 0n,
  ) {}
  get limit() {
    return this.rate.size;
  }
  get leak() {
    return BigInt(this.rate.hundredths);
  }
  /** The time in which one unit leaks, in 1 / hundredths of a microsecond. */
  get unit() {
    return 100n * BigInt(this.rate.perMicros);
  }
  copy() {
    return new NaiveLeakyBucket(this.rate, this.emptyAt);
  }
  availableAt(cost: number, from: number) {
    return Math.max(from, Number(ceilDiv(this.emptyAt - BigInt(this.rate.size - cost) * this.unit, this.leak)));
  }
  availableInQueueAt(_cost: number, from: number) {
    return Math.max(from, this.resetAt());
  }
  take(cost: number, at: number) {
    this.emptyAt = max(this.emptyAt, BigInt(at) * this.leak) + BigInt(cost) * this.unit;
  }
  /** A queued time that was rounded up to a microsecond counts as the exact time. */
  takeQueued(cost: number, at: number) {
    const exact = at === this.resetAt() ? this.emptyAt : BigInt(at) * this.leak;
    this.emptyAt = exact + BigInt(cost) * this.unit;
  }
  refund(cost: number, now: number) {
    this.emptyAt = max(BigInt(now) * this.leak, this.emptyAt - BigInt(cost) * this.unit);
  }
  remaining(now: number) {
    const level = max(0n, this.emptyAt - BigInt(now) * this.leak);
    return Math.max(0, Number((BigInt(this.rate.size) * this.unit - level) / this.unit));
  }
  resetAt() {
    return Number(ceilDiv(this.emptyAt, this.leak));
  }
  withOptions(rate: Rate, now: number) {
    const level = max(0n, this.emptyAt - BigInt(now) * this.leak);
    const next = new NaiveLeakyBucket(rate);
    const grain = gcd(next.unit, next.leak);
    next.emptyAt = BigInt(now) * next.leak + ceilDiv(level * next.unit, this.unit * grain) * grain;
    return next;
  }
}

interface Taken {
  readonly at: number;
  cost: number;
}

abstract class NaiveWindows {
  constructor(
    readonly rate: Rate,
    public taken: Taken[] = [],
  ) {}
  get limit() {
    return this.rate.size;
  }
  abstract availableAt(cost: number, from: number): number;
  availableInQueueAt(cost: number, from: number) {
    return this.availableAt(cost, from);
  }
  abstract take(cost: number, at: number): void;
  takeQueued(cost: number, at: number) {
    this.take(cost, at);
  }
  sum(taken = this.taken) {
    return taken.reduce((total, { cost }) => total + cost, 0);
  }
  /** Returns `cost` to the given entries, the first ones first. */
  reduce(taken: Taken[], cost: number) {
    let left = cost;
    for (const one of taken) {
      const back = Math.min(left, one.cost);
      one.cost -= back;
      left -= back;
    }
    this.taken = this.taken.filter((one) => one.cost > 0);
  }
  clone() {
    return this.taken.map((one) => ({ ...one }));
  }
}

/** The costs in the current window. An empty list means that no window is open. */
export class NaiveFixedWindow extends NaiveWindows implements NaiveLimit {
  startedAt = 0;
  copy() {
    return Object.assign(new NaiveFixedWindow(this.rate, this.clone()), { startedAt: this.startedAt });
  }
  isOpen(time: number) {
    return this.taken.length > 0 && time < this.startedAt + this.rate.perMicros;
  }
  availableAt(cost: number, from: number) {
    if (!this.isOpen(from) || this.sum() + cost <= this.limit) return from;
    return this.startedAt + this.rate.perMicros;
  }
  take(cost: number, at: number) {
    if (!this.isOpen(at)) {
      this.taken = [];
      this.startedAt = at;
    }
    this.taken.push({ at, cost });
  }
  refund(cost: number, now: number, takenAt = now) {
    if (this.isOpen(now) && takenAt >= this.startedAt) this.reduce(this.taken, cost);
  }
  remaining(now: number) {
    return this.isOpen(now) ? Math.max(0, this.limit - this.sum()) : this.limit;
  }
  resetAt() {
    return this.taken.length > 0 ? this.startedAt + this.rate.perMicros : 0;
  }
  withOptions(rate: Rate, now: number) {
    return Object.assign(new NaiveFixedWindow(rate, this.isOpen(now) ? this.clone() : []), {
      startedAt: this.startedAt,
    });
  }
}

/** Finds times by bisection, since available cost stays available. */
export class NaiveSlidingWindowCounter extends NaiveWindows implements NaiveLimit {
  startedAt = 0;
  before = 0;
  present = 0;
  copy() {
    const { startedAt, before, present } = this;
    return Object.assign(new NaiveSlidingWindowCounter(this.rate), { startedAt, before, present });
  }
  roll(time: number) {
    const per = this.rate.perMicros;
    if (this.before === 0 && this.present === 0) this.startedAt = time;
    for (let n = 0; n < 2 && time >= this.startedAt + per; n++) {
      this.startedAt += per;
      this.before = this.present;
      this.present = 0;
    }
    if (time >= this.startedAt + per || (this.before === 0 && this.present === 0)) {
      Object.assign(this, { startedAt: time, before: 0, present: 0 });
    }
  }
  passes(cost: number, at: number) {
    const then = this.copy();
    then.roll(at);
    const per = BigInt(this.rate.perMicros);
    const left = per - BigInt(at - then.startedAt);
    return BigInt(then.before) * left + BigInt(then.present + cost) * per <= BigInt(this.limit) * per;
  }
  availableAt(cost: number, from: number) {
    let [low, high] = [from, from + 3 * this.rate.perMicros];
    if (this.passes(cost, from)) return from;
    while (low + 1 < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.passes(cost, middle)) high = middle;
      else low = middle;
    }
    return high;
  }
  take(cost: number, at: number) {
    this.roll(at);
    this.present += cost;
  }
  refund(cost: number, now: number, takenAt = now) {
    this.roll(now);
    if (takenAt >= this.startedAt) this.present = Math.max(0, this.present - cost);
    else if (takenAt >= this.startedAt - this.rate.perMicros) this.before = Math.max(0, this.before - cost);
  }
  remaining(now: number) {
    let most = 0;
    for (let cost = 1; cost <= this.limit && this.passes(cost, now); cost++) most = cost;
    return most;
  }
  resetAt() {
    if (this.present > 0) return this.startedAt + 2 * this.rate.perMicros;
    return this.before > 0 ? this.startedAt + this.rate.perMicros : 0;
  }
  withOptions(rate: Rate, now: number) {
    const { startedAt, before, present } = this;
    const next = Object.assign(new NaiveSlidingWindowCounter(this.rate), { startedAt, before, present });
    next.roll(now);
    return Object.assign(new NaiveSlidingWindowCounter(rate), {
      startedAt: next.startedAt,
      before: next.before,
      present: next.present,
    });
  }
}

export class NaiveSlidingWindowLog extends NaiveWindows implements NaiveLimit {
  copy() {
    return new NaiveSlidingWindowLog(this.rate, this.clone());
  }
  inWindow(time: number) {
    return this.taken.filter(({ at }) => at > time - this.rate.perMicros);
  }
  availableAt(cost: number, from: number) {
    const ends = this.taken.map(({ at }) => at + this.rate.perMicros).filter((end) => end > from);
    for (const time of [from, ...ends]) if (this.sum(this.inWindow(time)) + cost <= this.limit) return time;
    throw new Error('never');
  }
  take(cost: number, at: number) {
    this.taken.push({ at, cost });
  }
  refund(cost: number, now: number, takenAt?: number) {
    const inWindow = this.inWindow(now);
    this.reduce(takenAt === undefined ? inWindow : inWindow.filter(({ at }) => at === takenAt), cost);
  }
  remaining(now: number) {
    return Math.max(0, this.limit - this.sum(this.inWindow(now)));
  }
  resetAt() {
    return (this.taken.at(-1)?.at ?? -this.rate.perMicros) + this.rate.perMicros;
  }
  withOptions(rate: Rate, now: number) {
    return new NaiveSlidingWindowLog(
      rate,
      this.inWindow(now).map((one) => ({ ...one })),
    );
  }
}
