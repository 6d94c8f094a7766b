const BLOCK = /(<!-- reference: ([a-z-]+) -->\n).*?(<!-- \/reference -->)/gs;

/** Returns the page with the code of each reference file between the two comments that name it. */
export function insertReferences(page: string, read: (name: string) => string): string {
  return page.replace(BLOCK, (_, begin, name, end) => `${begin}\n\`\`\`ts\n${read(name)}\`\`\`\n\n${end}`);
}

/** Returns the names of the reference files that a page shows. */
export function referencesOf(page: string): string[] {
  return Array.from(page.matchAll(BLOCK), ([, , name]) => name as string);
}
