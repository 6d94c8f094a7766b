/**
 * What the situations of a dependency become with each program. The attempts and the counts of the breaker are the same
 * for all clients. The errors of the caller are those of the table in docs/guard-your-client.md.
 */
import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { isResilienceError } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { httpPrograms } from './http-subjects.js';
import { type Run, type Situation, type Subject, subjects } from './subjects.js';

const page = readFileSync(new URL('../../docs/guard-your-client.md', import.meta.url), 'utf8');
const [, section = ''] = page.split('## Outcomes\n');

/** The cells of each row of the table, without the name of the client. */
const table = new Map(
  [...section.split('\n## ')[0]!.matchAll(/^\| (.+) \|$/gm)].map(([, row]) => {
    const [name = '', ...cells] = row!.replaceAll('`', '').split(' | ');
    return [name, cells] as const;
  }),
);

interface Expected {
  readonly situation: Situation;
  readonly column: number;
  /** Of the attempts that have reached a server, and of those that the breaker has counted. */
  readonly attempts: number;
  readonly counted: number;
  readonly failures: number;
}

const situations: readonly (readonly [title: string, expected: Expected])[] = [
  [
    'a wrong request is an error at once and no failure',
    { situation: 'missing', column: 0, attempts: 1, counted: 1, failures: 0 },
  ],
  ['a failing server is called again', { situation: 'ill', column: 1, attempts: 3, counted: 3, failures: 3 }],
  ['a refused connection is tried again', { situation: 'refused', column: 2, attempts: 0, counted: 3, failures: 3 }],
  [
    'a server that does not answer is called again after the attempt timeout',
    { situation: 'hang', column: 3, attempts: 3, counted: 3, failures: 3 },
  ],
  [
    'an abort of the caller ends the call at its only attempt, which is not counted',
    { situation: 'abort', column: 4, attempts: 1, counted: 0, failures: 0 },
  ],
];

class CallerGone extends Error {}

const testOutcomes = (name: string, start: Subject): void => {
  it.each(situations)('%s', async (_title, { situation, column, attempts, counted, failures }) => {
    const caller = new AbortController();
    const reason = new CallerGone();
    await using run = await start(situation, situation === 'abort' ? caller.signal : undefined);
    const outcome = outcomeOf(run, reason);
    if (situation === 'abort') {
      await run.arrived();
      caller.abort(reason);
    }
    const cells = table.get(name) ?? [];
    expect(cells[column]?.split(' or ')).toContain(await outcome);
    const isOpen = situation === 'hang' || situation === 'abort';
    if (isOpen) expect(cells.at(-1)).toBe(await run.remains());
    if (run.attempts !== undefined) expect(run.attempts()).toBe(attempts);
    const { calls = 0, failures: failed = 0 } = run.health() ?? {};
    expect(failed).toBe(Math.min(calls, failures));
    // A timeout during a stall of this process is not counted.
    if (situation !== 'hang') expect(calls).toBe(counted);
  });
};

const isHttp = ([name]: [string, Subject]) => name in httpPrograms;
const programs = Object.entries(subjects);
describe.concurrent.each(programs.filter(isHttp))('The program of %s', testOutcomes);
// A database is in one state at a time.
describe.each(programs.filter((program) => !isHttp(program)))('The program of %s', testOutcomes);

it('the table has a row for each program', () => {
  const rows = [...table.keys()].filter((name) => name !== 'client' && name !== '---');
  expect(rows).toEqual(expect.arrayContaining(Object.keys(subjects)));
  expect(new Set(rows).size).toBe(rows.length);
});

async function outcomeOf({ result }: Run, reason: unknown): Promise<string> {
  return Promise.resolve(result).then(
    (value) => `a response with ${statusOf(value)}`,
    (error: unknown) => (error === reason ? 'the abort reason' : nameOf(error)),
  );
}

/** The class of an error, with what distinguishes it: a status, or a code of its own or of its cause. */
function nameOf(error: unknown): string {
  if (isResilienceError(error)) return error.code;
  const { code, cause, message } = error as Error & { readonly code?: unknown };
  const kind = (error as Error).constructor.name;
  if (typeof code === 'number') return status[code] ?? String(code); // gRPC
  const [, reply] = /^([A-Z]{5,})\b/.exec(message) ?? []; // Redis
  const mark = statusOf(error) ?? code ?? codeOf(cause) ?? reply;
  return mark === undefined ? kind : `${kind} ${mark}`;
}

function codeOf(cause: unknown): unknown {
  const { code, cause: inner } = Object(cause) as { readonly code?: unknown; readonly cause?: unknown };
  return code ?? (inner === undefined ? undefined : codeOf(inner));
}

/** The status of an HTTP response, or of an error because of one. */
function statusOf(value: unknown): number | undefined {
  const { status, statusCode, response, $metadata } = value as Record<string, unknown>;
  const inner = Object(response) as { readonly status?: unknown; readonly statusCode?: unknown };
  const { httpStatusCode } = Object($metadata) as { readonly httpStatusCode?: unknown };
  const found = status ?? statusCode ?? inner.status ?? inner.statusCode ?? httpStatusCode;
  return typeof found === 'number' && found >= 400 ? found : undefined;
}
