import { HashRing, KetamaRing, type NodeOption, Rendezvous } from 'breakwater/hash-ring';
import fc from 'fast-check';
import HashringPackage from 'hashring';
import { describe, expect, it } from 'vitest';
import { runs } from '../support/runs.js';

const name = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.string({ unit: 'grapheme', maxLength: 4 }),
  fc.integer({ min: 0, max: 30 }).map((number) => `n-${number}`),
  fc.constantFrom('__proto__', 'constructor', 'a', 'a-1', '1', '-1'),
);
const weight = fc.oneof(fc.constant(1), fc.constantFrom(0, 0.25, 0.5, 2, 3.7, 1e-6));
const nodes = fc.uniqueArray(fc.record({ node: name, weight }), { selector: ({ node }) => node, maxLength: 12 });
const someNodes = fc.uniqueArray(fc.record({ node: name, weight: fc.constant(1) }), {
  selector: ({ node }) => node,
  minLength: 2,
  maxLength: 12,
});
const KEYS = Array.from({ length: 60 }, (_, i) => `key-${i}`);
const options = { virtualNodes: 20 };

const placedBy = (placement: { get(key: string): string | undefined }) => KEYS.map((key) => placement.get(key));

/** A ring after the given commands, with its expected nodes and weights. */
function ringAfter(commands: readonly Command[]): { ring: HashRing; model: Map<string, number> } {
  const ring = new HashRing([], options);
  const model = new Map<string, number>();
  for (const { node, weight } of commands) {
    if (weight === undefined) {
      expect(ring.remove(node)).toBe(model.delete(node));
    } else {
      ring.add(node, { weight });
      model.set(node, weight);
    }
  }
  return { ring, model };
}

type Command = { readonly node: string; readonly weight: number | undefined };
const commands = fc.array(fc.record({ node: name, weight: fc.option(weight, { nil: undefined }) }), { maxLength: 25 });

describe('HashRing', () => {
  it('the ring does not depend on the order in which its nodes were added and removed', () => {
    const shuffled = nodes.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        const [one, two] = [new HashRing(list, options), new HashRing(other, options)];
        expect(two.toJSON()).toEqual(one.toJSON());
        expect(placedBy(two)).toEqual(placedBy(one));
        expect(one.diff(two).share).toBe(0);
      }),
      { numRuns: runs(1000) },
    );
  });

  it('adding, reweighting and removing nodes leads to the same ring as its construction', () => {
    fc.assert(
      fc.property(commands, (list) => {
        const { ring, model } = ringAfter(list);
        const rebuilt = new HashRing(
          Array.from(model, ([node, weight]): NodeOption => ({ node, weight })),
          options,
        );
        expect(ring.toJSON()).toEqual(rebuilt.toJSON());
        expect(placedBy(ring)).toEqual(placedBy(rebuilt));
        expect(ring.stats()).toEqual(rebuilt.stats());
        expect(ring.diff(rebuilt).share).toBe(0);
      }),
      { numRuns: runs(1000) },
    );
  });

  it('keys move only to a node that gains weight or from a node that loses weight', () => {
    fc.assert(
      fc.property(nodes, name, weight, (list, node, to) => {
        const before = new HashRing(list, options);
        const after = new HashRing(list, options).add(node, { weight: to });
        const gains = to > (before.weightOf(node) ?? 0);
        const { moves, share } = before.diff(after);
        for (const move of moves) expect(gains ? move.to : move.from).toBe(node);
        const moved = KEYS.filter((key) => before.get(key) !== after.get(key));
        for (const key of moved)
          expect(moves.some(({ from, to }) => from === before.get(key) && to === after.get(key))).toBe(true);
        const [had, has] = [before.stats().share.get(node) ?? 0, after.stats().share.get(node) ?? 0];
        expect(share).toBeCloseTo(Math.abs(has - had), 10);
      }),
      { numRuns: runs(1000) },
    );
  });

  it('replicas are distinct, and the remaining replicas keep their order after a removal', () => {
    fc.assert(
      fc.property(someNodes, fc.string(), fc.nat(12), (list, key, count) => {
        const ring = new HashRing(list, options);
        const all = ring.getMany(key, Infinity);
        expect(new Set(all).size).toBe(list.length);
        expect(ring.getMany(key, count)).toEqual(all.slice(0, count));
        expect(all[0]).toBe(ring.get(key));
        const gone = list[0]!.node;
        ring.remove(gone);
        expect(ring.getMany(key, Infinity)).toEqual(all.filter((node) => node !== gone));
      }),
      { numRuns: runs(1000) },
    );
  });

  it('the shares add up to 1 and match the placement of keys', () => {
    fc.assert(
      fc.property(nodes, (list) => {
        const ring = new HashRing(list, options);
        const { share } = ring.stats();
        const total = [...share.values()].reduce((sum, part) => sum + part, 0);
        expect(total).toBeCloseTo(list.some(({ weight }) => weight > 0) ? 1 : 0, 9);
        for (const node of placedBy(ring)) if (node !== undefined) expect(share.get(node)).toBeGreaterThan(0);
        expect([...share.keys()]).toEqual(ring.nodes);
      }),
      { numRuns: runs(1000) },
    );
  });
});

describe('Rendezvous', () => {
  it('keys move only to a node that gains weight or from a node that loses weight', () => {
    fc.assert(
      fc.property(nodes, name, weight, (list, node, to) => {
        const before = new Rendezvous(list);
        const after = new Rendezvous([...list, { node, weight: to }]);
        const gains = to > (before.weightOf(node) ?? 0);
        for (const key of KEYS) {
          if (before.get(key) !== after.get(key)) expect(gains ? after.get(key) : before.get(key)).toBe(node);
          const stayed = (placement: Rendezvous) => placement.getMany(key, Infinity).filter((one) => one !== node);
          expect(stayed(after)).toEqual(stayed(before));
        }
      }),
      { numRuns: runs(1000) },
    );
  });
});

describe('KetamaRing with the hashring dialect', () => {
  // Names from which hashring does not parse a port, and weights that it reads as weights.
  const server = fc.stringMatching(/^[a-z][a-z0-9.-]{0,10}$/);
  const list = fc.uniqueArray(fc.record({ node: server, weight: fc.integer({ min: 1, max: 50 }) }), {
    selector: ({ node }) => node,
    minLength: 1,
    maxLength: 15,
  });

  // The cache of hashring treats the key `__proto__` as the prototype of all objects.
  const key = fc.string({ unit: 'grapheme' }).filter((text) => !(text in {}));

  it('KetamaRing places every key as the hashring package does', () => {
    fc.assert(
      fc.property(list, fc.array(key, { minLength: 20, maxLength: 40 }), (nodes, keys) => {
        const peer = new HashringPackage(Object.fromEntries(nodes.map(({ node, weight }) => [node, { weight }])));
        const ring = new KetamaRing(nodes, { compat: 'hashring' });
        expect(keys.map((key) => ring.get(key))).toEqual(keys.map((key) => peer.get(key)));
      }),
      { numRuns: runs(1000) },
    );
  });
});
