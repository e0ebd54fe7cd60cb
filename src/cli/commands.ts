import type { Config } from '../config.ts';
import type { Invariant } from '../declare/invariant.ts';
import type { Log } from '../log.ts';
import type { FlagName, Given } from './flags.ts';
import type { Out } from './out.ts';
import type { Shown } from './values.ts';

/** A command as it was called. */
export interface Call {
  readonly given: Given;
  readonly args: readonly string[];
  readonly config: Config;
  readonly out: Out;
  readonly shown: Shown;
  readonly openWeb: OpenWeb;
}

/** Serves the dashboard until it is stopped. @throws no-token */
export type OpenWeb = (options: {
  readonly config: Config;
  readonly url: string;
  readonly invariants: readonly Invariant[];
  readonly log: Log;
}) => Promise<{ stop(): Promise<void> }>;

/** What a command's file exports as `run`: gives the exit code. 0 fine, 1 found or failed; 2, wrong use, is thrown. */
export type Run = (call: Call) => Promise<0 | 1>;

export interface Command {
  /** One line, for the list of commands. */
  readonly says: string;
  /** Paragraphs below it, for --help and docs. */
  readonly more: readonly string[];
  /** `<name>` one, `[name]` at most one, `<name…>` at least one, `[name…]` any number. */
  readonly args?: string;
  readonly flags: readonly FlagName[];
  /** What exit codes 0 and 1 mean. */
  readonly exits: string;
  readonly load: () => Promise<{ run: Run }>;
}

/** Every command has these. */
export const common = ['json', 'help'] as const satisfies readonly FlagName[];

