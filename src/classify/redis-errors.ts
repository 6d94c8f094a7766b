import { isErrorOfClass } from '../core/inspect.js';
import type { Verdict } from '../core/outcome.js';
import { type Judge, judgeErrors, text } from './judge.js';

/**
 * Judges the errors of ioredis and node-redis: replies by the first word of their message, and errors of the client.
 *
 * - `TRYAGAIN`, `LOADING`, `BUSY` and `UNBLOCKED`, and a failed `WATCH`, are `throttled`.
 * - `OOM`, `READONLY`, `CLUSTERDOWN`, `MASTERDOWN`, `NOREPLICAS`, `MISCONF`, too many clients, a lost connection and a
 *   timeout are a `failure`.
 * - Every other reply, such as `WRONGTYPE`, is a `success`: the server has responded.
 * - A client that the program has closed is ignored. ioredis has the same error for a lost connection, which is a
 *   `failure`.
 *
 * @example
 * ```ts
 * const policy = retry({ classify: firstOf(redisErrors()) });
 * ```
 */
export function redisErrors(): Judge {
  return judgeErrors(judgeRedisError);
}

/** The classes of error replies: of ioredis, of node-redis 4 to 6, and of their RESP3 parsers. */
const REPLIES = ['ReplyError', 'SimpleError', 'ErrorReply', 'BlobError'];

const LOST = [
  ...['MaxRetriesPerRequestError', 'ClusterAllFailedError', 'ConnectionTimeoutError', 'SocketTimeoutError'],
  ...['CommandTimeoutError', 'SocketClosedUnexpectedlyError', 'ReconnectStrategyError', 'RootNodesUnavailableError'],
];
const LOST_MESSAGE =
  /^(?:Connection is closed\.|Command timed out|Stream isn't writeable|Socket closed unexpectedly|Connection timeout$|Reached the max retries per request limit)/;

const CLOSED = ['ClientClosedError', 'DisconnectsClientError'];

/** ioredis without its offline queue, and node-redis while it is not connected: nothing was sent. */
const OFFLINE = ['ClientOfflineError'];

function judgeRedisError(error: object): Verdict | undefined {
  const message = text(error, 'message') ?? '';
  if (isErrorOfClass(error, ['MultiErrorReply'])) return 'success';
  if (isErrorOfClass(error, REPLIES)) return judgeReply(message);
  if (isErrorOfClass(error, ['WatchError'])) return 'throttled';
  if (isErrorOfClass(error, CLOSED)) return 'ignore';
  if (isErrorOfClass(error, LOST) || isErrorOfClass(error, OFFLINE) || LOST_MESSAGE.test(message)) return 'failure';
  return undefined;
}

/** Judges an error reply. Its first word is the code (RESP specification). */
function judgeReply(message: string): Verdict {
  const [code = ''] = message.replace(/^-/, '').split(' ', 1);
  if (/^(?:TRYAGAIN|LOADING|BUSY|UNBLOCKED)$/.test(code)) return 'throttled';
  if (/^(?:OOM|READONLY|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|MISCONF)$/.test(code)) return 'failure';
  return /^ERR max number of clients/.test(message) ? 'failure' : 'success';
}
