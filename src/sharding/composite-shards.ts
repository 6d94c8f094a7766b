import { checkSignal } from '../core/abort-scope.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkMethods, given } from '../core/options.js';
import type { AsyncShardRouter, ShardGetOptions, ShardRouter } from './shard-router.js';

/**
 * Several routers as one: the first that has an answer, in the order given.
 *
 * The usual order is from the particular to the general: tenants with a place of their own, then what a directory knows,
 * then a hash for everybody else. With a router among them that has to ask somebody, the whole has to be asked, and its
 * answer is always a promise; routers after the one that answers are not asked. One that fails is the end: going on
 * would give a key to a shard that may not be its own.
 *
 * @throws InvalidOptionError without a router, or for what is none.
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
    throw new InvalidOptionError('compositeShards', 'routers', 'must be one router or more', routers);
  }
  const members = routers.map((router, i) => checkMethods('compositeShards', `routers[${i}]`, router, ['get']));
  return members.every(isSync) ? new SyncComposite(members) : new AsyncComposite(members);
}

function isSync<K>(router: ShardRouter<K> | AsyncShardRouter<K>): router is ShardRouter<K> {
  return router.isAsync !== true;
}

/** Each name once; worked out when it is asked for, since rings and directories change. */
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
      // A promise of nothing would be taken for an answer.
      throw new InvalidOptionError('compositeShards', 'routers', 'must have isAsync: true to answer promises', shard);
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
