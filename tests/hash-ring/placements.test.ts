import { HashRing, KetamaRing, MaglevTable, type NodeOption, type Placement, Rendezvous } from 'breakwater/hash-ring';
import { describe, expect, it } from 'vitest';

const KEYS = Array.from({ length: 2000 }, (_, index) => `key-${index}`);
const placedBy = (placement: Placement, keys: readonly string[] = KEYS) => keys.map((key) => placement.get(key));
const PLACEMENTS: readonly (readonly [string, (nodes: Iterable<NodeOption>) => Placement])[] = [
  ['HashRing', (nodes) => new HashRing(nodes)],
  ['KetamaRing', (nodes) => new KetamaRing(nodes, { compat: 'libketama' })],
  ['KetamaRing as hashring', (nodes) => new KetamaRing(nodes, { compat: 'hashring' })],
  ['Rendezvous', (nodes) => new Rendezvous(nodes)],
  ['MaglevTable', (nodes) => new MaglevTable(nodes)],
];

describe.each(PLACEMENTS)('%s', (_name, make) => {
  it('a node of weight 0 is a member and owns no keys', () => {
    const placement = make(['a', { node: 'b', weight: 0 }, 'c']);
    expect(placedBy(placement)).not.toContain('b');
    expect([placement.has('b'), placement.weightOf('b'), placement.nodes]).toEqual([true, 0, ['a', 'b', 'c']]);
  });

  it.each([-1, Number.NaN, Infinity, '1', null])('the weight %s is rejected', (weight) => {
    expect(() => make([{ node: 'a', weight: weight as number }])).toThrow(/"weight" must be a finite number/);
  });

  it('a node that is given twice counts once', () => {
    const once = make(['a', 'b']);
    const twice = make(['a', 'a', 'b', 'b', 'a']);
    expect(twice.nodes).toEqual(['a', 'b']);
    expect(placedBy(twice)).toEqual(placedBy(once));
  });

  it('a placement without nodes returns undefined', () => {
    expect([make([]).get('key'), make([]).getMany('key', 3), make([]).size]).toEqual([undefined, [], 0]);
    expect(make([{ node: 'a', weight: 0 }]).get('key')).toBeUndefined();
  });

  it('node names are opaque: colons, digits, dashes and IPv6 addresses have no meaning', () => {
    const names = ['a', 'a-1', 'a-1-1', 'a1', 'a10', '1', '10', '[::1]:80', '[::1]:8080', 'host:1:0', ''];
    const placement = make(names);
    expect(placement.nodes).toEqual(names.toSorted());
    expect(new Set(placedBy(placement))).toEqual(new Set(names));
  });

  it('__proto__ and constructor are ordinary names and keys', () => {
    const names = ['__proto__', 'constructor', 'toString', 'plain'];
    const placement = make(names);
    expect(new Set(placedBy(placement))).toEqual(new Set(names));
    for (const key of names) expect(names).toContain(placement.get(key));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('the order of the nodes does not change the placement', () => {
    const names = ['d', 'a', 'c', 'b', 'e'];
    const placed = placedBy(make(names));
    for (const order of [names.toReversed(), names.toSorted(), ['c', 'e', 'b', 'd', 'a']]) {
      expect(placedBy(make(order))).toEqual(placed);
    }
  });

  it('replicas are distinct, start with the owner, and a shorter list is a prefix of a longer one', () => {
    const placement = make(['a', 'b', 'c', 'd', 'e']);
    for (const key of KEYS.slice(0, 300)) {
      const all = placement.getMany(key, 99);
      expect(new Set(all).size).toBe(5);
      for (let count = 0; count <= 5; count++) expect(placement.getMany(key, count)).toEqual(all.slice(0, count));
      expect(all[0]).toBe(placement.get(key));
    }
  });

  it('string keys are hashed as UTF-8, so these pairs differ, and NFC and NFD forms are two keys', () => {
    const placement = make(Array.from({ length: 200 }, (_, index) => `node-${index}`));
    const differ = (one: string, other: string) =>
      placement.getMany(one, 5).join() !== placement.getMany(other, 5).join();
    expect(differ('\u0100', '\u0000')).toBe(true);
    expect(differ('日', 'å')).toBe(true);
    expect(differ('é', 'e\u0301')).toBe(true);
  });

  it('bytes are hashed as they are, numbers as their digits and strings as their UTF-8 bytes', () => {
    const placement = make(Array.from({ length: 200 }, (_, index) => `node-${index}`));
    const place = (key: Parameters<Placement['get']>[0]) => placement.getMany(key, 5).join();
    expect(place(Uint8Array.of(0xff, 0xfe))).not.toBe(place(Uint8Array.of(0xfe, 0xff)));
    expect(place(new TextEncoder().encode('zażółć 日本語'))).toBe(place('zażółć 日本語'));
    expect([place(42), place(42n)]).toEqual([place('42'), place('42')]);
  });
});
