export declare function hedge(options?: HedgeOptions): Hedge;
export interface AttemptBudget {
	readonly ratio: number;
	readonly floor: number;
	readonly stats: {
		readonly requests: number;
		readonly retries: number;
		readonly available: number;
	};
	recordRequest(source?: AttemptSource): void;
	recordSuccess?(source?: AttemptSource): void;
	recordRecovery?(retries: number): void;
	tryRetry(outcome?: Outcome): boolean;
}
export interface Hedge extends Policy, Observable<HedgeEvents>, RequestHedging {
	readonly stats: HedgeStats;
}
export interface HedgeEvent {
	readonly attempt: number;
	readonly hedge: number;
	readonly reason: "delay" | "failure";
	readonly delayMs: number;
}
export interface HedgeEvents {
	hedge: HedgeEvent;
	win: {
		readonly attempt: number;
		readonly hedge: number;
	};
	skip: {
		readonly reason: SkipReason;
		readonly attempt: number;
	};
}
export interface HedgeOptions {
	/** @defaultValue 'p95' */
	readonly delay?: HedgeDelay | undefined;
	/** @defaultValue 1 */
	readonly maxHedges?: number | undefined;
	/** @defaultValue 0.05 */
	readonly maxRatio?: number | undefined;
	/** @defaultValue none */
	readonly budget?: AttemptBudget | undefined;
	/** @defaultValue 100 */
	readonly minSamples?: number | undefined;
	/** @defaultValue '1s' */
	readonly fallbackDelay?: Duration | undefined;
	/** @defaultValue the call's `classify` */
	readonly classify?: Classify | undefined;
	/** @defaultValue 'enforce' */
	readonly mode?: "enforce" | "observe" | undefined;
	/** @defaultValue 'hedge' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface HedgeStats {
	readonly calls: number;
	readonly hedges: number;
	readonly wins: number;
	readonly skipped: number;
	readonly delayMs: number | undefined;
}
export interface HedgingOfKey {
	readonly clock: Clock;
	classify(own: Classify | undefined): Classify;
	isSafe(context: CallContext): boolean;
	discard(value: unknown): void;
}
export interface RequestHedging extends Policy {
	forKey(settings: HedgingOfKey): Policy;
}
export type AttemptSource = "retry" | "hedge";
export type HedgeDelay = Duration | Quantile | ((context: CallContext) => Duration | undefined);
export type Quantile = `p${number}`;
export type SkipReason = "budget" | "not-safe" | "deadline";
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
