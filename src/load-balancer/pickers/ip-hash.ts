import { formatNetwork, parseIp } from '../../core/ip-address.js';
import { ByKey } from './consistent-hash.js';
import type { PickerFactory } from './picker.js';

/**
 * By the address of the client, which is the key of the call: an IPv4 address as it is, however it is written; an IPv6
 * address by the first 64 bits, since the rest of it changes by the day. A key that is no address counts as it stands.
 * Consistent: only the clients of a node that goes have to move.
 */
export function ipHash(): PickerFactory {
  return { name: 'ipHash', start: () => new ByKey('ipHash', {}, Infinity, networkOf) };
}

function networkOf(key: string): string {
  const address = parseIp(key);
  return address === undefined ? key : formatNetwork(address, 64);
}
