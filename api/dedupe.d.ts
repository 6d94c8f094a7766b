export declare function dedupe(options?: DedupeOptions): RequestDedupe;
export interface DedupeOptions {
	/** @defaultValue none */
	readonly vary?: readonly string[] | ((request: DedupeRequest) => string) | undefined;
	/** @defaultValue 1048576 */
	readonly maxBuffer?: number | undefined;
}
export interface DedupeRequest {
	readonly url: string;
	readonly method: string;
	readonly headers: Headers;
	readonly init: Readonly<Record<PropertyKey, unknown>>;
}
export interface RequestDedupe {
	start(): RequestSharing;
}
export interface RequestSharing {
	share(request: ShareableRequest, signal: AbortSignal | null, send: (signal: AbortSignal) => Promise<Response>): Promise<Response> | undefined;
}
export interface ShareableRequest {
	readonly url: URL;
	readonly method: string;
	readonly input: unknown;
	readonly init: {
		readonly [member: string]: unknown;
	} | undefined;
	readonly requestHeaders: unknown;
	readonly terms?: object | undefined;
}

export {};
