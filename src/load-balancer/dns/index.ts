/**
 * Nodes from DNS for `LoadBalancer`: A, AAAA and SRV records, refreshed when they expire. Requires `node:dns`.
 *
 * Use it where the addresses behind a name change, such as a headless Kubernetes service or a Consul service. Do not use
 * it for a name that stands for another balancer. Cost: one lookup per TTL and one timer that does not keep the process
 * alive, while a balancer follows the source.
 *
 * @module
 */
export { type DnsNodesOptions, dnsNodes } from './dns-nodes.js';
export type { DnsRecord, DnsResolver } from './dns-records.js';
