import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { RunSettings } from './run.js';
import { type Scenario, scenarios } from './scenario.js';

/** The parsed command line. */
export interface Arguments extends RunSettings {
  readonly json: boolean;
  /** The path of the HTML report; undefined for no report. */
  readonly report: string | undefined;
}

interface Parsed {
  readonly seconds: number;
  readonly rps: number;
  readonly scenario: string;
  readonly seed: number;
  readonly json?: true;
  readonly report?: string;
}

const command = new Command('npm start --')
  .description(
    'Sends the same traffic to the same failing server twice, once with plain fetch and once with resilientFetch, ' +
      'and compares the results. Each side has its own server process, on loopback.',
  )
  .option('--seconds <number>', 'length of the whole run, 2 to 600', number({ min: 2, max: 600 }), 30)
  .option('--rps <number>', 'requests per second to each side, 1 to 200', number({ min: 1, max: 200 }), 60)
  .addOption(
    new Option('--scenario <name>', 'what happens to the server').choices([...scenarios.keys()]).default('outage'),
  )
  .option('--seed <number>', "seed of the servers' randomness", number({ min: 0, max: 2 ** 32 - 1, integer: true }), 1)
  .option('--report <file>', 'path of the HTML report (default: reports/<scenario>.html; none with --json)')
  .option('--json', 'print one JSON object on standard output and nothing else')
  .addHelpText('after', () => {
    const list = [...scenarios.values()].map((scenario: Scenario) => `  ${scenario.name.padEnd(9)} ${scenario.story}`);
    return [
      '',
      'Scenarios:',
      ...list,
      '',
      'npm prints two lines of its own first; to print only the JSON, run: npm start --silent -- --json',
      'Ctrl-C ends the run, prints the figures so far and exits with code 130.',
    ].join('\n');
  })
  .exitOverride();

/**
 * Parses the command line. Returns the exit code instead if the program must end: 0 after --help, 2 after an invalid
 * argument. The help or the error has been printed by then.
 */
export function parseArguments(argv: readonly string[]): Arguments | { readonly exitCode: number } {
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? 0 : 2 };
    throw error;
  }
  const { scenario, json = false, report, ...numbers } = command.opts<Parsed>();
  return {
    ...numbers,
    scenario: scenarios.get(scenario)!,
    json,
    report: report ?? (json ? undefined : `reports/${scenario}.html`),
  };
}

function number({ min, max, integer = false }: { min: number; max: number; integer?: boolean }) {
  return (text: string): number => {
    const value = Number(text);
    const valid = text.trim() !== '' && value >= min && value <= max && (!integer || Number.isInteger(value));
    if (!valid)
      throw new InvalidArgumentError(`It must be ${integer ? 'an integer' : 'a number'} from ${min} to ${max}.`);
    return value;
  };
}
