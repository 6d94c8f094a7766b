import type { CallContext } from '../core/call-context.js';
import { InvalidOptionError } from '../core/errors.js';
import { formatValue, safeGet } from '../core/inspect.js';
import { checkBoolean, checkMethods, readOptions } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import { checkSignalPlace, type PlaceSignal, type Signalling, type SignalPlace } from './signal-place.js';

/** Options of `guard`. */
export interface GuardOptions<M extends PropertyKey = PropertyKey> {
  /** The names of the methods that run under the policy: at least one. All other members are unchanged. Required. */
  readonly methods: readonly M[];
  /**
   * How a guarded method receives the signal of the call, which aborts at a timeout: the index of its argument with
   * options, whose property `signal` is set; a `SignalPlace` with another property, or an index for each method; or a
   * function that returns the arguments with the signal. If the caller has set a signal in the same place, it aborts the
   * call too. With a function, the place is the first argument that is a signal, or has one as `signal` or `abortSignal`.
   * @defaultValue none: the method is not notified of an abort
   */
  readonly signal?: number | SignalPlace | PlaceSignal | undefined;
  /**
   * Whether a method may return an async iterable, such as a stream or a cursor. The policy then guards the call that
   * creates it, and not its iteration. If false, such a result rejects the call with InvalidOptionError.
   * @defaultValue false
   */
  readonly stream?: boolean | undefined;
}

/** A method under a policy: it always returns a promise. */
export type GuardedMethod<F, Adds = never> = [Adds] extends [never]
  ? F extends (...args: never[]) => Promise<unknown>
    ? F
    : AsPromise<F, Adds>
  : AsPromise<F, Adds>;

type AsPromise<F, Adds> = F extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R> | Adds> : never;

/**
 * A client with guarded methods. It has the type of the client itself if all these methods return promises and the
 * policy adds no value of its own.
 */
export type GuardedClient<T, M extends keyof T, Adds = never> = [T[M], Adds] extends [
  (...args: never[]) => Promise<unknown>,
  never,
]
  ? T
  : Omit<T, M> & { readonly [K in M]: GuardedMethod<T[K], Adds> };

/**
 * Returns the client with the named methods under a policy. The client itself is not changed: its other users are not
 * guarded.
 *
 * - A guarded method is called with the client itself as `this`, so that private fields and internal calls work.
 *   Internal calls of the client are not guarded.
 * - It returns a promise. A thenable result, such as the query of a query builder, is awaited once, inside the policy. A
 *   retry calls the method again.
 * - A method is looked up at each call, so that a method that is replaced later is guarded too.
 *
 * O(1) memory for each method that was read.
 *
 * @throws InvalidOptionError if the client is not an object or a function, if a named method is missing or not a
 * function, or for any other invalid option.
 * @example
 * ```ts
 * const db = { query: async (sql: string, options?: { signal?: AbortSignal }) => [sql, options] };
 * const policy = pipeline(retry({ classify: firstOf(sqlErrors()) }), timeout('2s'));
 * const guardedDb = guard(db, policy, { methods: ['query'], signal: 1 });
 * const rows = await guardedDb.query('select 1');
 * ```
 */
export function guard<T extends object, const M extends keyof T, Adds = never>(
  client: T,
  policy: Policy<Adds>,
  options: GuardOptions<M>,
): GuardedClient<T, M, Adds> {
  const own = readOptions<GuardOptions>('guard', options, { methods: undefined, signal: undefined, stream: false });
  if ((typeof client !== 'object' && typeof client !== 'function') || client === null) {
    throw new InvalidOptionError('guard', 'client', 'must be an object or a function', client);
  }
  const methods = checkNames(client, own.methods);
  const guardOfClient = new ClientGuard(
    client as Client,
    checkMethods('guard', 'policy', policy, ['execute']),
    methods,
    checkSignalPlace(own.signal, methods),
    checkBoolean('guard', 'stream', own.stream),
  );
  return guardOfClient.proxy as unknown as GuardedClient<T, M, Adds>;
}

type Client = Record<PropertyKey, unknown>;
type AnyFunction = (...args: readonly unknown[]) => unknown;

function checkNames(client: object, methods: readonly PropertyKey[]): ReadonlySet<PropertyKey> {
  if (!Array.isArray(methods) || methods.length === 0) {
    throw new InvalidOptionError('guard', 'methods', 'must be an array of at least one name', methods);
  }
  for (const name of methods) {
    const type = typeof name;
    if ((type !== 'string' && type !== 'symbol') || typeof safeGet(client, name) !== 'function') {
      throw new InvalidOptionError('guard', 'methods', 'must name methods of the client', name);
    }
  }
  return new Set(methods);
}

/**
 * The proxy of one client. Its target is an empty object and not the client: a proxy may not return anything but the own
 * value of a frozen property of its target.
 */
