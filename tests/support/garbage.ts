import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Collects what nobody holds. Finalizers run a turn of the event loop later. */
export const collectGarbage = runInNewContext('gc') as () => void;
