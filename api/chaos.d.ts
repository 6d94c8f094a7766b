export declare function chaosControl(options?: ChaosControlOptions): ChaosControl;
export declare function chaosFetch<F extends InjectableFetch>(fetch: F, options: ChaosFetchOptions): F;
export declare function down(target: string, { at, for: lasts }: FaultTime): Fault;
export declare function drop(target: string, share: number, { at, for: lasts }: FaultTime): Fault;
export declare function error(target: string, share: number, { at, for: lasts }: FaultTime): Fault;
export declare function flush(target: string | undefined, { at }: Pick<Fault, "at">): Fault;
export declare function hang(target: string, share: number, { at, for: lasts }: FaultTime): Fault;
export declare function partition(target: string, share: number, { at, for: lasts }: FaultTime): Fault;
export declare function slow(target: string, by: number, { at, for: lasts }: FaultTime): Fault;
export declare function stall({ at, for: lasts }: FaultTime): Fault;
export interface BehaviorOptions extends InjectionOptions {
	readonly run: (context: CallContext) => unknown;
}
export interface ChaosControl extends Observable<ChaosEvents>, Disposable {
	readonly state: ChaosState;
	readonly stats: ChaosStats;
	fault(options: FaultOptions): Policy;
	latency(options: LatencyOptions): Policy;
	outcome<Value>(options: OutcomeOptions<Value>): Policy<Awaited<Value>>;
	behavior(options: BehaviorOptions): Policy;
	plan(plan: FaultPlan, options: PlanOptions): Policy;
	stop(): void;
	describe(): ChaosDescription;
	[Symbol.dispose](): void;
}
export interface ChaosControlOptions {
	/** @defaultValue false */
	readonly enabled?: boolean | (() => boolean) | undefined;
	/** @defaultValue '10m' */
	readonly maxDuration?: Duration | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
	/** @defaultValue 'chaos' */
	readonly name?: string | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
export interface ChaosDescription {
	readonly kind: "chaosControl";
	readonly name: string;
	readonly state: ChaosState;
	readonly maxDurationMs: number;
	readonly remainingMs: number;
}
export interface ChaosEvents {
	begin: {
		readonly maxDurationMs: number;
	};
	inject: InjectEvent;
	end: {
		readonly reason: "stopped" | "max-duration";
	};
	error: {
		readonly error: unknown;
	};
}
export interface ChaosFetchOptions {
	readonly control: ChaosControl;
	/** @defaultValue none */
	readonly faults?: readonly HttpFault[] | undefined;
	/** @defaultValue none */
	readonly plan?: FaultPlan | undefined;
	/** @defaultValue the host name of each URL, as in `simulatedFetch` */
	readonly target?: string | undefined;
	/** @defaultValue 'chaosFetch' */
	readonly name?: string | undefined;
}
export interface ChaosStats {
	readonly calls: number;
	readonly injected: number;
	readonly byKind: {
		readonly [kind in InjectionKind]?: number;
	};
	readonly held: number;
}
export interface Fault {
	readonly at: Duration;
	/** @defaultValue until the end of the run */
	readonly for?: Duration | undefined;
	/** @defaultValue all */
	readonly target?: string | undefined;
	readonly kind: FaultKind;
	/** @defaultValue 10 */
	readonly by?: number | undefined;
	/** @defaultValue 1 */
	readonly share?: number | undefined;
}
export interface FaultOptions extends InjectionOptions {
	/** @defaultValue a failure of the dependency without details */
	readonly error?: unknown;
}
export interface HttpConnectionFault {
	readonly kind: "refused" | "reset" | "hang";
	readonly rate: number;
}
export interface HttpHeaderChange {
	readonly kind: "headers";
	readonly rate: number;
	readonly headers: Readonly<Record<string, string | null>>;
}
export interface HttpLatency {
	readonly kind: "latency";
	readonly rate: number;
	readonly latency: InjectedLatency;
}
export interface HttpSlowBody {
	readonly kind: "slow-body";
	readonly rate: number;
	readonly bytesPerSecond: number;
}
export interface HttpStatus {
	readonly kind: "status";
	readonly rate: number;
	readonly status: number;
	/** @defaultValue none */
	readonly headers?: Readonly<Record<string, string>> | undefined;
	/** @defaultValue a text that names the origin of the fault */
	readonly body?: string | undefined;
}
export interface HttpTruncatedBody {
	readonly kind: "truncated-body";
	readonly rate: number;
	/** @defaultValue 0 */
	readonly afterBytes?: number | undefined;
}
export interface InjectEvent {
	readonly policy: string;
	readonly kind: InjectionKind;
	readonly target: string | undefined;
}
export interface InjectionOptions {
	readonly rate: number;
	/** @defaultValue the name of the control */
	readonly name?: string | undefined;
}
export interface LatencyOptions extends InjectionOptions {
	readonly latency: InjectedLatency;
}
export interface OutcomeOptions<Value> extends InjectionOptions {
	readonly value: Value | ((context: CallContext) => Value | PromiseLike<Value>);
}
export interface PlanOptions {
	readonly target: string;
	/** @defaultValue the name of the control */
	readonly name?: string | undefined;
}
export type ChaosState = "off" | "waiting" | "active" | "ended";
export type FaultKind = "slow" | "down" | "error" | "hang" | "drop" | "partition" | "flush" | "stall";
export type FaultPlan = readonly Fault[];
export type FaultTime = Pick<Fault, "at" | "for">;
export type HttpFault = HttpLatency | HttpStatus | HttpConnectionFault | HttpHeaderChange | HttpSlowBody | HttpTruncatedBody;
export type InjectableFetch = (input: never, init?: never) => Promise<unknown>;
export type InjectedLatency = Duration | ((random: Random) => Duration);
export type InjectionKind = "fault" | "latency" | "outcome" | "behavior" | "status" | "headers" | "refused" | "reset" | "slow-body" | "truncated-body" | Exclude<FaultKind, "flush" | "stall">;
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
type Random = () => number;
type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";

export {};
