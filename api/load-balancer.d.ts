export declare class LoadBalancer implements Observable<LoadBalancerEvents>, Disposable {
	#private;
	readonly name: string;
	constructor(nodes: Iterable<BalancerNode> | NodeSource, options?: LoadBalancerOptions);
	on<K extends keyof LoadBalancerEvents>(type: K, listener: (event: LoadBalancerEvents[K]) => void): () => void;
	get nodes(): readonly NodeStatus[];
	setNodes(nodes: Iterable<BalancerNode> | NodeSource): void;
	ready(options?: ReadyOptions): Promise<void>;
	acquire(options?: PickOptions): Lease;
	peek(options?: PickOptions): string | undefined;
	execute<T, Adds = never>(operation: (context: NodeContext) => T | PromiseLike<T>, options?: ExecuteOptions<Adds>): Promise<T | Adds>;
	route(options?: RouteOptions): NodeRoute;
	[Symbol.dispose](): void;
}
export declare function clientSubset(options: ClientSubsetOptions): NodeSubset;
export declare function consistentHash(options?: ConsistentHashOptions): PickerFactory;
export declare function customCheck(check: HealthCheck): HealthCheck;
export declare function httpCheck(options?: HttpCheckOptions): HealthCheck;
export declare function ipHash(): PickerFactory;
export declare function leastConnections(): PickerFactory;
export declare function leastResponseTime(): PickerFactory;
export declare function powerOfTwoChoices(options?: PowerOfTwoChoicesOptions): PickerFactory;
export declare function randomPick(): PickerFactory;
export declare function resourceBased(report: (node: string) => LoadReport | undefined | PromiseLike<LoadReport | undefined>, options?: ResourceBasedOptions): PickerFactory;
export declare function roundRobin(): PickerFactory;
export declare function weightedLeastConnections(): PickerFactory;
export declare function weightedRoundRobin(): PickerFactory;
export interface BalancerNodeOptions {
	readonly node: string;
	/** @defaultValue 1 */
	readonly weight?: number | undefined;
	/** @defaultValue none */
	readonly zone?: string | undefined;
	/** @defaultValue 0 */
	readonly priority?: number | undefined;
}
export interface Candidate {
	readonly node: string;
	readonly index: number;
	readonly weight: number;
	readonly ramp: number;
	readonly effectiveWeight: number;
	readonly active: number;
	latencyMs(now: number): number;
	credit: number;
}
export interface ClientSubsetOptions {
	readonly client: string;
	readonly size: number;
}
export interface ConsistentHashOptions extends HashRingOptions {
	/** @defaultValue none: only the key decides */
	readonly boundedLoad?: number | undefined;
}
export interface ExecuteOptions<Adds = never> extends CallOptions {
	/** @defaultValue none */
	readonly exclude?: Iterable<string> | undefined;
	/** @defaultValue none */
	readonly policy?: Policy<Adds> | undefined;
}
export interface HealthOptions {
	readonly check: HealthCheck;
	/** @defaultValue '5s' */
	readonly interval?: Duration | undefined;
	/** @defaultValue 0.1 */
	readonly jitter?: number | undefined;
	/** @defaultValue '2s' */
	readonly timeout?: Duration | undefined;
	/** @defaultValue 2 */
	readonly rise?: number | undefined;
	/** @defaultValue 3 */
	readonly fall?: number | undefined;
}
export interface HttpCheckOptions {
	/** @defaultValue '/' */
	readonly path?: string | undefined;
	/** @defaultValue 'GET' */
	readonly method?: string | undefined;
	/** @defaultValue none */
	readonly headers?: Readonly<Record<string, string>> | undefined;
	/** @defaultValue 200 to 299 */
	readonly isHealthy?: ((status: number) => boolean) | undefined;
	/** @defaultValue the name */
	readonly url?: ((node: string) => string | URL) | undefined;
	/** @defaultValue the global `fetch`, read at each check */
	readonly fetch?: ((url: URL, init: RequestInit) => Promise<Response>) | undefined;
}
export interface Lease {
	readonly node: string;
	release(outcome?: Outcome): void;
	[Symbol.dispose](): void;
}
export interface LoadBalancerEvents {
	nodeUp: {
		readonly node: string;
		readonly reason: "check" | "ejection-over";
	};
	nodeDown: {
		readonly node: string;
		readonly reason: "check";
		readonly error: unknown;
	};
	ejected: {
		readonly node: string;
		readonly reason: "consecutive-failures" | "success-rate";
		readonly ejectedForMs: number;
	};
	panic: {
		readonly panicking: boolean;
		readonly healthy: number;
		readonly nodes: number;
	};
	failover: {
		readonly shares: readonly PriorityShare[];
	};
	sourceFailed: {
		readonly error: unknown;
		readonly ended: boolean;
	};
}
export interface LoadBalancerOptions {
	/** @defaultValue 'LoadBalancer' */
	readonly name?: string | undefined;
	/** @defaultValue `powerOfTwoChoices()` */
	readonly pick?: PickerFactory | undefined;
	/** @defaultValue none: all nodes are healthy */
	readonly health?: HealthOptions | undefined;
	/** @defaultValue none */
	readonly outlier?: OutlierOptions | undefined;
	/** @defaultValue none */
	readonly slowStart?: Duration | SlowStartOptions | undefined;
	/** @defaultValue 0.5 */
	readonly panicThreshold?: number | undefined;
	/** @defaultValue 'all' */
	readonly onNoHealthyNode?: "all" | "reject" | undefined;
	/** @defaultValue none */
	readonly zone?: string | ZoneOptions | undefined;
	/** @defaultValue all defaults */
	readonly priorities?: PriorityOptions | undefined;
	/** @defaultValue all nodes */
	readonly subset?: NodeSubset | undefined;
	/** @defaultValue the function of the call, otherwise `defaultClassify` */
	readonly classify?: Classify | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
export interface LoadReport {
	readonly utilization: number;
	readonly callsPerSecond: number;
	/** @defaultValue 0 */
	readonly errorsPerSecond?: number | undefined;
}
export interface NodeContext extends CallContext {
	readonly node: string;
}
export interface NodeEntry {
	readonly node: string;
	readonly weight: number;
	readonly zone: string | undefined;
	readonly priority: number;
}
export interface NodeStatus {
	readonly node: string;
	readonly weight: number;
	readonly effectiveWeight: number;
	readonly zone: string | undefined;
	readonly priority: number;
	readonly health: "healthy" | "unhealthy" | "ejected";
	readonly active: number;
	readonly picks: number;
	readonly successes: number;
	readonly failures: number;
	readonly latencyMs: number;
}
export interface OutlierOptions {
	/** @defaultValue 5 */
	readonly consecutiveFailures?: number | undefined;
	/** @defaultValue all defaults */
	readonly successRate?: SuccessRateOptions | false | undefined;
	/** @defaultValue '10s' */
	readonly interval?: Duration | undefined;
	/** @defaultValue '30s' */
	readonly ejectFor?: Duration | undefined;
	/** @defaultValue '5m', or `ejectFor` if that is longer */
	readonly maxEjectFor?: Duration | undefined;
	/** @defaultValue 0.5 */
	readonly maxEjectedShare?: number | undefined;
}
export interface PickCall {
	readonly key: string | undefined;
	readonly now: number;
	readonly random: Random;
	readonly take: boolean;
}
export interface PickOptions {
	/** @defaultValue none */
	readonly key?: string | undefined;
	/** @defaultValue none */
	readonly exclude?: Iterable<string> | undefined;
}
export interface Picker {
	choose(candidates: readonly Candidate[], call: PickCall): Candidate;
	chooseExcept?(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, call: PickCall): Candidate;
	loadChanged?(node: Candidate, now: number): void;
	weightsChanged?(nodes: readonly Candidate[], now: number): void;
	checkNodes?(nodes: readonly NodeEntry[]): void;
	nodesChanged?(nodes: readonly Candidate[]): void;
}
export interface PickerFactory {
	readonly name: string;
	start(): Picker;
}
export interface PowerOfTwoChoicesOptions {
	/** @defaultValue 'active' */
	readonly by?: "active" | "latency" | undefined;
}
export interface PriorityOptions {
	/** @defaultValue 1.4 */
	readonly overprovision?: number | undefined;
}
export interface PriorityShare {
	readonly priority: number;
	readonly share: number;
}
export interface ReadyOptions {
	/** @defaultValue '30s' */
	readonly timeout?: Duration | undefined;
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
}
export interface ResourceBasedOptions {
	/** @defaultValue '1s' */
	readonly updateEvery?: Duration | undefined;
	/** @defaultValue '10s' */
	readonly blackout?: Duration | undefined;
	/** @defaultValue '3m' */
	readonly expireAfter?: Duration | undefined;
	/** @defaultValue 1 */
	readonly errorPenalty?: number | undefined;
}
export interface RouteOptions {
	/** @defaultValue none */
	readonly key?: ((request: RoutedRequest) => string) | undefined;
	/** @defaultValue the node's name as the base URL; path and query of the request are appended to its path */
	readonly url?: ((node: string, request: RoutedRequest) => string | URL) | undefined;
}
export interface RoutedRequest {
	readonly url: URL;
}
export interface SlowStartOptions {
	readonly duration: Duration;
	/** @defaultValue 1 */
	readonly aggression?: number | undefined;
	/** @defaultValue 0.1 */
	readonly minShare?: number | undefined;
}
export interface SuccessRateOptions {
	/** @defaultValue 100 */
	readonly minCalls?: number | undefined;
	/** @defaultValue 5 */
	readonly minNodes?: number | undefined;
	/** @defaultValue 1.9 */
	readonly deviations?: number | undefined;
	/** @defaultValue 0.05 */
	readonly minDifference?: number | undefined;
}
export interface ZoneOptions {
	readonly name: string;
	/** @defaultValue 1.4 */
	readonly overprovision?: number | undefined;
}
export type BalancerNode = string | BalancerNodeOptions;
export type HealthCheck = (node: string, context: {
	readonly signal: AbortSignal;
}) => unknown;
export type NodeRoute = (request: RoutedRequest, context: CallContext) => {
	readonly url: string | URL;
	readonly release: (outcome: Outcome) => void;
};
export type NodeSource = AsyncIterable<Iterable<BalancerNode>>;
export type NodeSubset = (nodes: readonly NodeEntry[]) => readonly NodeEntry[];
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
interface HashRingOptions {
	/** @defaultValue 160 */
	readonly virtualNodes?: number | undefined;
	/** @defaultValue `murmur3` */
	readonly hash?: HashFunction | undefined;
	/** @defaultValue 0 */
	readonly seed?: number | undefined;
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
type HashData = string | Uint8Array;
type HashFunction = (data: HashData, seed: number) => number;
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
