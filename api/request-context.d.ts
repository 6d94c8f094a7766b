export declare function currentContext(): RequestContext | undefined;
export declare function runInContext<T>(options: RequestContextOptions, fn: (context: RequestContext) => T): T;
export declare function runOutsideContext<T>(fn: () => T): T;
export interface RequestContext {
	readonly remainingMs: number;
	readonly priority: number | undefined;
	readonly signal: AbortSignal;
}
export interface RequestContextOptions {
	/** @defaultValue the deadline of the outer context, if there is one */
	readonly deadline?: Duration | undefined;
	/** @defaultValue the priority of the outer context, if there is one */
	readonly priority?: number | undefined;
	/** @defaultValue none */
	readonly signal?: AbortSignal | null | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
}
interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	/** @defaultValue one poll of the platform's event loop */
	afterPoll?(callback: () => void): void;
}
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

export {};