export const commands: Readonly<Record<string, Command>> = {
  try: {
    says: 'say what is wrong and what would be written; only reads',
    more: [
      'One READ ONLY transaction: it needs nothing but SELECT, creates nothing, and works on a standby. ' +
        'Each invariant with its count, five rows, and what would be written, before → after.',
      'Without a file it asks all invariants of the folder. In an empty or missing folder it writes a commented ' +
        'starter, made from a table of yours where one suits.',
    ],
    args: '[file]',
    flags: ['invariants', 'timeout'],
    exits: '0: nothing is wrong. 1: something is, or an invariant could not be asked.',
    load: () => import('./try.ts'),
  },
  up: {
    says: 'install the schema, sweep, find and heal, until it is stopped',
    more: [
      'Start it on more machines and they share the work: one of them sweeps, all heal. A database that is down is ' +
        'waited for. What `check` has an error for stays in observe.',
      'SIGTERM or Ctrl-C ends the heal under way and then the process; a second one ends it at once.',
    ],
    flags: ['invariants', 'once'],
    exits:
      '0: stopped as told. With --once: 0 where nothing is left open or parked, 1 where something is, or failed.',
    load: () => import('./up.ts'),
  },
  explain: {
    says: 'how an invariant is watched, and what asking it costs',
    more: [
      'Each table that it reads, with the way from a changed row to the key; the old values that this needs, and whether ' +
        'triggers and a slot tell them; how one key is asked again, what that costs, and how long it took for a key of the ' +
        'table, or for the one that is given. What can only be swept is named, with the reason.',
      'One READ ONLY transaction, like `try`: it needs nothing but SELECT.',
    ],
    args: '<invariant | invariant/key>',
    flags: ['invariants', 'timeout', 'verbose'],
    exits: '0: it was explained, whatever is said.',
    load: () => import('./explain.ts'),
  },
  check: {
    says: 'prove what invariants can and cannot find; only reads',
    more: [
      'Asks Postgres, from the constraints of the tables and without looking at their rows, which conditions can never be ' +
        'met, are always met, compare with a value that cannot be, or pass over NULL. What is proved is said with the ' +
        'constraint, what is possible with a row, and what could not be decided with what stood in the way.',
      'All heals are looked at together: those that the schema refuses, that mend nothing, undo each other, break another ' +
        'invariant, or whose order matters; and what they write, against the rights of this role.',
      'With --schema it needs no database: the file is loaded into an embedded Postgres, which is removed afterwards.',
      'A line `-- evenkeel: ignore EK201 reason` in the SQL silences a rule. docs/check.md tells more.',
    ],
    args: '[invariant…]',
    flags: ['schema', 'invariants', 'timeout', 'strict'],
    exits: '0: no errors. 1: there are some, or with --strict warnings, or an invariant could not be asked.',
    load: () => import('./check.ts'),
  },
  types: {
    says: 'write TypeScript types in which constraints close columns',
    more: [
      'An interface for each table and view, as Kysely wants them. A column whose CHECK, enum or domain leaves it a few ' +
        'values is their union, where that is proved; the constraint is named beside it. What is not validated, or ' +
        'could not be proved, stays open and is said.',
      'Then tsc and linters find what can never happen in your own code. docs/types.md shows what they find.',
    ],
    flags: ['schema', 'out'],
    exits: '0: it is written.',
    load: () => import('./types.ts'),
  },
  drill: {
    says: 'prove on a scratch database that breaks are found and healed',
    more: [
      'Fills the schema with small valid data in an embedded Postgres, breaks each invariant in several ways as an application ' +
        'might, and lets the engine run: is it found by capture, and by a sweep; healed; silent afterwards; undone to the same text? ' +
        'Every invariant with a remedy heals there, whatever its mode. Upstreams, programs and workers are never called.',
      'Then the query itself: small mistakes are made in it, and those that no row of the drill tells apart are shown, with rows at ' +
        'the boundary. No live database is written. docs/drill.md tells more.',
    ],
    args: '[invariant…]',
    flags: ['schema', 'like', 'invariants'],
    exits: '0: all that is to be healed was. 1: something was not, or an invariant could not be asked.',
    load: () => import('./drill.ts'),
  },
  status: {
    says: 'how each invariant stands, and how sure that is',
    more: [
      'What is open, parked or held, what was healed within the hour, how far the sweep is, and who is alive.',
    ],
    args: '[name]',
    flags: ['limits'],
    exits: '0: all is well. 1: violations are open or parked, or an invariant is held or failed.',
    load: () => import('./status.ts'),
  },
  violations: {
    says: 'what is wrong now, newest first',
    more: ['The numbers in front are what `approve` takes.'],
    flags: ['invariant', 'limit', 'before'],
    exits: '0: nothing is listed. 1: something is.',
    load: () => import('./violations.ts'),
  },
  journal: {
    says: 'what was written, why, and by whose decision, newest first',
    more: ['The numbers in front are what `undo` takes.'],
    flags: ['invariant', 'table', 'key', 'since', 'limit', 'before'],
    exits: '0: read, whether there are entries or not.',
    load: () => import('./journal.ts'),
  },
  undo: {
    says: 'restore what heals wrote, where it still stands',
    more: [
      'By the numbers that `journal` prints, or all of an invariant since a time. What was changed since is refused, ' +
        'row by row, and said. A subject that was undone is left alone until what was restored changes, or until ' +
        '`evenkeel resume`.',
    ],
    args: '[entry…]',
    flags: ['invariant', 'since', 'dry-run', 'by'],
    exits: '0: all were restored. 1: some were refused.',
    load: () => import('./undo.ts'),
  },
  approve: {
    says: 'say yes: heal these violations, whatever the mode',
    more: ['By the numbers that `violations` prints. A running `evenkeel up` heals them.'],
    args: '<violation…>',
    flags: ['by'],
    exits: '0: all were approved. 1: some were refused.',
    load: () => import('./approve.ts'),
  },
  hold: {
    says: 'let an invariant only observe, or leave one subject alone',
    more: [
      'When it returns, no heal decided against commits any more. A subject is named like `topic-posts/42` or ' +
        '`topic-posts 42`; the parts of a composite key are arguments of their own.',
    ],
    args: '<invariant | invariant/key>',
    flags: ['why', 'by'],
    exits: '0: it is held.',
    load: () => import('./hold.ts'),
  },
  resume: {
    says: 'the way back from hold, from a flood, from undo',
    more: [
      'An invariant heals again as it declares, with a fresh budget. A subject that was undone, held or parked is healed ' +
        'like any other. `resume database` says that a database which was cloned, restored or renamed is the right ' +
        'place.',
    ],
    args: '<invariant | invariant/key | database>',
    flags: ['by'],
    exits: '0: it goes on.',
    load: () => import('./resume.ts'),
  },
  install: {
    says: 'create the schema evenkeel, and triggers where asked',
    more: [
      '`evenkeel up` does so by itself where its role may. With --role, that role is also granted what the invariants ' +
        'need, and no more; with --print nothing is applied and everything is printed.',
      'With --triggers, the tables that the invariants read get statement triggers, by which changes are known where no ' +
        'replication slot can be had: one table at a time, nobody made to wait for more than a second. Run it again ' +
        'after the invariants, their columns or partitions changed.',
    ],
    flags: ['print', 'role', 'triggers', 'invariants'],
    exits: '0: it is installed, or printed.',
    load: () => import('./install.ts'),
  },
  uninstall: {
    says: 'drop the schema evenkeel, with its ledger and its journal',
    more: ['What was healed stays healed, and can no longer be undone by Evenkeel.'],
    flags: ['yes'],
    exits: '0: it is gone.',
    load: () => import('./uninstall.ts'),
  },
};
