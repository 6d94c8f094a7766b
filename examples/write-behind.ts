/**
 * Page views that are counted in memory and written to a database in batches. The process is killed before a flush.
 * Another process recovers the accepted writes from a journal in a file, and writes them to the database.
 *
 * npx tsx examples/write-behind.ts
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type JournalAck, type JournalEntry, type WriteJournal, writeBehind } from 'breakwater';

type Entry = JournalEntry<string, number>;

/** A file of lines: entries, and acks of earlier entries. A write is accepted when its line is on the disk. */
class FileJournal implements WriteJournal<string, number> {
  readonly #path: string;
  #file: Awaited<ReturnType<typeof open>> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Returns the accepted entries without an ack, and compacts the file to these. */
  async recover(): Promise<Entry[]> {
    await this.close();
    let left: Entry[] = [];
    const text = existsSync(this.#path) ? await readFile(this.#path, 'utf8') : '';
    for (const line of text.split('\n').slice(0, -1)) {
      const entry = JSON.parse(line) as Entry | JournalAck<string>;
      if ('type' in entry) left.push(entry);
      else left = left.filter(({ key, number }) => key !== entry.key || number > entry.number);
    }
    await writeFile(`${this.#path}.new`, left.map(lineOf).join(''), { flush: true });
    await rename(`${this.#path}.new`, this.#path);
    this.#file = await open(this.#path, 'a');
    return left;
  }

  append(entries: readonly Entry[]): Promise<void> {
    return this.#add(entries.map(lineOf));
  }

  ack(acks: readonly JournalAck<string>[]): Promise<void> {
    return this.#add(acks.map(lineOf));
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  async #add(lines: readonly string[]): Promise<void> {
    await this.#file?.appendFile(lines.join(''));
    await this.#file?.datasync();
  }
}

const lineOf = (value: object): string => `${JSON.stringify(value)}\n`;

/** A line without its line break: the process died while it wrote it. The write was not accepted. */
const incompleteLine = '{"type":"set","key":"/about","val';

const [, , path] = process.argv;
if (path !== undefined) {
  const journal = new FileJournal(path);
  const views = writeBehind<string, number>({
    writeMany: () => console.log('  this is never reached'),
    flushEvery: '1h',
    journal,
    initial: await journal.recover(), // always needed: the numbers of the entries continue from these
  });
  for (const count of [1, 2, 3]) await views.set('/home', count);
  await views.set('/blog', 1);
  console.log(`  ${views.pending} pages pending, ${views.stats.accepted} writes accepted`);
  process.send?.('accepted');
} else {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-'));
  const file = join(folder, 'views.log');

  console.log('a process counts views');
  const child = fork(fileURLToPath(import.meta.url), [file]);
  await once(child, 'message');
  child.kill('SIGKILL');
  const [, signal] = await once(child, 'exit');
  console.log(`the process is killed: ${signal}`);
  await writeFile(file, incompleteLine, { flag: 'a' });

  console.log('another process starts');
  const database = new Map<string, number>();
  let isDown = true;
  const journal = new FileJournal(file);
  const views = writeBehind<string, number>({
    writeMany: async (entries) => {
      if (isDown) throw new Error('the database is down');
      for (const entry of entries) if (entry.type === 'set') database.set(entry.key, entry.value);
    },
    flushEvery: '10ms',
    backoff: () => 10,
    journal,
    initial: await journal.recover(),
  });
  const failed = new Set<string>();
  views.on('failure', ({ write, error, attempt }) => {
    if (!failed.has(write.key)) console.log(`  ${write.key}: ${(error as Error).message}`);
    failed.add(write.key);
    if (attempt === 3) isDown = false;
  });
  console.log(`  ${views.pending} pages pending`);
  await views.set('/blog', 2);
  await views.close();
  console.log('  the database has', Object.fromEntries(database));
  console.log(`  the journal has ${(await journal.recover()).length} entries`);
  await journal.close();
  await rm(folder, { recursive: true });
}

/* Prints, but for the milliseconds:
a process counts views
  2 pages pending, 4 writes accepted
the process is killed: SIGKILL
another process starts
  2 pages pending
  /home: the database is down
  /blog: the database is down
  the database has { '/home': 3, '/blog': 2 }
  the journal has 0 entries
*/
