export declare function guard<T extends object, const M extends keyof T, Adds = never>(client: T, policy: Policy<Adds>, options: GuardOptions<M>): GuardedClient<T, M, Adds>;
export declare function guarded(policy: Policy): <F extends AsyncMethod>(method: F, context: ClassMethodDecoratorContext) => F;
export interface GuardOptions<M extends PropertyKey = PropertyKey> {
	readonly methods: readonly M[];
	/** @defaultValue none: the method is not notified of an abort */
	readonly signal?: number | SignalPlace | PlaceSignal | undefined;
	/** @defaultValue false */
	readonly stream?: boolean | undefined;
}
export interface SignalPlace {
	readonly argument: number | Readonly<Record<string, number>>;
	/** @defaultValue 'signal' */
	readonly property?: string | null | undefined;
}
export type GuardedClient<T, M extends keyof T, Adds = never> = [
	T[M],
	Adds
] extends [
	(...args: never[]) => Promise<unknown>,
	never
] ? T : Omit<T, M> & {
	readonly [K in M]: GuardedMethod<T[K], Adds>;
};
export type GuardedMethod<F, Adds = never> = [
	Adds
] extends [
	never
] ? F extends (...args: never[]) => Promise<unknown> ? F : AsPromise<F, Adds> : AsPromise<F, Adds>;
export type PlaceSignal = (args: readonly unknown[], signal: AbortSignal, method: PropertyKey) => readonly unknown[];
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
type AsPromise<F, Adds> = F extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R> | Adds> : never;
type AsyncMethod = (...args: never[]) => Promise<unknown>;
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
