import type { Relation } from '../catalog/relation.ts';
import type { Tx } from '../db/pool.ts';
import type { Key, Values, Violation } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import type { Draft } from '../journal/record.ts';
import type { Write } from './plan.ts';

/** What the steps of one heal transaction share. */
export interface Healing {
  readonly tx: Tx;
  /** Every invariant that this process knows, the one that is healed included. */
  readonly all: readonly Bound[];
  /** Runs reads on a connection that doesn't see this transaction's writes. */
  readonly outside: <T>(read: (tx: Tx) => Promise<T>) => Promise<T>;
  /** Rows that somebody holds are waited for, as long as `lock_timeout` allows, while nothing else is held; else they are skipped. */
  readonly patient: boolean;
  /** Passes between two steps while there is time left. @throws Slow */
  readonly hurry: () => Promise<void>;
  /** Entries so far; cut back when a savepoint is. */
  entries: Draft[];
}

/** Which violations of one invariant are to be healed, and on whose word. */
export interface Order {
  readonly bound: Bound;
  readonly keys: readonly Key[];
  /** Whether the violation is the one that was believed; absent: any is. */
  readonly believed?: (violation: Violation) => boolean;
  /** What an upstream answered, in place of what the invariant wants. */
  readonly answered?: {
    readonly wanted: (key: Key) => Values | undefined;
    /** Rows as they were when it was asked, by keyId: `versionsOf`. */
    readonly versions: ReadonlyMap<string, string>;
  };
  /** Tried before: rows of children that slip in past the weaker lock shall not spoil it again. */
  readonly insist?: boolean;
  readonly because?: string;
  readonly decidedBy: (key: Key) => string;
  readonly openedAt: (key: Key) => string | null;
  readonly cause: (key: Key) => string | null;
  readonly depth: number;
}

/** A violation that was seen under its row's lock, and what is to be written. */
export interface Task {
  readonly violation: Violation;
  readonly writes: readonly Write[];
}

/** Rows that we wrote ourselves, by table. */
export class Counts extends Map<string, number> {
  add(table: Relation, rows: number): void {
    this.set(table.oid, (this.get(table.oid) ?? 0) + rows);
  }
}

/** Rows that the entries of one invariant tell of: what its guard counts. */
export function rowsOf(entries: readonly Draft[], invariant: string): number {
  let rows = 0;
  for (const one of entries) {
    if (one.invariant !== invariant) continue;
    // An effect without a key stands for rows that nobody saw.
    rows += one.action === 'effect' && one.key.length === 0 ? Number(one.after?.['rows']) : 1;
  }
  return rows;
}

/** An entry of this heal. Written out, so that the many entries of a batch all have one shape. */
export const entryOf = (
  order: Order,
  subject: Key,
  row: Pick<Draft, 'action' | 'table' | 'key' | 'keyColumns' | 'before' | 'after'>,
): Draft => ({
  invariant: order.bound.name,
  hash: order.bound.hash,
  action: row.action,
  table: row.table,
  key: row.key,
  keyColumns: row.keyColumns,
  before: row.before,
  after: row.after,
  subject,
  openedAt: order.openedAt(subject),
  cause: order.cause(subject),
  decidedBy: order.decidedBy(subject),
  becauseOf: order.because,
  unchecked: undefined,
});
