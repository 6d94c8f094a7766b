/**
 * How evenly each placement spreads keys, and how many of them move when nodes come and go: `npm run placement`. Nothing here
 * is a matter of time or chance: it prints the same on every machine.
 */
import { HashRing, jumpHash, KetamaRing, MaglevTable, Rendezvous } from 'breakwater';
import Table from 'cli-table3';
import ConsistentHash from 'consistent-hash';
import HashringPackage from 'hashring';

const KEYS = Array.from({ length: 200_000 }, (_, index) => `user:${index}`);
/** Five sets of names, for what one set alone would leave to luck. */
const SETS = ['cache', '10.0.0', 'eu-west-1/node', 'n', 'https://service.example'];

interface Placing {
  get(key: string): string | undefined;
}

/** Makes a placement of these nodes, one after the other where the order matters. */
type Make = (nodes: readonly string[]) => Placing;

const hashring: Make = (nodes) => {
  const ring = new HashringPackage([...nodes], 'md5', { 'max cache size': 1 } as never);
  return { get: (key) => ring.get(key) };
};
const consistentHash: Make = (nodes) => {
  const ring = new ConsistentHash({ controlPoints: 160, distribution: 'uniform', range: 1_000_003 });
  for (const node of nodes) ring.add(node);
  return ring;
};

const placements: Readonly<Record<string, Make>> = {
  'HashRing, 160 points': (nodes) => new HashRing(nodes),
  'HashRing, 500 points': (nodes) => new HashRing(nodes, { virtualNodes: 500 }),
  KetamaRing: (nodes) => new KetamaRing(nodes),
  Rendezvous: (nodes) => new Rendezvous(nodes),
  MaglevTable: (nodes) => new MaglevTable(nodes),
  jumpHash: (nodes) => ({ get: (key) => nodes[jumpHash(key, nodes.length)] }),
  hashring,
  'consistent-hash, uniform': consistentHash,
};

const named = (set: string, count: number) => Array.from({ length: count }, (_, index) => `${set}-${index}`);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function spread(make: Make, nodes: readonly string[]): { readonly peakToMean: number; readonly cv: number } {
  const counts = new Map(nodes.map((node) => [node, 0]));
  const placement = make(nodes);
  for (const key of KEYS) {
    const node = placement.get(key) as string;
    counts.set(node, counts.get(node)! + 1);
  }
  const loads = [...counts.values()].map((count) => (count * nodes.length) / KEYS.length);
  return { peakToMean: Math.max(...loads), cv: Math.sqrt(mean(loads.map((load) => (load - 1) ** 2))) };
}

/** What part of the keys is elsewhere, and what part went from one node that stayed to another that stayed. */
function moved(make: Make, before: readonly string[], after: readonly string[]) {
  const [one, other] = [make(before), make(after)];
  const stayed = new Set(before.filter((node) => after.includes(node)));
  let all = 0;
  let needless = 0;
  for (const key of KEYS) {
    const [from, to] = [one.get(key) as string, other.get(key) as string];
    if (from === to) continue;
    all++;
    if (stayed.has(from) && stayed.has(to)) needless++;
  }
  return { all: all / KEYS.length, needless: needless / KEYS.length };
}

const percent = (share: number) => (100 * share).toFixed(2);
const table = (head: readonly string[], rows: readonly (readonly string[])[]) => {
  const chars = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
  const colAligns = head.map((_, index) => (index === 0 ? ('left' as const) : ('right' as const)));
  const printed = new Table({ head: [...head], colAligns, chars, style: { head: [], border: [] } });
  printed.push(...rows.map((row) => [...row]));
  return printed.toString();
};

const counts = [10, 100, 1000];
console.log(
  `${KEYS.length} keys, the mean of ${SETS.length} sets of names: the fullest node against the mean, and the coefficient of variation`,
);
const balance = Object.entries(placements).map(([name, make]) => {
  const cells = counts.flatMap((count) => {
    const spreads = SETS.map((set) => spread(make, named(set, count)));
    return [mean(spreads.map(({ peakToMean }) => peakToMean)).toFixed(2), mean(spreads.map(({ cv }) => cv)).toFixed(3)];
  });
  return [name, ...cells];
});
console.log(table(['nodes', ...counts.flatMap((count) => [`${count}: peak`, 'CV'])], balance));

const [ten, hundred] = [named('cache', 10), named('cache', 100)];
const changes: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['10 + 1', ten, [...ten, 'cache-10']],
  ['10 − the fifth', ten, ten.filter((_, index) => index !== 4)],
  ['100 + 1', hundred, [...hundred, 'cache-100']],
  ['100 − the fiftieth', hundred, hundred.filter((_, index) => index !== 49)],
];
console.log('\n% of the keys that move, and of those that move from one node that stays to another');
const ideal = changes.map(([, before, after]) => {
  const more = after.length > before.length;
  return `${percent(1 / (more ? after.length : before.length))} / 0`;
});
const moves = Object.entries(placements).map(([name, make]) => [
  name,
  ...changes.map(([, before, after]) => {
    const { all, needless } = moved(make, before, after);
    return `${percent(all)} / ${needless === 0 ? '0' : percent(needless)}`;
  }),
]);
console.log(table(['', ...changes.map(([name]) => name)], [['ideal', ...ideal], ...moves]));
