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
}

/** An event that has not been emitted yet. */
export type PendingEvent = {
  [K in keyof LoadBalancerEvents]: { readonly type: K; readonly event: LoadBalancerEvents[K] };
}[keyof LoadBalancerEvents];
