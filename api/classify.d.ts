export declare function awsErrors(): Judge;
export declare function firstOf(...judges: readonly Judge[]): Classify;
export declare function grpcErrors(): Judge;
export declare function mongoErrors(): Judge;
export declare function nodeErrors(): Judge;
export declare function prismaErrors(): Judge;
export declare function redisErrors(): Judge;
export declare function sqlErrors(): Judge;
export type Judge = (outcome: Outcome, context: CallContext) => Verdict | undefined;
interface CallContext {
	readonly signal: AbortSignal;
	readonly attempt: number;
	readonly hedge: number;
	readonly deadline: number;
	/** @defaultValue 5 */
	readonly priority: number;
	readonly key: string | undefined;
}
type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;
type Outcome<T = unknown> = {
	readonly ok: true;
	readonly value: T;
} | {
	readonly ok: false;
	readonly error: unknown;
};
type Verdict = "success" | "failure" | "permanent" | "throttled" | "ignore";

export {};
