/** Finds the code in the documentation. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Sample {
  /** From the root of the repository. */
  readonly file: string;
  /** The first line of the code, counted from 1. */
  readonly line: number;
  readonly code: string;
  /** Whether names of this package need no import, as in doc comments. */
  readonly importsForFree: boolean;
  /** Whether the sample also runs: marked by the word `run` after `ts`. */
  readonly runs: boolean;
  /** The expected output: the block marked `text` that directly follows, if there is one. */
  readonly output: string | undefined;
}

/** Every block marked `ts` on a page, without those marked `ts program`: they need packages of tests/clients. */
export function samplesOfPage(file: string, text: string): Sample[] {
  return samplesOf(file, text.split('\n'), false);
}

/** Every block marked `ts` in the doc comments of a source file. */
export function samplesOfSource(file: string, text: string): Sample[] {
  return samplesOf(file, docLines(text), true);
}

/** The lines of all `@example` tags that no block marked `ts` follows. */
export function emptyExamples(text: string): number[] {
  const lines = docLines(text);
  return lines.flatMap((line, index) => {
    if (!line.startsWith('@example')) return [];
    const next = lines.slice(index + 1).find((other) => other.startsWith('```') || other.startsWith('@'));
    return next?.startsWith('```ts') ? [] : [index + 1];
  });
}

/** The text of doc comments without stars. Other lines are empty, so that every line keeps its number. */
function docLines(text: string): string[] {
  let inside = false;
  return text.split('\n').map((line) => {
    const begins = /^\s*\/\*\*/.test(line);
    const belongs = begins || inside;
    inside = belongs && !line.includes('*/');
    return belongs && !begins ? line.replace(/^\s*\* ?/, '') : '';
  });
}

interface Block {
  /** The words after the opening fence: `ts run`. */
  readonly words: readonly string[];
  /** Indexes of the two fences. */
  readonly begin: number;
  readonly end: number;
  readonly text: string;
}

function samplesOf(file: string, lines: readonly string[], importsForFree: boolean): Sample[] {
  const blocks = blocksOf(file, lines);
  return blocks.flatMap((block, index) => {
    const [language, ...marks] = block.words;
    if ((language !== 'ts' && language !== 'typescript') || marks.includes('program')) return [];
    const next = blocks[index + 1];
    const isOutput =
      next?.words[0] === 'text' &&
      lines
        .slice(block.end + 1, next.begin)
        .join('')
        .trim() === '';
    return {
      file,
      line: block.begin + 2,
      code: block.text,
      importsForFree,
      runs: marks.includes('run'),
      output: isOutput ? next.text : undefined,
    };
  });
}

function blocksOf(file: string, lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  for (let begin = 0; begin < lines.length; begin++) {
    const [, indent = '', fence, info = ''] = /^( *)(`{3,}|~{3,})(.*)$/.exec(lines[begin]!) ?? [];
    if (fence === undefined) continue;
    const isEnd = (line: string) => line.trim().startsWith(fence) && /^(`+|~+)$/.test(line.trim());
    const length = lines.slice(begin + 1).findIndex(isEnd);
    if (length === -1) throw new Error(`${file}:${begin + 1}: a code block that does not end`);
    const end = begin + 1 + length;
    const text = lines
      .slice(begin + 1, end)
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    blocks.push({ words: info.trim().split(/\s+/), begin, end, text: text.join('\n') });
    begin = end;
  }
  return blocks;
}

/** The files below a folder with the given ending, from the root of the repository. */
export function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .map((path) => `${folder}/${path}`)
    .sort();
}
