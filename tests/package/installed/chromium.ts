import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

/** The commands by which systems know Chromium. */
const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome'];

/** Returns the command that starts Chromium. Rejects with the name of the missing system package. */
export async function chromiumCommand(): Promise<string> {
  for (const command of COMMANDS) {
    const isThere = await promisify(execFile)(command, ['--version']).then(
      () => true,
      () => false,
    );
    if (isThere) return command;
  }
  throw new Error('Chromium is missing: install the system package "chromium"');
}

/** Opens a page in a headless Chromium with a profile of its own. */
export function startChromium(command: string, profile: string, url: string): { close(): Promise<void> } {
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', `--user-data-dir=${profile}`];
  const child = spawn(command, [...flags, url], { stdio: 'ignore' });
  return {
    close: async () => {
      child.kill();
      await once(child, 'close');
    },
  };
}
