/** The share of the calls that a priority group gets. */
export interface PriorityShare {
  /** The priority of the group. */
  readonly priority: number;
  /** The share of the calls, from 0 to 1. */
  readonly share: number;
}

/** The events of a load balancer. */
export interface LoadBalancerEvents {
  /** Emitted when a node can get calls again, because its checks pass or its ejection has ended. */
  nodeUp: { readonly node: string; readonly reason: 'check' | 'ejection-over' };
  /** Emitted when the checks of a node fail. `error` is the error of the last check. */
  nodeDown: { readonly node: string; readonly reason: 'check'; readonly error: unknown };
  /** Emitted when outlier detection excludes a node for some time. */
  ejected: {
    readonly node: string;
    readonly reason: 'consecutive-failures' | 'success-rate';
    readonly ejectedForMs: number;
  };
  /** Emitted when panic mode begins or ends. In panic mode, too few nodes are healthy and calls go to all nodes. */
  panic: { readonly panicking: boolean; readonly healthy: number; readonly nodes: number };
  /** Emitted when the shares of the calls that the priority groups get change. The groups are sorted by priority. */
  failover: { readonly shares: readonly PriorityShare[] };
  /**
   * Emitted when the source of nodes fails, or when one of its lists is invalid. The last list stays. After an error of
   * the source itself, `ended` is true and no further list follows.
   */
  sourceFailed: { readonly error: unknown; readonly ended: boolean };
}

/** An event that has not been emitted yet. */
export type PendingEvent = {
  [K in keyof LoadBalancerEvents]: { readonly type: K; readonly event: LoadBalancerEvents[K] };
}[keyof LoadBalancerEvents];
