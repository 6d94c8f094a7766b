export declare class SimClock implements Clock {
	#private;
	constructor(options?: SimClockOptions);
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	afterPoll(callback: () => void): void;
	get pendingTimers(): number;
	get events(): number;
	get isTurning(): boolean;
	advance(ms: number, options?: {
		readonly signal?: AbortSignal | undefined;
	}): Promise<void>;
	settle(): Promise<boolean>;
}
export declare class TestClock implements Clock {
	#private;
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	get pendingTimers(): number;
	advance(ms: number): Promise<void>;
}
export declare function seededRandom(seed: number): Random;
export interface SimClockOptions {
	/** @defaultValue 'tick' where the platform has it, else 'message' */
	readonly settle?: SettleMode | undefined;
}
export type Random = () => number;
export type SettleMode = "tick" | "message" | "hops";
interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	/** @defaultValue one poll of the platform's event loop */
	afterPoll?(callback: () => void): void;
}

export {};
