export declare class TestClock implements Clock {
	#private;
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	get pendingTimers(): number;
	advance(ms: number): Promise<void>;
}
export declare function seededRandom(seed: number): Random;
export type Random = () => number;
interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
}

export {};
