/**
 * Active health checks over TCP, for `LoadBalancer`. Requires `node:net`.
 *
 * @module
 */
export { type TcpAddress, type TcpCheckOptions, tcpCheck } from './tcp-check.js';
