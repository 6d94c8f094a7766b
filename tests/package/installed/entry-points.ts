import { readFileSync } from 'node:fs';

export const root = new URL('../../../', import.meta.url);

export const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  readonly exports: Readonly<Record<string, object>>;
  readonly files: readonly string[];
};

/** The specifiers of all entry points. */
export const entryPoints: readonly string[] = Object.keys(manifest.exports)
  .filter((subpath) => subpath !== './package.json')
  .map((subpath) => subpath.replace('.', 'breakwater'));

/** Entry points that the root does not re-export. */
const notUniversal = [
  ...['breakwater', 'breakwater/load-balancer/dns', 'breakwater/load-balancer/tcp'],
  ...['breakwater/http-server', 'breakwater/request-context', 'breakwater/simulator', 'breakwater/chaos'],
  ...['breakwater/undici', 'breakwater/testing'],
];

/** The entry points whose names the root exports too. */
export const universal = entryPoints.filter((name) => !notUniversal.includes(name));
