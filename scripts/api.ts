/**
 * The public declarations of each entry point, one file each in `api/`: `npm run api` writes them, `npm run api:check`
 * fails if one differs from what is committed, so that every change of the contract shows in the diff.
 *
 * Of the doc comments only `@defaultValue` and `@deprecated` are kept: they are part of the contract, the prose is not.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { generateDtsBundle } from 'dts-bundle-generator';

const here = new URL('../', import.meta.url);
const folder = new URL('api/', here);

const { exports } = JSON.parse(readFileSync(new URL('package.json', here), 'utf8')) as { exports: object };
const subpaths = Object.keys(exports).filter((subpath) => !['.', './package.json'].includes(subpath));

/** `./rate-limit` → `rate-limit.d.ts` */
const fileOf = (subpath: string): string => `${subpath.slice(2).replaceAll('/', '-')}.d.ts`;

function reports(): Map<string, string> {
  const bundles = generateDtsBundle(
    subpaths.map((subpath) => ({
      filePath: new URL(`src/${subpath}/index.ts`, here).pathname,
      output: { sortNodes: true, noBanner: true, exportReferencedTypes: false },
    })),
    { preferredConfigPath: new URL('tsconfig.json', here).pathname },
  );
  // The root only re-exports the other entry points, so its report is what it says, and no change shows twice.
  const root = readFileSync(new URL('src/index.ts', here), 'utf8');
  return new Map([
    ['index.d.ts', withoutProse(root)],
    ...subpaths.map((subpath, index) => [fileOf(subpath), withoutProse(bundles[index]!)] as const),
  ]);
}

/** Keeps the tags of doc comments that are part of the contract, each in one line. */
function withoutProse(declarations: string): string {
  return declarations
    .replace(/^[ \t]*\/\*\*[\s\S]*?\*\/\n/gm, (comment) => {
      const indent = /^[ \t]*/.exec(comment)![0];
      const text = comment.replace(/^\s*(?:\/\*\*|\*\/|\*(?!\/)) ?/gm, '').replace(/\s*\*\/\s*$/, '');
      const tags = text.match(/@(?:defaultValue|deprecated)\b(?:(?!\n\s*\n|@[a-z])[\s\S])*/g) ?? [];
      return tags.map((tag) => `${indent}/** ${tag.replace(/\s+/g, ' ').trim()} */\n`).join('');
    })
    .replace(/\n{3,}/g, '\n\n')
    .trimStart();
}

const made = reports();
if (process.argv.includes('--check')) {
  const present = new Set(readdirSync(folder));
  const differing = [...made].filter(
    ([file, text]) => !present.delete(file) || readFileSync(new URL(file, folder), 'utf8') !== text,
  );
  const names = [...differing.map(([file]) => file), ...present];
  if (names.length > 0) {
    console.error(`The public declarations have changed: ${names.join(', ')}.`);
    console.error('Run "npm run api" and commit the folder api if the change is intended.');
    process.exitCode = 1;
  }
} else {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [file, text] of made) writeFileSync(new URL(file, folder), text);
}
