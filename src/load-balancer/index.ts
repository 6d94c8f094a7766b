/**
 * Client-side load balancing: chooses one of several equivalent nodes for each call, and excludes unhealthy nodes.
 *
 * Use it in a client that knows the addresses of its servers. Do not use it behind another balancer (a Kubernetes
 * service, a proxy), because the client would see only one node. If each key belongs to a fixed node, use
 * `breakwater/hash-ring`. O(1) to O(log n) per call, depending on the picker. Only active health checks use timers.
 *
 * @module
 */

export type { NodeContext } from './balanced-call.js';
export type { LoadBalancerEvents, PriorityShare } from './events.js';
export { customCheck, type HealthCheck } from './health/health-check.js';
export type { HealthOptions } from './health/health-checks.js';
export { type HttpCheckOptions, httpCheck } from './health/http-check.js';
export type { OutlierOptions, SuccessRateOptions } from './health/outlier-detector.js';
export type { Lease } from './lease.js';
export type { ExecuteOptions, NodeStatus } from './load-balancer.js';
export { LoadBalancer } from './load-balancer.js';
export type { NodeSource } from './node-source.js';
export type { ReadyOptions } from './node-updates.js';
export type { BalancerNode, BalancerNodeOptions, NodeEntry } from './nodes.js';
export type { LoadBalancerOptions, PickOptions, PriorityOptions } from './options.js';
export { type ConsistentHashOptions, consistentHash } from './pickers/consistent-hash.js';
export { ipHash } from './pickers/ip-hash.js';
export { leastConnections, weightedLeastConnections } from './pickers/least-connections.js';
export { leastResponseTime } from './pickers/least-response-time.js';
export type { Candidate, PickCall, Picker, PickerFactory } from './pickers/picker.js';
export { type PowerOfTwoChoicesOptions, powerOfTwoChoices } from './pickers/power-of-two-choices.js';
export { randomPick } from './pickers/random-pick.js';
export { type LoadReport, type ResourceBasedOptions, resourceBased } from './pickers/resource-based.js';
export { roundRobin } from './pickers/round-robin.js';
export { weightedRoundRobin } from './pickers/weighted-round-robin.js';
export type { NodeRoute, RoutedRequest, RouteOptions } from './route.js';
export type { SlowStartOptions } from './slow-start.js';
export { type ClientSubsetOptions, clientSubset, type NodeSubset } from './subset.js';
export type { ZoneOptions } from './zone-preference.js';
