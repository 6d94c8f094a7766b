/** A function that has `callback` called once, a microtask after it was called, in the async context of here. */
export function bindAsyncContext(callback: () => void): () => void {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  opened.then(callback);
  return open;
}
