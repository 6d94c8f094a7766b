/** Keeps from the test runner the uncaught errors that are meant to be there. @returns what puts everything back */
export function swallowUncaught(isMeant: (error: unknown) => boolean): () => void {
  const others = process.listeners('uncaughtException');
  const listener = (error: Error, origin: NodeJS.UncaughtExceptionOrigin) => {
    if (!isMeant(error)) for (const other of others) other(error, origin);
  };
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', listener);
  return () => {
    process.off('uncaughtException', listener);
    for (const other of others) process.on('uncaughtException', other);
  };
}
