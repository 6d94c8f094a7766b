import { checkSignal } from '../core/abort-scope.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkMethods, given } from '../core/options.js';
import type { AsyncShardRouter, ShardGetOptions, ShardRouter } from './shard-router.js';

/**
 * Combines several routers: `get` returns the first result that is not undefined, in the given order.
 *
 * The usual order is from specific to general: tenants with a fixed shard, then a directory, then a hash for all other
 * keys. If one of the routers is asynchronous, the combination is asynchronous as well. Routers after the one that
 * returns a shard are not asked. If a router fails, the lookup fails: the next router might return a shard that does
 * not have the key.
 *
 * @throws InvalidOptionError if there is no router, or if one of the values is not a router.
 * @example
 * ```ts
 * const tenants = compositeShards(
 *   directoryShards({ entries: [['acme', 'db-acme']] }),
 *   hashShards(['db-1', 'db-2']),
 * );
 * console.log(await tenants.get('acme')); // db-acme
 * ```
 */
export function compositeShards<K>(...routers: readonly ShardRouter<K>[]): ShardRouter<K>;
export function compositeShards<K>(...routers: readonly (ShardRouter<K> | AsyncShardRouter<K>)[]): AsyncShardRouter<K>;
export function compositeShards<K>(
  ...routers: readonly (ShardRouter<K> | AsyncShardRouter<K>)[]
): ShardRouter<K> | AsyncShardRouter<K> {
  if (routers.length === 0) {
    throw new InvalidOptionError('compositeShards', 'routers', 'must be at least one router', routers);
  }
  const members = routers.map((router, i) => checkMethods('compositeShards', `routers[${i}]`, router, ['get']));
  return members.every(isSync) ? new SyncComposite(members) : new AsyncComposite(members);
}

function isSync<K>(router: ShardRouter<K> | AsyncShardRouter<K>): router is ShardRouter<K> {
  return router.isAsync !== true;
}

/** Returns all names, each once. Computed on each access, because rings and directories can change. */
function shardsOf(routers: readonly { readonly shards: readonly string[] }[]): readonly string[] {
  return [...new Set(routers.flatMap(({ shards }) => shards))];
}

class SyncComposite<K> implements ShardRouter<K> {
  readonly #routers: readonly ShardRouter<K>[];

  constructor(routers: readonly ShardRouter<K>[]) {
    this.#routers = routers;
  }

  get shards(): readonly string[] {
    return shardsOf(this.#routers);
  }

  get(key: K): string | undefined {
    for (const router of this.#routers) {
      const shard: unknown = router.get(key);
      if (typeof shard === 'string') return shard;
      if (shard === undefined) continue;
      // A promise of undefined would be taken for a shard.
      const rule = 'must have isAsync: true if get returns a promise';
      throw new InvalidOptionError('compositeShards', 'routers', rule, shard);
    }
    return undefined;
  }
}

class AsyncComposite<K> implements AsyncShardRouter<K> {
  readonly #routers: readonly (ShardRouter<K> | AsyncShardRouter<K>)[];

  constructor(routers: readonly (ShardRouter<K> | AsyncShardRouter<K>)[]) {
    this.#routers = routers;
  }

  get isAsync(): true {
    return true;
  }

  get shards(): readonly string[] {
    return shardsOf(this.#routers);
  }

  async get(key: K, options?: ShardGetOptions): Promise<string | undefined> {
    const signal = checkSignal('compositeShards', options === undefined ? null : (given(options, 'signal') ?? null));
    for (const router of this.#routers) {
      if (signal?.aborted) throw signal.reason;
      const shard = isSync(router) ? router.get(key) : await router.get(key, options);
      if (shard !== undefined) return shard;
    }
    return undefined;
  }
}
