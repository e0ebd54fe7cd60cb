import type { Relation } from '../../catalog/relation.ts';

/**
 * What capture and its reader say to each other. A capture tells of committed transactions in an order in which none is
 * told before one that it depends on; repeats are harmless, gaps are not: whatever can't be told row by row is told with
 * `all`. It keeps no rows: only the columns from which paths to keys start.
 */

/** A table to be watched. */
export interface Watched {
  readonly relation: Relation;
  /** The columns that paths start from, in the order of `Image`; an empty list where only `all` is of interest. */
  readonly columns: readonly string[];
  /** Columns that show which changes can't matter: told behind the others by a capture that can, where it can. */
  readonly extra: readonly string[];
  /**
   * What sums and counts would be kept from beyond `columns`, be they dear enough now or not: where triggers are made to tell it, they
   * tell every row of an update. Undefined: there are no such sums.
   */
  readonly summed?: readonly string[] | undefined;
}

/**
 * Values of `Watched.columns`, then perhaps of `Watched.extra`, as column text. Undefined: an old value that isn't told, as the
 * relation's replica identities say beforehand; where less is told of the former than they say, `all` stands for the row.
 */
export type Image = readonly (string | null | undefined)[];

export type Operation = 'insert' | 'update' | 'delete' | 'truncate';

/** The transaction that changed rows: what a violation names as its cause. */
export interface Origin {
  /** xid8, decimal; with the epoch. */
  readonly xid: string;
  /** When it committed; with triggers when it wrote. */
  readonly at: Date;
  /** Known to triggers only. */
  readonly role?: string;
  readonly application?: string;
}

/** Where capture stands: an LSN as a number with slots, a count with triggers. Only ever compared, and acknowledged. */
export type Position = bigint;

export interface Sink {
  begin(origin: Origin): void;
  /**
   * A row as it was and as it is. `old` is undefined for inserts, and for an update of which no old value is told, though
   * not all are known to be as they were; where capture knows that none changed, it gives `now` twice. All rows of an update
   * are told with an old image or none is. Which belongs to which may be a guess, and without old images they may be among the new
   * ones: nothing may rest on either.
   */
  row(
    table: Watched,
    operation: Exclude<Operation, 'truncate'>,
    old: Image | undefined,
    now: Image | undefined,
  ): void;
  /** Any row of the table may have changed: TRUNCATE, DDL, a change that can't be read. */
  all(table: Watched, why: string): void;
  /** The transaction is complete. It is acknowledged once everything up to `position` has been looked at, or is kept. */
  commit(position: Position): void;
  /** Changes were lost, or may have been: everything has to be swept. */
  gap(why: string): void;
  /** Undefined: go on; else wait before reading on (nothing that was told is lost meanwhile). */
  full(): Promise<void> | undefined;
}

export interface Capture {
  readonly kind: 'slot' | 'triggers';
  /** Begins to tell; resolves once it reads. Called once. @throws when it can't read (then `stop` is still called) */
  start(watched: readonly Watched[], sink: Sink): Promise<void>;
  /** Other tables or columns from now on: a change of definitions. */
  watch(watched: readonly Watched[]): Promise<void>;
  /** Everything up to here has been looked at or is kept: it need not be told again. Cheap; called often. */
  acknowledge(position: Position): void;
  /** Oid of each watched table of which it can't tell everything, as things are → why. */
  readonly untold: ReadonlyMap<string, string>;
  /** Rejects when reading ends by itself (connection lost, slot taken); never resolves before `stop`. */
  readonly ended: Promise<never>;
  /** Up to when every committed change was told; for freshness. Undefined: not known yet. */
  toldUntil(): Date | undefined;
  stop(): Promise<void>;
}
