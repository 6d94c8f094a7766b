/** A file that a page shows: of `reference`, or a program of `tests/clients/programs`, which needs other packages. */
export type BlockKind = 'reference' | 'program';

const BLOCK = /(<!-- (reference|program): ([a-z/-]+) -->\n).*?(<!-- \/\2 -->)/gs;

/** The mark `program` excludes a block from the samples that are compiled with the packages of the repository. */
const FENCES: Readonly<Record<BlockKind, string>> = { reference: 'ts', program: 'ts program' };

/** Returns the page with the code of each file between the two comments that name it. */
export function insertReferences(page: string, read: (name: string, kind: BlockKind) => string): string {
  return page.replace(BLOCK, (_, begin, kind: BlockKind, name, end) => {
    return `${begin}\n\`\`\`${FENCES[kind]}\n${read(name, kind)}\`\`\`\n\n${end}`;
  });
}

/** Returns the names of the files of one kind that a page shows. */
export function referencesOf(page: string, wanted: BlockKind = 'reference'): string[] {
  return Array.from(page.matchAll(BLOCK)).flatMap(([, , kind, name]) => (kind === wanted ? [name as string] : []));
}
