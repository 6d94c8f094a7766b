/**
 * Returns a function whose first call schedules `callback` in a microtask. `callback` runs once, in the async context
 * in which `bindAsyncContext` was called.
 */
export function bindAsyncContext(callback: () => void): () => void {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  opened.then(callback);
  return open;
}