class ClientGuard implements ProxyHandler<object> {
  readonly proxy: object;
  readonly #client: Client;
  readonly #policy: Policy<unknown>;
  readonly #methods: ReadonlySet<PropertyKey>;
  readonly #signal: Signalling | undefined;
  readonly #stream: boolean;
  /** The guarded form of each method, and the form of any other method that is called with the client as `this`. */
  readonly #wrapped = new WeakMap<AnyFunction, AnyFunction>();
  readonly #guarded = new Map<PropertyKey, { readonly method: AnyFunction; readonly guarded: AnyFunction }>();

  constructor(
    client: Client,
    policy: Policy<unknown>,
    methods: ReadonlySet<PropertyKey>,
    signal: Signalling | undefined,
    stream: boolean,
  ) {
    this.#client = client;
    this.#policy = policy;
    this.#methods = methods;
    this.#signal = signal;
    this.#stream = stream;
    this.proxy = new Proxy(typeof client === 'function' ? () => undefined : {}, this);
  }

  get(_target: object, name: PropertyKey): unknown {
    const value = Reflect.get(this.#client, name, this.#client);
    if (typeof value !== 'function' || name === 'constructor') return value;
    return this.#methods.has(name) ? this.#guard(name, value as AnyFunction) : this.#wrap(value as AnyFunction);
  }

  set(_target: object, name: PropertyKey, value: unknown): boolean {
    return Reflect.set(this.#client, name, value, this.#client);
  }

  apply(_target: object, self: unknown, args: readonly unknown[]): unknown {
    return this.#outside(Reflect.apply(this.#client as unknown as AnyFunction, this.#inside(self), args));
  }

  has(_target: object, name: PropertyKey): boolean {
    return Reflect.has(this.#client, name);
  }

  deleteProperty(_target: object, name: PropertyKey): boolean {
    return Reflect.deleteProperty(this.#client, name);
  }

  defineProperty(_target: object, name: PropertyKey, descriptor: PropertyDescriptor): boolean {
    return Reflect.defineProperty(this.#client, name, descriptor);
  }

  ownKeys(): (string | symbol)[] {
    return Reflect.ownKeys(this.#client);
  }

  getOwnPropertyDescriptor(target: object, name: PropertyKey): PropertyDescriptor | undefined {
    const descriptor = Reflect.getOwnPropertyDescriptor(this.#client, name);
    if (descriptor === undefined) return undefined;
    if ('value' in descriptor) descriptor.value = this.get(target, name);
    return { ...descriptor, configurable: true };
  }

  getPrototypeOf(): object | null {
    return Reflect.getPrototypeOf(this.#client);
  }

  setPrototypeOf(_target: object, prototype: object | null): boolean {
    return Reflect.setPrototypeOf(this.#client, prototype);
  }

  preventExtensions(): boolean {
    return false;
  }

  /** Returns the guarded form of a method; the same one as long as the client has the same method. */
  #guard(name: PropertyKey, method: AnyFunction): AnyFunction {
    const known = this.#guarded.get(name);
    if (known?.method === method) return known.guarded;
    const guarded: AnyFunction = (...args) => this.#call(name, method, args);
    this.#guarded.set(name, { method, guarded });
    return guarded;
  }

  #call(name: PropertyKey, method: AnyFunction, args: readonly unknown[]): Promise<unknown> {
    const signalling = this.#signal;
    const callers = signalling?.ofCaller(args, name);
    return this.#policy.execute(
      async (context: CallContext) => {
        const placed = signalling === undefined ? args : signalling.place(args, context.signal, name);
        const result = await Reflect.apply(method, this.#client, placed);
        if (!this.#stream && isAsyncIterable(result)) {
          closeIterable(result);
          const rule = `must be true for ${formatValue(String(name))}, which returns an async iterable`;
          throw new InvalidOptionError('guard', 'stream', rule, false);
        }
        return this.#outside(result);
      },
      callers === undefined ? undefined : { signal: callers },
    );
  }

  /** Returns a method that is not guarded, called with the client itself instead of the proxy. */
  #wrap(method: AnyFunction): AnyFunction {
    const known = this.#wrapped.get(method);
    if (known !== undefined) return known;
    const wrapped = new Proxy(method, {
      apply: (target, self, args) => this.#outside(Reflect.apply(target, this.#inside(self), args)),
    });
    this.#wrapped.set(method, wrapped);
    return wrapped;
  }

  #inside(self: unknown): unknown {
    return self === this.proxy ? this.#client : self;
  }

  /** A method that returns its own client, for chaining, returns the guarded one. */
  #outside(result: unknown): unknown {
    return result === this.#client ? this.proxy : result;
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && typeof safeGet(value, Symbol.asyncIterator) === 'function';
}

/** Ends an iterable that the caller will not get, so that its connection is released. */
function closeIterable(iterable: AsyncIterable<unknown>): void {
  const close = async () => iterable[Symbol.asyncIterator]().return?.();
  close().catch(() => {});
}
