/** Deletes the globals named by the arguments and prints how the calls reject that need them. */
const { Response } = globalThis; // before anything is gone that Node needs to load it

for (const name of process.argv.slice(2)) delete (globalThis as unknown as Record<string, unknown>)[name];

const b = await import('breakwater');
const calls: Readonly<Record<string, () => unknown>> = {
  'a global fetch': () => b.resilientFetch()('http://a.test/'),
  'a fetch': () => b.resilientFetch({ fetch: async (_url: string) => new Response('x') })('http://a.test/'),
  signal: () => b.timeout('1s').execute(({ signal }) => signal.aborted),
  'a key in UTF-8': async () => new b.HashRing(['a']).get('é'),
};
for (const [name, call] of Object.entries(calls)) {
  const promise = call() as Promise<unknown>; // a call that throws here ends this program
  await promise.catch((error: Error) => console.log(`${name}: ${error.name}: ${error.message}`));
}
