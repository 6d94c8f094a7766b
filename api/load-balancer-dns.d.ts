export declare function dnsNodes(host: string, options?: DnsNodesOptions): NodeSource;
export interface DnsNodesOptions {
	/** @defaultValue 'A' */
	readonly records?: "A" | "AAAA" | "A+AAAA" | "SRV" | undefined;
	/** @defaultValue none */
	readonly port?: number | undefined;
	/** @defaultValue `({ authority }) => authority`, for example `10.0.0.1:8080` */
	readonly toNode?: ((record: DnsRecord) => BalancerNode) | undefined;
	/** @defaultValue '5s' */
	readonly minTtl?: Duration | undefined;
	/** @defaultValue '5m' */
	readonly maxTtl?: Duration | undefined;
	/** @defaultValue '30s' */
	readonly defaultTtl?: Duration | undefined;
	/** @defaultValue 0.1 */
	readonly jitter?: number | undefined;
	/** @defaultValue '5s' */
	readonly timeout?: Duration | undefined;
	/** @defaultValue '1m' */
	readonly grace?: Duration | undefined;
	/** @defaultValue none */
	readonly onError?: ((error: unknown) => void) | undefined;
	/** @defaultValue a new `Resolver` of `node:dns/promises` */
	readonly resolver?: DnsResolver | undefined;
	/** @defaultValue `systemClock` */
	readonly clock?: Clock | undefined;
	/** @defaultValue `Math.random` */
	readonly random?: Random | undefined;
}
export interface DnsRecord {
	readonly host: string;
	readonly port: number | undefined;
	readonly authority: string;
	readonly priority: number;
	readonly weight: number;
}
export interface DnsResolver {
	resolve4?(hostname: string, options: {
		readonly ttl: true;
	}): PromiseLike<readonly DnsAddress[]>;
	resolve6?(hostname: string, options: {
		readonly ttl: true;
	}): PromiseLike<readonly DnsAddress[]>;
	resolveSrv?(hostname: string): PromiseLike<readonly SrvAnswer[]>;
}
interface BalancerNodeOptions {
	readonly node: string;
	/** @defaultValue 1 */
	readonly weight?: number | undefined;
	/** @defaultValue none */
	readonly zone?: string | undefined;
	/** @defaultValue 0 */
	readonly priority?: number | undefined;
}
interface Clock {
	now(): number;
	setTimeout(callback: () => void, ms: number): unknown;
	clearTimeout(handle: unknown): void;
	/** @defaultValue one poll of the platform's event loop */
	afterPoll?(callback: () => void): void;
}
interface SrvAnswer {
	readonly name: string;
	readonly port: number;
	readonly priority: number;
	readonly weight: number;
	readonly ttl?: number | undefined;
}
type BalancerNode = string | BalancerNodeOptions;
type DnsAddress = string | {
	readonly address: string;
	readonly ttl?: number | undefined;
};
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;
type NodeSource = AsyncIterable<Iterable<BalancerNode>>;
type Random = () => number;

export {};
