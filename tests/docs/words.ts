/** Finding words in prose that a reader has to read twice. Code, identifiers in backticks and addresses are no prose. */
import ts from 'typescript';

export interface Finding {
  /** From the root of the repository. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly word: string;
  /** Words to use in its place. */
  readonly instead: string;
}

/** Each word or phrase that is not used, with the words to use instead. */
const AVOIDED: readonly (readonly [phrase: RegExp, instead: string])[] = [
  [/\b(?:some|no|any|every)body(?:'s|’s|\b)/i, 'a thing with a name: the caller, the waiter'],
  [/\b(?:someone|anyone|everyone|no one)\b/i, 'a thing with a name: the caller, the waiter'],
  [/\b(?:whoever|whosoever|whomever)\b/i, 'a thing with a name: the caller, the waiter'],
  [/\b(?:he|him|his|himself|she|her|hers|herself)\b/i, 'it, its, the caller'],
  [/\b(?:those|they|one|ones|he|all|any|whatever is) who\b/i, 'callers that, the callers'],
  [
    /\bwhatever (?:is|are|was|were|has|have|had|comes?|came|needs?|makes?|does|did|can|may|must|will|else|goes|calls?)\b/i,
    'every, any, each',
  ],
  [/\b(?:anew|afresh)\b/i, 'again'],
  [/\blikewise\b/i, 'the statement itself, or "also"'],
  [/\bso (?:many|much)\b(?! (?:that|as|more|less|\w+er)\b)/i, 'the number of'],
  [/\b(?:tells?|told|telling)\b/i, 'notify, report, emit, return, distinguish'],
  [/\b(?:stands?|stood|standing)\b(?! (?:for|alone)\b|-)/i, 'is, remains'],
  [/\brid of\b/i, 'remove, delete, release'],
  [/\bas well as (?:it|they|he|one) can\b/i, 'the limits, as a condition'],
  [/\bby (?:hand|heart)\b/i, 'manually; fixed in advance'],
  [/\bcompany\b/i, 'a set of nodes, the other calls'],
  [/\bgives\b(?! up\b)/i, 'returns'],
  [/\b(?:in vain|all the same|for ever|ere|lest|hither|thither|whence|hence|thereof|therein)\b/i, 'standard English'],
  [/\bbefalls?\b/i, 'happens'],
];

const MARKDOWN_CODE = /(`+)[^`](?:.|\n)*?\1|\]\([^)\s]*(?: "[^"]*")?\)|<https?:[^>]*>|https?:\/\/\S+|\{@link [^}]*\}/g;

/** Spaces in place of the matches, so that every other character keeps its position. */
const blank = (text: string, pattern: RegExp): string => text.replace(pattern, (match) => match.replace(/[^\n]/g, ' '));

/** The findings in the prose of a Markdown page, and in the comments of its TypeScript samples. */
export function wordsInPage(file: string, page: string): Finding[] {
  const findings: Finding[] = [];
  const prose = page.replace(/^( *)(`{3,}|~{3,})(.*)\n((?:.*\n)*?)\s*\2 *$/gm, (block, _indent, _fence, info, code) => {
    const at = page.indexOf(block);
    if (/^(?:ts|typescript)\b/.test(info)) {
      const line = page.slice(0, at).split('\n').length;
      for (const found of wordsInSource(file, code)) findings.push({ ...found, line: found.line + line });
    }
    return block.replace(/[^\n]/g, ' ');
  });
  findings.push(...find(file, blank(blank(prose, /<!--(?:.|\n)*?-->/g), MARKDOWN_CODE)));
  return findings.sort((a, b) => a.line - b.line);
}

/** The findings in the comments of a TypeScript source. */
export function wordsInSource(file: string, source: string): Finding[] {
  let comments = source.replace(/[^\n]/g, ' ');
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, false, ts.LanguageVariant.Standard, source);
  for (const [pos, end] of commentsOf(source, scanner)) {
    comments = comments.slice(0, pos) + source.slice(pos, end) + comments.slice(end);
  }
  const prose = comments
    .replace(/^([^\S\n]*)(\/\*\*|\*(?!\/)|\/\/)/gm, (start) => ' '.repeat(start.length))
    .replace(/@(?:param|template|typeParam) \S+/g, (tag) => ' '.repeat(tag.length));
  return find(file, blank(blank(prose, /^ *```(?:.*\n)*?.*```/gm), MARKDOWN_CODE));
}

/** Start and end of each comment. Templates and regular expressions need the parser, so the tree is walked. */
function commentsOf(source: string, scanner: ts.Scanner): [number, number][] {
  const tree = ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true);
  const ranges: [number, number][] = [];
  const visit = (node: ts.Node): void => {
    if (node.getChildCount(tree) > 0) {
      for (const child of node.getChildren(tree)) if (!ts.isJSDoc(child)) visit(child);
      return;
    }
    const start = node.getFullStart();
    scanner.setText(source, start, node.getStart(tree, false) - start);
    for (let kind = scanner.scan(); kind !== ts.SyntaxKind.EndOfFileToken; kind = scanner.scan()) {
      const isComment = kind === ts.SyntaxKind.SingleLineCommentTrivia || kind === ts.SyntaxKind.MultiLineCommentTrivia;
      if (isComment) ranges.push([scanner.getTokenStart(), scanner.getTokenEnd()]);
    }
  };
  visit(tree);
  return ranges;
}

function find(file: string, prose: string): Finding[] {
  const matches = AVOIDED.flatMap(([phrase, instead]) => {
    // A phrase may continue in the next line.
    const pattern = new RegExp(phrase.source.replaceAll(' ', String.raw`\s+`), 'gi');
    return [...prose.matchAll(pattern)].map((match) => ({ match, instead }));
  });
  return matches
    .sort((a, b) => a.match.index - b.match.index)
    .map(({ match, instead }) => ({
      file,
      line: prose.slice(0, match.index).split('\n').length,
      word: match[0].replace(/\s+/g, ' ').toLowerCase(),
      instead,
    }));
}
