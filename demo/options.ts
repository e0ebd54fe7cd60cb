import { parseArgs } from 'node:util';

export interface Options {
  /** Faults are injected for so long; undefined: until somebody ends the show. */
  readonly seconds: number | undefined;
  /** One line of JSON at the end, and everything else on stderr. */
  readonly json: boolean;
}

export const usage = `Two identical shops under the same traffic, and a gremlin that breaks both. Evenkeel watches one.

  npm start                              until Ctrl-C
  npm start -- --seconds 30              for half a minute, then the verdict
  npm start -- --seconds 30 --json       the same for machines, without the acts: one JSON line, last

Exits 0 only if at least ten faults of each kind were healed and verified, nothing is open ten seconds
after the last fault, and nothing was healed that wasn't broken.
`;

/** @returns what to do, 'help', or what is wrong with the arguments */
export function readOptions(args: string[]): Options | 'help' | Error {
  try {
    const { values } = parseArgs({
      args,
      options: {
        seconds: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) return 'help';
    const seconds = values.seconds ?? (values.json ? '30' : undefined);
    if (seconds !== undefined && !(/^\d{1,6}$/.test(seconds) && Number(seconds) > 0)) {
      return new Error(`--seconds ${seconds}: expected a whole number from 1 to 999999`);
    }
    return { seconds: seconds === undefined ? undefined : Number(seconds), json: values.json ?? false };
  } catch (error) {
    return error as Error;
  }
}
