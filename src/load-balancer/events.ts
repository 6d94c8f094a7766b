export interface LoadBalancerEvents {
  /** A node may have calls again: its checks pass, or its ejection is over. */
  nodeUp: { readonly node: string; readonly reason: 'check' | 'ejection-over' };
  /** The checks of a node fail: the last error. */
  nodeDown: { readonly node: string; readonly reason: 'check'; readonly error: unknown };
  /** A node is left out for some time because of how calls to it ended. */
  ejected: {
    readonly node: string;
    readonly reason: 'consecutive-failures' | 'success-rate';
    readonly ejectedForMs: number;
  };
  /** Calls go to nodes that are out as well, since too few are healthy; or no longer do. */
  panic: { readonly panicking: boolean; readonly healthy: number; readonly nodes: number };
}

/** One of them, to be told. */
export type PendingEvent = {
  [K in keyof LoadBalancerEvents]: { readonly type: K; readonly event: LoadBalancerEvents[K] };
}[keyof LoadBalancerEvents];
