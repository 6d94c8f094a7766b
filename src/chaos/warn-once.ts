/** The property of the global object that all copies of this package share, so that a process warns once. */
const WARNED = /* @__PURE__ */ Symbol.for('breakwater.chaos');

interface WarningGlobals {
  readonly process?: { readonly emitWarning?: (message: string, options: object) => void };
  readonly console: { warn(message: string): void };
}

/** True if the global object is frozen and this copy of the package has warned. */
let hasWarned = false;

/** Warns that chaos is active: once per process, with `process.emitWarning` where the platform has it. */
export function warnOnce(message: string): void {
  if (hasWarned || Reflect.get(globalThis, WARNED) === true) return;
  hasWarned = !Reflect.defineProperty(globalThis, WARNED, { value: true, configurable: true });
  const { process, console } = globalThis as unknown as WarningGlobals;
  if (typeof process?.emitWarning === 'function') {
    process.emitWarning(message, { type: 'ChaosWarning', code: 'BREAKWATER_CHAOS' });
  } else {
    console.warn(message);
  }
}
