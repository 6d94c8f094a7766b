export declare function tcpCheck(options?: TcpCheckOptions): HealthCheck;
export interface TcpAddress {
	readonly host: string;
	readonly port: number;
}
export interface TcpCheckOptions {
	/** @defaultValue the node's name as `host:port`, `[::1]:port`, or a URL */
	readonly address?: ((node: string) => TcpAddress) | undefined;
}
type HealthCheck = (node: string, context: {
	readonly signal: AbortSignal;
}) => unknown;

export {};
