import type { Clock } from '../core/clock.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkFunction } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import { BatchSource } from './batch.js';
import { checkBatchOptions, checkPolicy, type LoadedMany, type LoadingCacheOptions } from './options.js';
import { LoaderSource, runLoad, SignalContext, type Source } from './source.js';

/** The options that define where values come from. */
type SourceOptions<K, V> = Pick<LoadingCacheOptions<K, V>, 'load' | 'loadMany' | 'batch' | 'policy'>;

export function createSource<K, V>(
  owner: string,
  { load, loadMany, batch, policy }: SourceOptions<K, V>,
  clock: Clock,
): Source<K, V> {
  if ((load === undefined) === (loadMany === undefined)) {
    throw new InvalidOptionError(owner, 'load', 'or "loadMany" is required, but not both', load);
  }
  const checked = checkPolicy(owner, policy);
  if (loadMany === undefined) {
    if (batch !== undefined) throw new InvalidOptionError(owner, 'batch', 'is allowed only with "loadMany"', batch);
    return new LoaderSource(checkFunction(owner, 'load', load as NonNullable<typeof load>), checked);
  }
  const policyOfMany = checked as Policy<unknown> as Policy<LoadedMany<K, V>> | undefined;
  const loadKeys = checkFunction(owner, 'loadMany', loadMany);
  return new BatchSource<K, V>(
    (keys, scope) => runLoad(policyOfMany, scope, undefined, (call) => loadKeys(keys, new SignalContext(call))),
    checkBatchOptions(owner, batch),
    clock,
  );
}
