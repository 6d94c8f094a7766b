/**
 * Judges for the errors of client libraries: databases, RPC and cloud clients. Each judge knows the error codes of one
 * family of clients and returns a verdict for them, or undefined for every other outcome. `firstOf` combines judges to a
 * `classify` function.
 *
 * Use them wherever a policy guards a client whose errors carry no HTTP status. Without them, a syntax error in SQL
 * opens a circuit breaker and is retried. HTTP clients need no judge: `defaultClassify` reads the status of their errors.
 *
 * The judges import no client. They recognise errors by their properties, so that any version and any copy of a client
 * works.
 *
 * Cost: nothing for a value; a few property reads for an error.
 *
 * @module
 */
export { awsErrors } from './aws-errors.js';
export { firstOf } from './first-of.js';
export { grpcErrors } from './grpc-errors.js';
export type { Judge } from './judge.js';
export { mongoErrors } from './mongo-errors.js';
export { nodeErrors } from './node-errors.js';
export { prismaErrors } from './prisma-errors.js';
export { redisErrors } from './redis-errors.js';
export { sqlErrors } from './sql-errors.js';
