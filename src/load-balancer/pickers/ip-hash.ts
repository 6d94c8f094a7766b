import { formatNetwork, parseIp } from '../../core/ip-address.js';
import { KeyPicker } from './consistent-hash.js';
import type { PickerFactory } from './picker.js';

/**
 * Picks nodes by the address of the client, which is the key of the call. An IPv4 address is normalized; an IPv6
 * address counts by its first 64 bits, because the rest can change daily. A key that is not an address is used
 * unchanged. Placement is consistent: when a node is removed, only its own clients move.
 */
export function ipHash(): PickerFactory {
  return { name: 'ipHash', start: () => new KeyPicker('ipHash', {}, Infinity, networkOf) };
}

function networkOf(key: string): string {
  const address = parseIp(key);
  return address === undefined ? key : formatNetwork(address, 64);
}
