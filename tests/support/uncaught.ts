/** What has surfaced by itself, kept from the test runner until this is disposed. */
export interface Uncaught extends Disposable {
  readonly errors: unknown[];
  /** Rejections that nobody has handled. */
  readonly rejections: unknown[];
}

export function catchUncaught(): Uncaught {
  const errors: unknown[] = [];
  const rejections: unknown[] = [];
  const restore = [replace('uncaughtException', errors), replace('unhandledRejection', rejections)];
  return {
    errors,
    rejections,
    [Symbol.dispose]() {
      for (const each of restore) each();
    },
  };
}

function replace(type: 'uncaughtException' | 'unhandledRejection', into: unknown[]): () => void {
  const emitter: NodeJS.EventEmitter = process;
  const others = emitter.listeners(type) as (() => void)[];
  const listener = (error: unknown) => into.push(error);
  emitter.removeAllListeners(type).on(type, listener);
  return () => {
    emitter.off(type, listener);
    for (const other of others) emitter.on(type, other);
  };
}
