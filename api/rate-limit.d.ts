declare abstract class AbortNode {
	scope: AbortScope | undefined;
	previous: AbortNode | undefined;
	next: AbortNode | undefined;
	abstract onAbort(reason: unknown, signals: AbortController[]): void;
	leave(): void;
}
declare abstract class BaseLimiter<Rate extends object> extends CoreLimiter {
	constructor(kind: string, name: string | undefined, clock: Clock | undefined, createAlgorithm: (owner: string) => LimitAlgorithm<unknown>);
	reconfigure(options: Partial<Rate>): void;
}
declare abstract class LimitAlgorithm<S> {
	readonly owner: string;
	readonly limit: number;
	abstract readonly width: number;
	readonly isWhole: boolean;
	constructor(owner: string, limit: number);
	abstract fresh(): S;
	abstract save(state: S, into: Numbers, at: number): void;
	abstract load(state: S, from: Numbers, at: number): void;
	abstract availableAt(state: S, cost: number, from: number): number;
	abstract take(state: S, cost: number, at: number, now: number): void;
	availableInQueueAt(state: S, cost: number, from: number): number;
	takeQueued(state: S, cost: number, at: number, now: number): void;
	isLate(_before: Numbers, due: number, now: number): boolean;
	abstract refund(state: S, cost: number, now: number, takenAt?: number): void;
	abstract remaining(state: S, now: number): number;
	abstract resetAt(state: S): number;
	abstract withOptions(options: object): LimitAlgorithm<S>;
	abstract migrateState(state: S, before: LimitAlgorithm<S>, now: number): void;
}
declare abstract class Ticket extends AbortNode {
	readonly cost: number;
	readonly earliest: number;
	number: number;
	due: number;
	readonly nodes: readonly TicketNode[];
	isQueued: boolean;
	constructor(cost: number, limits: readonly QueuedLimit[], earliest: number);
	schedule(now: number): void;
	isUndoneAt(limit: QueuedLimit): boolean;
	get isUndone(): boolean;
	get isCombined(): boolean;
	get frontmost(): Ticket;
	isLate(now: number): boolean;
	abstract readonly isAwaited: boolean;
	abstract onDue(now: number): void;
	abstract onRejected(error: RangeError): void;
	abstract onAbort(reason: unknown): void;
}
declare class AbortScope extends AbortNode {
	#private;
	reason: unknown;
	constructor(outer?: AbortScope);
	get isEmpty(): boolean;
	get signal(): AbortSignal;
	enter(node: AbortNode): void;
	remove(node: AbortNode): void;
	abort(reason: unknown): void;
	onAbort(reason: unknown, signals: AbortController[]): void;
	race<T>(promise: Promise<T>): Promise<T>;
	raceWithin(promise: Promise<unknown>, frame: Exit): Promise<unknown>;
}
declare class CoreLimiter implements RateLimiter {
	readonly "~core": LimiterCore;
	constructor(core: LimiterCore);
	tryAcquire(cost?: number): Decision;
	peek(cost?: number): Decision;
	acquire(options?: WaitOptions): Promise<Decision>;
	reserve(options?: ReserveOptions): Reservation;
	refund(cost: number): void;
	reconfigure(options: object): void;
}
declare class LimitState<S = unknown> implements QueuedLimit {
	#private;
	algorithm: LimitAlgorithm<S>;
	state: S;
	readonly queue: WaitQueue;
	undoneFrom: number;
	undoneSince: number;
	onEarlier: (() => void) | undefined;
	constructor(algorithm: LimitAlgorithm<S>, queue: WaitQueue);
	get first(): TicketNode | undefined;
	get last(): TicketNode | undefined;
	get hasQueue(): boolean;
	get hasCombined(): boolean;
	settle(now: number): void;
	settleFront(now: number): void;
	decide(cost: number, now: number, takes: boolean): Decision;
	availableAt(cost: number, now: number): number;
	nextAvailableInQueueAt(cost: number, now: number): number;
	remaining(now: number): number;
	resetAt(): number;
	refund(cost: number, now: number, takenAt: number | undefined): void;
	reconfigure(options: object, now: number): void;
	availableInQueueAt(cost: number, from: number): number;
	take({ before }: TicketNode, cost: number, at: number, now: number): void;
	isLate({ before }: TicketNode, due: number, now: number): boolean;
	undo({ before }: TicketNode): void;
	push(node: TicketNode): void;
	remove(node: TicketNode): void;
	advance(now: number): void;
}
declare class LimiterCore {
	#private;
	readonly owner: string;
	readonly queue: WaitQueue;
	readonly limits: readonly LimitState[];
	constructor(owner: string, queue: WaitQueue, limits: readonly LimitState[], indexes?: readonly number[]);
	get isCombined(): boolean;
	decide(cost: number, takes: boolean): Decision;
	acquire(cost: number, maxWait: number, scope: AbortScope | undefined): Decision | Promise<Decision>;
	reserve(cost: number, maxWait: number): ReservationResult;
	delay(cost: number): number;
	withdraw(ticket: Ticket): boolean;
	refund(cost: number, takenAt?: number): void;
}
declare class TicketNode {
	readonly ticket: Ticket;
	readonly limit: QueuedLimit;
	readonly before: number[];
	ahead: TicketNode | undefined;
	behind: TicketNode | undefined;
	constructor(ticket: Ticket, limit: QueuedLimit);
}
declare class Timeline {
	#private;
	readonly clock: Clock;
	constructor(clock: Clock);
	now(): number;
}
declare class WaitQueue extends Timeline {
	#private;
	add(ticket: Ticket, now: number): void;
	remove(ticket: Ticket): void;
	leave(ticket: Ticket): void;
	undo(ticket: Ticket): void;
	scheduleFront(ticket: Ticket, now: number): void;
	repairIfScheduled(now: number): void;
	repair(now: number): void;
	repairFor(limit: QueuedLimit, now: number): void;
}
export declare class FixedWindow extends BaseLimiter<FixedWindowRate> {
	constructor(options: FixedWindowOptions);
}
export declare class KeyedRateLimiter {
	#private;
	constructor(make: () => RateLimiter, options?: KeyedRateLimiterOptions);
	get size(): number;
	get clock(): Clock;
	tryAcquire(key: string, cost?: number): Decision;
	peek(key: string, cost?: number): Decision;
	acquire(key: string, options?: WaitOptions): Promise<Decision>;
	"~acquire"(key: string, cost: number, maxWait: number, scope: AbortScope | undefined, signal: () => AbortSignal | null): Decision | Promise<Decision>;
	reserve(key: string, options?: ReserveOptions): Reservation;
	refund(key: string, cost: number): void;
	reconfigure(key: string, options: object): void;
	delete(key: string): boolean;
	"~hasRoomFor"(key: string): boolean;
}
export declare class LeakyBucket extends BaseLimiter<LeakyBucketRate> {
	constructor(options: LeakyBucketOptions);
}
export declare class SlidingWindowCounter extends BaseLimiter<SlidingWindowCounterRate> {
	constructor(options: SlidingWindowCounterOptions);
}
export declare class SlidingWindowLog extends BaseLimiter<SlidingWindowLogRate> {
	constructor(options: SlidingWindowLogOptions);
}
export declare class TokenBucket extends BaseLimiter<TokenBucketRate> {
	constructor(options: TokenBucketOptions);
}
export declare function allOf(...limiters: readonly RateLimiter[]): RateLimiter;
export declare function rateLimit(limiter: RateLimiter | KeyedRateLimiter, options?: RateLimitOptions): RateLimit;
export interface FixedWindowOptions extends FixedWindowRate {
	/** @defaultValue 'FixedWindow' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface FixedWindowRate {
	readonly limit: number;
	readonly per: Duration;
}
export interface KeyedRateLimiterOptions {
	/** @defaultValue 10_000 */
	readonly maxKeys?: number | undefined;
	/** @defaultValue 'share' */
	readonly atLimit?: "share" | "reject" | undefined;
	/** @defaultValue 'KeyedRateLimiter' */
	readonly name?: string | undefined;
	/** @defaultValue their clock */
	readonly clock?: Clock | undefined;
}
export interface LeakyBucketOptions extends LeakyBucketRate {
	/** @defaultValue 'LeakyBucket' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface LeakyBucketRate {
	readonly capacity: number;
	readonly leak: number;
	readonly per: Duration;
}
export interface RateLimit extends Policy, Observable<RateLimitEvents> {
}
export interface RateLimitEvents {
	reject: {
		readonly decision: Decision;
		readonly key: string | undefined;
	};
}
export interface RateLimitOptions {
	/** @defaultValue 0 */
	readonly maxWait?: Duration | undefined;
	/** @defaultValue 1 */
	readonly cost?: number | ((context: CallContext) => number) | undefined;
	/** @defaultValue the call's key */
	readonly key?: ((context: CallContext) => string) | undefined;
	/** @defaultValue 'enforce' */
	readonly mode?: "enforce" | "observe" | undefined;
	/** @defaultValue 'rateLimit' */
	readonly name?: string | undefined;
}
export interface RateLimiter {
	tryAcquire(cost?: number): Decision;
	peek(cost?: number): Decision;
	acquire(options?: WaitOptions): Promise<Decision>;
	reserve(options?: ReserveOptions): Reservation;
	refund(cost: number): void;
	reconfigure(options: object): void;
}
export interface Reservation {
	readonly decision: Decision;
	readonly delayMs: number;
	cancel(): void;
	[Symbol.dispose](): void;
}
export interface ReserveOptions {
	/** @defaultValue 1 */
	readonly cost?: number | undefined;
	/** @defaultValue `Infinity` */
	readonly maxWait?: Duration | undefined;
}
export interface SlidingWindowCounterOptions extends SlidingWindowCounterRate {
	/** @defaultValue 'SlidingWindowCounter' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface SlidingWindowCounterRate {
	readonly limit: number;
	readonly per: Duration;
}
export interface SlidingWindowLogOptions extends SlidingWindowLogRate {
	/** @defaultValue 'SlidingWindowLog' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface SlidingWindowLogRate {
	readonly limit: number;
	readonly per: Duration;
}
export interface TokenBucketOptions extends TokenBucketRate {
	/** @defaultValue 'TokenBucket' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface TokenBucketRate {
	readonly capacity: number;
	readonly refill: number;
	readonly per: Duration;
}
export interface WaitOptions extends ReserveOptions {
	/** @defaultValue no signal */
	readonly signal?: AbortSignal | null | undefined;
}
interface CallContext {
	readonly signal: AbortSignal;
	readonly attempt: number;
	readonly hedge: number;
	readonly deadline: number;
	/** @defaultValue 5 */
	readonly priority: number;
	readonly key: string | undefined;
}
interface CallOptions<T = unknown> {
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
	/** @defaultValue Infinity */
	readonly timeout?: Duration | undefined;
	/** @defaultValue `defaultClassify` */
	readonly classify?: Classify<T> | undefined;
	/** @defaultValue 5 */
	readonly priority?: number | undefined;
	/** @defaultValue none */
	readonly key?: string | undefined;
	/** @defaultValue true */
	readonly repeatable?: boolean | undefined;
}
interface ChildContext extends PolicyContext {
	abort(reason: unknown): void;
	[Symbol.dispose](): void;
}
interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	/** @defaultValue one poll of the platform's event loop */
	afterPoll?(callback: () => void): void;
}
interface ContextChange {
	/** @defaultValue the parent's */
	readonly attempt?: number | undefined;
	/** @defaultValue the parent's */
	readonly hedge?: number | undefined;
	/** @defaultValue the parent's */
	readonly deadline?: number | undefined;
}
interface Decision {
	readonly allowed: boolean;
	readonly limit: number;
	readonly remaining: number;
	readonly retryAfterMs: number;
	readonly resetAfterMs: number;
	readonly limitedBy?: number | undefined;
}
interface Exit {
	readonly outer: Exit | undefined;
	onValue(value: unknown): void;
	onError(error: unknown): unknown;
}
interface Numbers {
	[index: number]: number;
}
interface Observable<E> {
	on<K extends keyof E>(type: K, listener: (event: E[K]) => void): () => void;
}
interface Policy<out Adds = never> {
	readonly name: string;
	readonly clock: Clock;
	execute<T>(operation: (context: CallContext) => T | PromiseLike<T>, options?: CallOptions<T>): Promise<T | Adds>;
	attempt<T>(operation: (context: CallContext) => T | PromiseLike<T>, options?: CallOptions<T>): Promise<Outcome<T | Adds>>;
	wrap<F extends (...args: never[]) => Promise<unknown>>(this: Policy, fn: F): F;
	wrap<This, A extends unknown[], T>(fn: (this: This, ...args: A) => T | PromiseLike<T>): (this: This, ...args: A) => Promise<T | Adds>;
	run(next: Next, context: PolicyContext): Promise<unknown>;
	describe(): PolicyDescription;
	readonly "~adds"?: {
		readonly type: Adds;
	};
}
interface PolicyContext extends CallContext {
	readonly aborted: boolean;
	readonly classify: Classify;
	readonly repeatable: boolean;
	readonly clock: Clock;
	derive(change: ContextChange): ChildContext;
	sleep(ms: number): Promise<void>;
	wait<T>(promise: PromiseLike<T>): Promise<T>;
}
interface PolicyDescription {
	readonly kind: string;
	readonly name: string;
	readonly policies?: readonly PolicyDescription[] | undefined;
	readonly [setting: string]: unknown;
}
interface QueuedLimit {
	readonly first: TicketNode | undefined;
	readonly last: TicketNode | undefined;
	undoneFrom: number;
	undoneSince: number;
	readonly hasCombined: boolean;
	readonly onEarlier: (() => void) | undefined;
	availableInQueueAt(cost: number, from: number): number;
	take(node: TicketNode, cost: number, at: number, now: number): void;
	undo(node: TicketNode): void;
	push(node: TicketNode): void;
	remove(node: TicketNode): void;
	advance(now: number): void;
	isLate(node: TicketNode, due: number, now: number): boolean;
}
interface ReservationResult {
	readonly decision: Decision;
	readonly now: number;
	readonly due: number;
	readonly ticket: Ticket | undefined;
}
type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type Next = (context: PolicyContext) => Promise<unknown>;
type Outcome<T = unknown> = {
	readonly ok: true;
	readonly value: T;
} | {
	readonly ok: false;
	readonly error: unknown;
};
type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";

export {};
