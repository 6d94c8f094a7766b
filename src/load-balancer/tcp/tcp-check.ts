import { connect } from 'node:net';
import { InvalidOptionError } from '../../core/errors.js';
import { checkOptionalFunction, readOptions } from '../../core/options.js';
import type { HealthCheck } from '../health/health-check.js';

export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

export interface TcpCheckOptions {
  /** The address of a node. @defaultValue its name: `host:port`, `[::1]:port`, or a URL */
  readonly address?: ((node: string) => TcpAddress) | undefined;
}

/**
 * A node is well when it accepts a connection. Nothing is sent. For servers that do not speak HTTP; it says less than an
 * answer would: a process that hangs still accepts.
 *
 * @throws InvalidOptionError for options that cannot work; checking throws it for a node without a port.
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
    throw new InvalidOptionError('tcpCheck', 'node', 'must be host:port or a URL when no "address" is given', node);
  }
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: number };
}
