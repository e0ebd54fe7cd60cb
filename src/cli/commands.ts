import type { Config } from '../config.ts';
import type { FlagName, Given } from './flags.ts';
import type { Out } from './out.ts';

/** A command as it was called. */
export interface Call {
  readonly given: Given;
  readonly args: readonly string[];
  readonly config: Config;
  readonly out: Out;
}

/** What a command's file exports as `run`: gives the exit code. 0 fine, 1 found or failed; 2, wrong use, is thrown. */
export type Run = (call: Call) => Promise<0 | 1>;

export interface Command {
  /** One line, for the list of commands. */
  readonly says: string;
  /** Lines below it, for --help and docs. */
  readonly more?: readonly string[];
  /** `<name>` one, `[name]` at most one, `<name…>` at least one, `[name…]` any number. */
  readonly args?: string;
  readonly flags: readonly FlagName[];
  /** What its exit codes mean where that isn't plain. */
  readonly exits?: string;
  readonly load: () => Promise<{ run: Run }>;
}

/** Every command has these. */
export const common = ['json', 'help'] as const satisfies readonly FlagName[];

export const commands: Readonly<Record<string, Command>> = {
  up: {
    says: 'install the schema, sweep, find and heal, until it is stopped',
    more: [
      'Start it on more machines and they share the work: one of them sweeps, all heal.',
      'A database that is down is waited for. SIGTERM or Ctrl-C ends the heal under way',
      'and then the process; a second one ends it at once.',
    ],
    flags: ['invariants', 'once'],
    exits: 'With --once: 0 where nothing is left open, 1 where something is, or failed.',
    load: () => import('./up.ts'),
  },
};
