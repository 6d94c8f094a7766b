/** An AbortController whose signal counts its abort listeners. */
export function countingController(): { controller: AbortController; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<AbortSignal['addEventListener']>) => {
    const [type, listener, options] = args;
    listeners.add(listener);
    // Taken off by the platform, without a call that could be counted.
    if (typeof options === 'object' && options?.once) {
      addEventListener.call(signal, type, () => listeners.delete(listener), { once: true });
    }
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<AbortSignal['removeEventListener']>) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args);
  };
  return { controller, listeners: () => listeners.size };
}
