import { connect } from 'node:net';
import { InvalidOptionError } from '../../core/errors.js';
import { checkOptionalFunction, readOptions } from '../../core/options.js';
import type { HealthCheck } from '../health/health-check.js';

/** The address of a node. */
export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

/** The options of `tcpCheck`. */
export interface TcpCheckOptions {
  /** Returns the address of a node. @defaultValue the node's name as `host:port`, `[::1]:port`, or a URL */
  readonly address?: ((node: string) => TcpAddress) | undefined;
}

/**
 * Creates a health check that passes if the node accepts a TCP connection. It sends no data. Use it for servers that do
 * not speak HTTP. It is weaker than an HTTP check: a hanging process still accepts connections.
 *
 * @throws InvalidOptionError if an option is invalid. The check rejects with it for a node without a port.
 * @example
 * ```ts
 * const balancer = new LoadBalancer(['10.0.0.1:6379', '10.0.0.2:6379'], { health: { check: tcpCheck() } });
 * ```
 */
export function tcpCheck(options?: TcpCheckOptions): HealthCheck {
  const own = readOptions<TcpCheckOptions>('tcpCheck', options, { address: undefined });
  const address = checkOptionalFunction('tcpCheck', 'address', own.address) ?? addressOf;
  return (node, { signal }) => canConnect(address(node), signal);
}

function canConnect({ host, port }: TcpAddress, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

function addressOf(node: string): TcpAddress {
  const text = node.includes('://') ? node : `tcp://${node}`;
  const { protocol, hostname, port } = URL.canParse(text) ? new URL(text) : { protocol: '', hostname: '', port: '' };
  const number = port === '' ? DEFAULT_PORTS[protocol] : Number(port);
  if (hostname === '' || number === undefined) {
    const rule = 'must be host:port or a URL if there is no "address" option';
    throw new InvalidOptionError('tcpCheck', 'node', rule, node);
  }
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: number };
}
