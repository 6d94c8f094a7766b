/**
 * Active health checks over TCP, for `LoadBalancer`. Only where there is `node:net`.
 *
 * @module
 */
export { type TcpAddress, type TcpCheckOptions, tcpCheck } from './tcp-check.js';
