/** The parts of the global object that report unhandled rejections. */
interface RejectionGlobals {
  readonly process?: {
    readonly on?: (type: 'unhandledRejection', listener: (reason: unknown) => void) => unknown;
    readonly off?: (type: 'unhandledRejection', listener: (reason: unknown) => void) => unknown;
  };
  readonly addEventListener?: (type: 'unhandledrejection', listener: (event: RejectionEvent) => void) => void;
  readonly removeEventListener?: (type: 'unhandledrejection', listener: (event: RejectionEvent) => void) => void;
}

interface RejectionEvent {
  readonly reason: unknown;
  preventDefault(): void;
}

/**
 * Watches for unhandled rejections, which the platform reports when the event loop turns. Returns a function that ends
 * the watch. A rejection that is seen does not end the process.
 */
export function watchRejections(onRejection: (reason: unknown) => void): () => void {
  const { process, addEventListener, removeEventListener } = globalThis as unknown as RejectionGlobals;
  if (typeof process?.on === 'function') {
    process.on('unhandledRejection', onRejection);
    return () => void process.off?.('unhandledRejection', onRejection);
  }
  const listener = (event: RejectionEvent): void => {
    event.preventDefault();
    onRejection(event.reason);
  };
  addEventListener?.call(globalThis, 'unhandledrejection', listener);
  return () => removeEventListener?.call(globalThis, 'unhandledrejection', listener);
}
