import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JournalAck, JournalEntry } from 'breakwater';
import { type DefineTest, journalContract, type RecoverableJournal } from 'breakwater/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

type Entry = JournalEntry<string, string>;
type Line = Entry | JournalAck<string>;

/** Replays a journal as the documentation says. */
function replay(lines: readonly Line[]): Entry[] {
  let left: Entry[] = [];
  for (const line of lines) {
    if ('type' in line) left.push(line);
    else left = left.filter(({ key, number }) => key !== line.key || number > line.number);
  }
  return left;
}

function memoryJournal(recover: (lines: Line[]) => Entry[] = replay): RecoverableJournal {
  const lines: Line[] = [];
  return {
    journal: {
      append: (entries) => void lines.push(...entries),
      ack: (acks) => void lines.push(...acks),
    },
    recover: () => recover(lines),
  };
}

/** Runs the contract and returns the titles of the failed tests. */
async function failuresOf(make: () => RecoverableJournal): Promise<string[]> {
  const tests: Parameters<DefineTest>[] = [];
  journalContract((...test) => tests.push(test), make);
  const failed: string[] = [];
  for (const [title, run] of tests) await run().catch(() => failed.push(title.replace('The journal ', '')));
  return failed;
}

describe('journalContract', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'breakwater-journal-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  let files = 0;
  journalContract(it, async () => {
    const path = join(folder, String(files++));
    const write = async (lines: readonly Line[]) => {
      await using file = await open(path, 'a');
      await file.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    };
    await write([]);
    return {
      journal: { append: write, ack: write },
      recover: async () => {
        const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
        return replay(lines.map((line) => JSON.parse(line) as Line));
      },
    };
  });

  it('a journal in memory passes', async () => {
    expect(await failuresOf(memoryJournal)).toEqual([]);
  });

  const entriesOf = (lines: readonly Line[]) => lines.filter((line) => 'type' in line);
  const inOrder = 'keeps entries in the order in which they were appended';
  const acked = 'removes the entries of a key up to the number of an ack, and no others';

  it.each<[string, (lines: Line[]) => Entry[], string]>([
    ['that forgets the acks', entriesOf, acked],
    [
      'whose ack removes all entries of a key',
      (lines) => {
        const keys = new Set(lines.filter((line) => !('type' in line)).map(({ key }) => key));
        return entriesOf(lines).filter(({ key }) => !keys.has(key));
      },
      acked,
    ],
    [
      'whose ack removes only the entry with its number',
      (lines) => {
        const acks = lines.filter((line) => !('type' in line));
        return entriesOf(lines).filter(
          (one) => !acks.some(({ key, number }) => key === one.key && number === one.number),
        );
      },
      acked,
    ],
    ['that sorts by key', (lines) => replay(lines).sort((a, b) => (a.key < b.key ? -1 : 1)), inOrder],
    [
      'that keeps the last entry of a key alone',
      (lines) => [...new Map(replay(lines).map((one) => [one.key, one])).values()],
      inOrder,
    ],
    [
      'that is emptied by a recovery',
      (lines) => replay(lines.splice(0)),
      'accepts further entries and acks after a recovery',
    ],
    ['that loses the last entry', (lines) => replay(lines).slice(0, -1), inOrder],
    [
      'that trims its values',
      (lines) => replay(lines).map((one) => (one.type === 'set' ? { ...one, value: one.value.trim() } : one)),
      'keeps keys and values as they are',
    ],
  ])('a journal %s fails', async (_mistake, recover, title) => {
    expect(await failuresOf(() => memoryJournal(recover))).toContain(title);
  });
});
