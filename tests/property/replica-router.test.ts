/**
 * The replica router with a simulated database: nodes with logs that are copied from one node to another, that fail over,
 * lose writes, write others in their positions, and are rewound.
 */
import { seededRandom } from 'breakwater';
import { type ReplicaReport, type ReplicaRoute, replicaRouter } from 'breakwater/sharding';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../support/runs.js';

const NAMES = ['a', 'b', 'c', 'd'];
const SESSIONS = 3;

/** One write. */
interface Entry {
  readonly id: number;
  readonly at: number;
}

/** The actual state of a node. */
interface Server {
  log: Entry[];
  /** The epoch that the node follows. */
  epoch: number;
}

const node = fc.constantFrom(...NAMES);
const session = fc.nat(SESSIONS - 1);
const command = fc.oneof(
  { arbitrary: fc.record({ type: fc.constant('write' as const), session }), weight: 4 },
  {
    arbitrary: fc.record({ type: fc.constant('copy' as const), node, count: fc.integer({ min: 1, max: 3 }) }),
    weight: 4,
  },
  { arbitrary: fc.record({ type: fc.constant('ask' as const), node }), weight: 3 },
  { arbitrary: fc.record({ type: fc.constant('report' as const), index: fc.nat(5) }), weight: 4 },
  {
    arbitrary: fc.record({
      type: fc.constant('read' as const),
      session,
      consistency: fc.constantFrom('strong' as const, 'read-your-writes' as const, 'monotonic' as const),
    }),
    weight: 6,
  },
  {
    arbitrary: fc.record({ type: fc.constant('bounded' as const), maxLag: fc.integer({ min: 1, max: 60 }) }),
    weight: 3,
  },
  { arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 40 }) }), weight: 3 },
  { arbitrary: fc.record({ type: fc.constant('follow' as const), node }), weight: 3 },
  fc.record({ type: fc.constant('restore' as const), node }),
  fc.record({ type: fc.constant('down' as const), node }),
  fc.record({ type: fc.constant('up' as const), node }),
  { arbitrary: fc.record({ type: fc.constant('failover' as const), back: fc.nat(1) }), weight: 2 },
  fc.record({ type: fc.constant('adopt' as const), node, ahead: fc.integer({ min: -1, max: 2 }) }),
  fc.record({ type: fc.constant('token' as const), session }),
);

