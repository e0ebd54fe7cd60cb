import type { SettingKey } from '../config.ts';

/** One flag: read by parse.ts, printed by help.ts, listed in docs/cli.md (held to these rows by a test). */
export interface Flag {
  /** How its value is called in help; undefined: it takes none. */
  readonly value?: string;
  readonly short?: string;
  readonly says: string;
  /** It wins over this setting's environment variable. */
  readonly setting?: SettingKey;
}

export const flags = {
  invariants: { value: '<folder>', says: 'the folder with the invariants', setting: 'invariants' },
  schema: {
    value: '<file>',
    says: 'instead of DATABASE_URL: a schema in plain SQL, as `pg_dump --schema-only` writes it',
  },
  out: { value: '<file>', says: 'write it there, instead of to standard output' },
  like: { value: '<url>', says: 'a database whose schema is copied; it is only read; default: DATABASE_URL' },
  once: { says: 'one full pass over everything, heal what is due, and end' },
  timeout: { value: '<time>', says: 'the longest that one invariant may take to answer; default: 30s' },
  invariant: { value: '<name>', says: 'only of this invariant' },
  table: { value: '<table>', says: 'only of rows of this table, as `[schema.]table`' },
  key: { value: '<key>', says: 'only of this key; the parts of a composite key separated by commas' },
  since: { value: '<when>', says: 'only from then on: `15m`, `2h`, `3d`, or a date and time' },
  limit: { value: '<n>', says: 'how many at most; default: 50' },
  before: { value: '<id>', says: 'go on where the last page ended' },
  'dry-run': { says: 'say what would be done, and do nothing' },
  by: { value: '<who>', says: 'who decides, for the journal; default: the name of this account' },
  why: { value: '<text>', says: 'the reason, shown by `status`' },
  limits: {
    says: 'how the limits of upstreams stand: configured, learned, in force, used, waiting, blocked',
  },
  strict: { says: 'exit with 1 on warnings, too' },
  verbose: { says: 'the whole plan, as EXPLAIN prints it' },
  triggers: { says: 'also create the triggers of trigger capture on the tables that the invariants read' },
  print: { says: 'print the statements, and apply nothing' },
  role: { value: '<role>', says: 'the role that Evenkeel connects as, in the GRANTs that are printed' },
  yes: { says: 'do it: there is no way back' },
  json: { says: 'print JSON on standard output, of the shape that docs/cli.md shows' },
  help: { short: 'h', says: 'show what the command does' },
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof flags;

/** What was given on the command line. */
export type Given = {
  readonly [Name in FlagName]?: (typeof flags)[Name] extends { readonly value: string } ? string : boolean;
};
