/** Links of Markdown pages, and the anchors that GitHub makes for their headings. */

export interface Link {
  /** Counted from 1. */
  readonly line: number;
  /** As it is written: `patterns/retry.md#options`. */
  readonly target: string;
}

/** All links and images of a page to other files of the repository or to its own headings. */
export function linksOf(page: string): Link[] {
  const prose = withoutCode(page);
  const images = prose.matchAll(/!\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g);
  const inline = prose.matchAll(/(?<!!)\[(?:[^\][]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g);
  const references = prose.matchAll(/^ {0,3}\[[^\]]+\]:\s+<?([^\s>]+)>?/gm);
  const tags = prose.matchAll(/<(?:a|img|source)\b[^>]*\b(?:href|src|srcset)="([^"]+)"/g);
  return [...images, ...inline, ...references, ...tags]
    .map((match) => ({ line: prose.slice(0, match.index).split('\n').length, target: match[1]! }))
    .filter(({ target }) => !/^[a-z][a-z+.-]*:/i.test(target))
    .sort((a, b) => a.line - b.line);
}

/** The anchors of a page: its headings as GitHub makes slugs of them, and explicit ones. */
export function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, text] of withoutFences(page).matchAll(/^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$/gm)) {
    const slug = slugOf(text!);
    let unique = slug;
    for (let count = 1; anchors.has(unique); count++) unique = `${slug}-${count}`;
    anchors.add(unique);
  }
  for (const [, name] of page.matchAll(/<[a-z][^>]*\b(?:id|name)="([^"]+)"/g)) anchors.add(name!);
  return anchors;
}

/** Lower case, without markup and punctuation, with dashes for spaces. */
function slugOf(heading: string): string {
  return heading
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]*>/g, '')
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');
}

/** Spaces in place of code and comments, so that every other character keeps its position. */
const blank = (match: string): string => match.replace(/[^\n]/g, ' ');

function withoutFences(page: string): string {
  return page.replace(/^( *)(`{3,}|~{3,}).*\n(?:.*\n)*?\s*\2 *$/gm, blank).replace(/<!--(?:.|\n)*?-->/g, blank);
}

function withoutCode(page: string): string {
  return withoutFences(page).replace(/(`+)[^`](?:.|\n)*?\1/g, blank);
}