describe('replicaRouter', () => {
  // Sessions use positions or times: the third session has no positions.
  it('the router keeps the promises of each consistency level, and one primary per epoch, through any failures', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), fc.nat(), async (commands, seed) => {
        const clock = new TestClock();
        const wallClock = () => 1e12 + clock.now();
        const router = replicaRouter({
          primary: 'a',
          replicas: NAMES.slice(1),
          reportMaxAge: 100,
          cooldown: 20,
          clock,
          wallClock,
          random: seededRandom(seed),
        });
        const servers = new Map(NAMES.map((name): [string, Server] => [name, { log: [], epoch: 1 }]));
        const serverOf = (name: string) => servers.get(name) as Server;
        const sessions = Array.from({ length: SESSIONS }, () => router.session());
        const written: Entry[][] = Array.from({ length: SESSIONS }, () => []);
        const seen: Entry[][] = Array.from({ length: SESSIONS }, () => []);
        const primaries = new Map([[1, 'a']]);
        const routes: ReplicaRoute[] = [];
        /** Reports in flight. */
        const answers: { readonly node: string; readonly report: ReplicaReport }[] = [];
        let ids = 0;

        /** Asserts that the node has all entries, except those that are lost on the primary too. */
        const expectAll = (entries: readonly Entry[], at: string) => {
          const [had, kept] = [serverOf(at).log, serverOf(router.primary).log];
          expect(entries.filter((entry) => kept.includes(entry) && !had.includes(entry))).toEqual([]);
        };
        const attempt = (route: () => ReplicaRoute): ReplicaRoute | undefined => {
          try {
            return route();
          } catch (error) {
            expect(error).toMatchObject({ code: 'ERR_NO_HEALTHY_NODE' });
            return undefined;
          }
        };
        const position = (index: number, name: string) => (index === 2 ? undefined : serverOf(name).log.length);

        for (const one of commands) {
          const before = router.epoch;
          switch (one.type) {
            case 'write': {
              const route = attempt(() => router.forWrite());
              if (route === undefined) break;
              routes.push(route);
              const entry = { id: ids++, at: clock.now() };
              serverOf(route.node).log.push(entry);
              written[one.session]?.push(entry);
              sessions[one.session]?.wrote(route, position(one.session, route.node));
              break;
            }
            case 'copy': {
              const [from, to] = [serverOf(router.primary), serverOf(one.node)];
              if (to.epoch === router.epoch) to.log.push(...from.log.slice(to.log.length, to.log.length + one.count));
              break;
            }
            case 'ask': {
              const { log, epoch } = serverOf(one.node);
              const missing = serverOf(router.primary).log[log.length];
              const lag = missing === undefined ? 0 : clock.now() - missing.at;
              answers.push({ node: one.node, report: { epoch, position: log.length, lag, at: clock.now() } });
              break;
            }
            case 'report': {
              const [answer] = answers.splice(one.index % (answers.length || 1), 1);
              if (answer !== undefined) router.report(answer.node, answer.report);
              break;
            }
            case 'read': {
              const own = sessions[one.session]!;
              const route = attempt(() => router.forRead({ consistency: one.consistency, session: own }));
              if (route === undefined) break;
              if (one.consistency === 'strong') expect(route.node).toBe(router.primary);
              if (one.consistency === 'read-your-writes') expectAll(written[one.session]!, route.node);
              if (one.consistency === 'monotonic') expectAll(seen[one.session]!, route.node);
              seen[one.session]?.push(...serverOf(route.node).log);
              own.read(route, position(one.session, route.node));
              break;
            }
            case 'bounded': {
              const route = attempt(() => router.forRead({ consistency: { maxLag: one.maxLag } }));
              if (route === undefined) break;
              const { log } = serverOf(router.primary);
              const due = (ms: number) => log.filter((entry) => entry.at < clock.now() - ms);
              expectAll(due(one.maxLag), route.node);
              expectAll(due(route.lagMs as number), route.node);
              break;
            }
            case 'advance':
              await clock.advance(one.ms);
              break;
            case 'follow': {
              const [to, from] = [serverOf(one.node), serverOf(router.primary)];
              const fork = to.log.findIndex((entry, i) => entry !== from.log[i]);
              if (fork >= 0) to.log = to.log.slice(0, fork);
              to.epoch = router.epoch;
              break;
            }
            case 'restore': // from an old backup, which takes some time
              if (one.node === router.primary) break;
              router.markDown(one.node);
              await clock.advance(1);
              serverOf(one.node).log = serverOf(one.node).log.slice(0, 1);
              router.markUp(one.node);
              break;
            case 'down':
              router.markDown(one.node);
              break;
            case 'up':
              router.markUp(one.node);
              break;
            case 'failover': {
              const old = router.primary;
              const epoch = router.epoch - one.back;
              const route = epoch < 0 ? undefined : attempt(() => router.failover({ epoch }));
              if (one.back > 0 || route === undefined) expect([router.epoch, router.primary]).toEqual([before, old]);
              else expect([router.epoch, router.primary === old]).toEqual([before + 1, false]);
              break;
            }
            case 'adopt': {
              const epoch = Math.max(0, before + one.ahead);
              const holds = router.adopt({ primary: one.node, epoch });
              expect(holds).toBe(router.epoch === epoch && router.primary === one.node);
              if (one.ahead <= 0) expect(router.epoch).toBe(before);
              break;
            }
            case 'token': {
              const token = JSON.parse(JSON.stringify(sessions[one.session]));
              sessions[one.session] = router.session(token);
            }
          }
          serverOf(router.primary).epoch = router.epoch;
          expect(router.epoch).toBeGreaterThanOrEqual(before);
          expect(primaries.get(router.epoch) ?? router.primary).toBe(router.primary);
          primaries.set(router.epoch, router.primary);
          // A store that checks the epoch accepts writes only from the current primary.
          expect(routes.filter(({ node, epoch }) => router.isCurrent(epoch) && node !== router.primary)).toEqual([]);
        }
        const roles = router.nodes.map(({ role }) => role);
        expect([roles.filter((role) => role === 'primary').length, clock.pendingTimers]).toEqual([1, 0]);
      }),
      { numRuns: runs(1000) },
    );
  });
});
