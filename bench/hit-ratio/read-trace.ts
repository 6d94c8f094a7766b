import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { basename, extname } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Format, type FormatName, formats, guessFormat } from './formats.js';
import { type Trace, TraceBuilder } from './trace.js';

export interface ReadOptions {
  /** @defaultValue guessed */
  readonly format?: FormatName | undefined;
  /** So many requests at most. @defaultValue all */
  readonly limit?: number | undefined;
}

/** Reads a key log piece by piece: what is kept of it is what a `Trace` has. */
export async function readTrace(file: string, options: ReadOptions = {}): Promise<Trace> {
  const { limit = Infinity } = options;
  const trace = new TraceBuilder();
  const name = basename(file);
  try {
    let format: Format | undefined;
    let rest: Buffer = Buffer.alloc(0);
    const add = (records: Buffer) => {
      for (const key of (format as Format).keys(records)) {
        if (trace.length === limit) break;
        trace.add(key);
      }
    };
    for await (const piece of piecesOf(file)) {
      format ??= formats[options.format ?? guessFormat(name, piece)];
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      const end = format.whole(bytes);
      add(bytes.subarray(0, end));
      rest = bytes.subarray(end);
      if (trace.length === limit) break;
    }
    if (trace.length < limit && rest.length > 0) add(rest);
    if (trace.length === 0) throw new Error('there is no key in it');
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
  return trace.build(name.replace(/(\.trace)?(\.gz|\.xz)?$/, ''));
}

/** By the end of a file's name: the program that gives its contents. */
const unpackers: Record<string, string> = { '.gz': 'gzip', '.xz': 'xz' };

function piecesOf(file: string): AsyncIterable<Buffer> {
  const unpacker = unpackers[extname(file)];
  return unpacker === undefined ? createReadStream(file) : unpack(unpacker, file);
}

async function* unpack(program: string, file: string): AsyncGenerator<Buffer> {
  const child = spawn(program, ['-dc', '--', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const complaint = text(child.stderr);
  const ended = once(child, 'close') as Promise<[number | null]>;
  ended.catch(() => {}); // looked at below, if all is read
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const [code] = await ended;
    if (code !== 0) throw new Error((await complaint).trim() || `${program} ended with code ${code}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(`it is unpacked by the program "${program}", which is not installed`, { cause: error });
  } finally {
    child.kill(); // where no more is wanted
  }
}
