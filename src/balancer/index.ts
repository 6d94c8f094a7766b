/**
 * Client-side load balancing: which of several nodes that can all answer a call it goes to, and which of them are left out
 * because they are not well.
 *
 * For a client that knows its servers by their addresses. Not where something in between balances already (a Kubernetes
 * service, a proxy): it would see one node. Where keys belong to nodes and nowhere else, use `breakwater/hash-ring`.
 * O(1) to O(log n) a call, by picker; timers only for active checks.
 *
 * @module
 */

export type { NodeContext } from './balanced-call.js';
export { type ConsistentHashOptions, consistentHash } from './consistent-hash.js';
export type { LoadBalancerEvents } from './events.js';
export type { HealthOptions } from './health.js';
export { customCheck, type HealthCheck } from './health-check.js';
export { type HttpCheckOptions, httpCheck } from './http-check.js';
export { ipHash } from './ip-hash.js';
export type { Lease } from './lease.js';
export { leastConnections, weightedLeastConnections } from './least-connections.js';
export { type PowerOfTwoChoicesOptions, powerOfTwoChoices } from './least-loaded-of-two.js';
export { leastResponseTime } from './least-response-time.js';
export type { ExecuteOptions, NodeStatus } from './load-balancer.js';
export { LoadBalancer } from './load-balancer.js';
export type { BalancerNode, BalancerNodeOptions } from './nodes.js';
export type { LoadBalancerOptions, PickOptions } from './options.js';
export type { OutlierOptions, SuccessRateOptions } from './outlier.js';
export type { Candidate, Picker, PickCall, PickerFactory } from './picker.js';
export { randomPick } from './random-pick.js';
export { type LoadReport, type ResourceBasedOptions, resourceBased } from './resource-based.js';
export { roundRobin } from './round-robin.js';
export type { NodeRoute, RoutedRequest, RouteOptions } from './route.js';
export type { SlowStartOptions } from './slow-start.js';
export { weightedRoundRobin } from './weighted-round-robin.js';
export type { ZoneOptions } from './zone-preference.js';
