declare function closed$1(options: ClosedLoadOptions): ClosedLoad;
export declare class SimulatedError extends Error {
	readonly status: number | undefined;
	readonly code: string | undefined;
	constructor(message: string, status: number | undefined, code: string | undefined);
	get name(): string;
}
export declare class SimulationError extends Error implements RunPlace {
	readonly scenario: string;
	readonly candidate: string | undefined;
	readonly seed: number;
	constructor(problem: string, place: RunPlace, options?: {
		readonly cause: unknown;
	});
	get name(): string;
}
export declare function burst(options: {
	readonly perSecond: number;
	readonly to: number;
	readonly at: Duration;
	readonly for: Duration;
}): RateProfile;
export declare function compare<const W extends World, const Name extends string>(options: CompareOptions<W, Name>): Promise<Comparison<Name>>;
export declare function constant(duration: Duration): Distribution;
export declare function constantRate(options: ConstantRateOptions): OpenLoad;
export declare function diurnal(options: {
	readonly low: number;
	readonly high: number;
	readonly period: Duration;
}): RateProfile;
export declare function down(target: string, { at, for: lasts }: FaultTime): Fault;
export declare function drop(target: string, share: number, { at, for: lasts }: FaultTime): Fault;
export declare function empirical(buckets: readonly (readonly [
	upTo: Duration,
	count: number
])[]): Distribution;
export declare function error(target: string, share: number, { at, for: lasts }: FaultTime): Fault;
export declare function exponential(mean: Duration): Distribution;
export declare function flush(target: string | undefined, { at }: Pick<Fault, "at">): Fault;
export declare function hang(target: string, share: number, { at, for: lasts }: FaultTime): Fault;
export declare function logNormal(options: LogNormalOptions): Distribution;
export declare function partition(target: string, share: number, { at, for: lasts }: FaultTime): Fault;
export declare function poisson(options: PoissonOptions): OpenLoad;
export declare function ramp(options: {
	readonly from: number;
	readonly to: number;
	readonly over: Duration;
}): RateProfile;
export declare function replay<const W extends World>(options: SimulateOptions<W>): Promise<SimulationResult>;
export declare function server(options: ServerOptions): ServerDefinition;
export declare function simulate<const W extends World>(options: SimulateOptions<W>): Promise<SimulationResult>;
export declare function simulatedFetch(world: Targets, options?: SimulatedFetchOptions): typeof globalThis.fetch;
export declare function slow(target: string, by: number, { at, for: lasts }: FaultTime): Fault;
export declare function stall({ at, for: lasts }: FaultTime): Fault;
export declare function sweep<const W extends World, const Parameter extends string, const Name extends string>(options: SweepOptions<W, Parameter, Name>): Promise<Sweep<Parameter, Name>>;
export declare function trace(options: TraceOptions): OpenLoad;
export declare function uniform(from: Duration, to: Duration): Distribution;
export declare function zipf(options: ZipfOptions): KeyDistribution;
export interface AttemptRecord {
	readonly server: string;
	readonly at: number;
	readonly endedAt: number | undefined;
	readonly answer: Fate | undefined;
}
export interface Call {
	readonly index: number;
	readonly at: number;
	readonly tenant: string | undefined;
	readonly key: string | undefined;
	readonly priority: number;
	readonly deadline: number;
}
export interface CallTrace {
	readonly index: number;
	readonly at: number;
	readonly endedAt: number | undefined;
	readonly outcome: "good" | "bad" | "refused" | "pending";
	readonly attempts: readonly AttemptRecord[];
}
export interface Caller {
	/** @defaultValue Infinity */
	readonly deadline?: number | undefined;
	readonly signal?: AbortSignal | null | undefined;
}
export interface CandidateKit<W extends World = World> {
	readonly clock: Clock;
	readonly random: Random;
	readonly world: Targets<keyof W & string>;
	readonly client: number;
	onFlush(listener: (target: string | undefined) => void): void;
}
export interface CandidateSummary extends Readonly<Record<Metric, Statistic>> {
	readonly candidate: string;
	readonly collapsed: number;
	readonly runs: readonly SimulationResult[];
}
export interface ClosedLoad extends LoadTerms {
	readonly kind: "closed";
	readonly users: number;
	readonly thinkTime: Distribution;
}
export interface ClosedLoadOptions extends LoadOptions {
	readonly users: number;
	readonly thinkTime: Distribution | Duration;
}
export interface CollapseOptions {
	readonly knee: number;
	/** @defaultValue 1 */
	readonly factor?: number | undefined;
	/** @defaultValue 1 */
	readonly power?: number | undefined;
}
export interface CompareOptions<W extends World = World, Name extends string = string> extends Scenario<W> {
	readonly candidates: {
		readonly [name in Name]: Candidate<W>;
	};
	/** @defaultValue 10 */
	readonly seeds?: number | readonly number[] | undefined;
}
export interface ComparisonReports {
	readonly differences: readonly Difference[];
	readonly seeds: readonly number[];
	table(): string;
	html(): string;
	replay(candidate: string, seed: number): Promise<SimulationResult>;
}
export interface ConstantRateOptions extends LoadOptions {
	readonly perSecond: number;
}
export interface Difference {
	readonly candidate: string;
	readonly baseline: string;
	readonly metric: Metric;
	readonly interval: Interval;
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
export interface Interval {
	readonly mean: number;
	readonly low: number;
	readonly high: number;
}
export interface Latency {
	readonly meanMs: number;
	readonly p50Ms: number;
	readonly p90Ms: number;
	readonly p99Ms: number;
	readonly p999Ms: number;
	readonly maxMs: number;
}
export interface LoadOptions {
	/** @defaultValue none */
	readonly tenant?: string | undefined;
	/** @defaultValue 5 */
	readonly priority?: number | undefined;
	/** @defaultValue the tenant */
	readonly keys?: KeyDistribution | undefined;
}
export interface LogNormalOptions {
	readonly median: Duration;
	readonly p99: Duration;
}
export interface NetworkOptions {
	/** @defaultValue 0 */
	readonly latency?: Distribution | Duration | undefined;
	/** @defaultValue 0 */
	readonly loss?: number | undefined;
}
export interface OpenLoad extends LoadTerms {
	readonly kind: "open";
	readonly start: (random: Random) => (now: number) => number;
}
export interface PoissonOptions extends LoadOptions {
	readonly perSecond: number | RateProfile;
}
export interface QueueOptions {
	/** @defaultValue Infinity */
	readonly limit?: number | undefined;
	/** @defaultValue 'fifo' */
	readonly order?: "fifo" | "lifo" | "codel" | undefined;
}
export interface RateProfile {
	readonly at: (ms: number) => number;
	readonly max: number;
}
export interface Reply {
	readonly status: 200;
	readonly server: string;
}
export interface RunPlace {
	readonly scenario: string;
	readonly candidate: string | undefined;
	readonly seed: number;
}
export interface Scenario<W extends World = World> {
	/** @defaultValue 'simulation' */
	readonly name?: string | undefined;
	readonly world: W | ((kit: {
		readonly clock: Clock;
		readonly random: Random;
	}) => W);
	readonly load: Load | readonly Load[];
	/** @defaultValue none */
	readonly faults?: FaultPlan | undefined;
	readonly duration: Duration;
	/** @defaultValue 0 */
	readonly warmUp?: Duration | undefined;
	/** @defaultValue '1s' */
	readonly interval?: Duration | undefined;
	/** @defaultValue 1 */
	readonly clients?: number | undefined;
	/** @defaultValue the first one of the world */
	readonly target?: (keyof W & string) | undefined;
	/** @defaultValue Infinity */
	readonly goodWithin?: Duration | undefined;
	/** @defaultValue none */
	readonly signal?: AbortSignal | undefined;
}
export interface SeriesRow {
	readonly t: number;
	readonly offered: number;
	readonly good: number;
	readonly bad: number;
	readonly refused: number;
	readonly pending: number;
	readonly attempts: number;
	readonly queue: number;
	readonly limit: number | undefined;
	readonly state: string | undefined;
}
export interface ServerCounts {
	readonly sent: number;
	readonly lost: number;
	readonly refused: number;
	readonly reset: number;
	readonly rejected: number;
	readonly served: number;
	readonly failed: number;
	readonly hung: number;
	readonly dropped: number;
	readonly queued: number;
	readonly running: number;
	readonly busyMs: number;
	readonly wastedMs: number;
}
export interface ServerDefinition {
	readonly service: Distribution;
	readonly workers: number;
	readonly queueLimit: number;
	readonly order: "fifo" | "lifo" | "codel";
	readonly collapse: Collapse | undefined;
	readonly stopsAbandoned: boolean;
	readonly startCost: StartCostOptions | undefined;
	readonly rejectCostMs: number;
	readonly latency: Distribution | undefined;
	readonly loss: number;
}
export interface ServerOptions {
	readonly service: Distribution | Duration;
	/** @defaultValue Infinity */
	readonly workers?: number | undefined;
	/** @defaultValue an unlimited queue in arrival order */
	readonly queue?: QueueOptions | undefined;
	/** @defaultValue none */
	readonly collapse?: CollapseOptions | undefined;
	/** @defaultValue 'continue' */
	readonly onAbandon?: "continue" | "stop" | undefined;
	/** @defaultValue none */
	readonly startCost?: StartCostOptions | undefined;
	/** @defaultValue 0 */
	readonly rejectCost?: Duration | undefined;
	/** @defaultValue no latency and no loss */
	readonly network?: NetworkOptions | undefined;
}
export interface SimulateOptions<W extends World = World> extends Scenario<W> {
	readonly candidate: Candidate<W>;
	/** @defaultValue 1 */
	readonly seed?: number | undefined;
}
export interface SimulatedFetchOptions {
	/** @defaultValue a response with status 200 and the body `ok` */
	readonly respond?: ((request: SimulatedRequest) => Response | PromiseLike<Response>) | undefined;
}
export interface SimulatedRequest {
	readonly url: URL;
	readonly method: string;
	readonly headers: Headers;
	readonly server: string;
}
export interface SimulationEvent {
	readonly at: number;
	readonly what: string;
}
export interface SimulationResult {
	readonly scenario: string;
	readonly seed: number;
	readonly durationMs: number;
	readonly collapsed: boolean;
	readonly offered: number;
	readonly good: number;
	readonly bad: number;
	readonly refused: number;
	readonly pending: number;
	readonly attempts: number;
	readonly goodput: number;
	readonly success: number;
	readonly availability: number;
	readonly amplification: number;
	readonly wastedShare: number;
	readonly timeToRecoverMs: number;
	readonly latency: Latency;
	readonly series: readonly SeriesRow[];
	readonly servers: Readonly<Record<string, ServerCounts>>;
	readonly tenants: Readonly<Record<string, TenantCounts>>;
	readonly events: readonly SimulationEvent[];
	readonly calls: readonly CallTrace[];
}
export interface StartCostOptions {
	readonly requests: number;
	readonly by: number;
}
export interface Statistic {
	readonly values: readonly number[];
	readonly mean: number;
	readonly min: number;
	readonly p5: number;
	readonly median: number;
	readonly p95: number;
	readonly max: number;
}
export interface Sweep<Parameter extends string = string, Name extends string = string> {
	readonly cells: readonly SweepCell<Parameter, Name>[];
	table(metric: Metric): string;
	html(metric: Metric): string;
}
export interface SweepCell<Parameter extends string = string, Name extends string = string> {
	readonly point: SweepPoint<Parameter>;
	readonly candidates: {
		readonly [name in Name]: CandidateSummary;
	};
}
export interface SweepOptions<W extends World = World, Parameter extends string = string, Name extends string = string> {
	readonly over: {
		readonly [name in Parameter]: readonly number[];
	};
	readonly scenario: (point: SweepPoint<Parameter>) => Scenario<W>;
	readonly candidates: {
		readonly [name in Name]: Candidate<W>;
	};
	/** @defaultValue 3 */
	readonly seeds?: number | readonly number[] | undefined;
}
export interface Target {
	readonly name: string;
	send(caller?: Caller): Promise<Reply>;
}
export interface TenantCounts {
	readonly offered: number;
	readonly good: number;
	readonly bad: number;
	readonly refused: number;
}
export interface TraceOptions extends LoadOptions {
	readonly times: readonly number[];
}
export interface ZipfOptions {
	readonly count: number;
	/** @defaultValue 1 */
	readonly exponent?: number | undefined;
}
export type Candidate<W extends World = World> = (kit: CandidateKit<W>) => Policy<unknown> | ((call: Call) => unknown);
export type Comparison<Name extends string = string> = {
	readonly [name in Name]: CandidateSummary;
} & ComparisonReports;
export type Distribution = (random: Random) => number;
export type Fate = "ok" | "error" | "rejected" | "refused" | "reset";
export type FaultKind = "slow" | "down" | "error" | "hang" | "drop" | "partition" | "flush" | "stall";
export type FaultPlan = readonly Fault[];
export type FaultTime = Pick<Fault, "at" | "for">;
export type KeyDistribution = (random: Random) => string;
export type Load = OpenLoad | ClosedLoad;
export type Metric = ("goodput" | "success" | "availability" | "amplification" | "wastedShare" | "timeToRecoverMs") | ("p50Ms" | "p90Ms" | "p99Ms" | "p999Ms");
export type SweepPoint<Parameter extends string = string> = {
	readonly [name in Parameter]: number;
};
export type Targets<Name extends string = string> = {
	readonly [name in Name]: Target;
};
export type World = Readonly<Record<string, ServerDefinition>>;
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
interface Collapse {
	readonly knee: number;
	readonly factor: number;
	readonly power: number;
}
interface ContextChange {
	/** @defaultValue the parent's */
	readonly attempt?: number | undefined;
	/** @defaultValue the parent's */
	readonly hedge?: number | undefined;
	/** @defaultValue the parent's */
	readonly deadline?: number | undefined;
}
interface LoadTerms {
	readonly tenant: string | undefined;
	readonly priority: number;
	readonly keys: KeyDistribution | undefined;
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

export {
	closed$1 as closed,
};

export {};
