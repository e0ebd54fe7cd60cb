import { type Bound, bind } from '../../src/ask/bind.ts';
import { type Tx, transaction } from '../../src/db/pool.ts';
import type { FreshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';

/** Invariants by name, as they would stand in files, bound to a test's database. */
export function bindOn(
  db: FreshDatabase,
  files: Readonly<Record<string, string>>,
): Promise<Record<string, Bound>> {
  return inTransaction(db, async tx => {
    const bounds: [string, Bound][] = [];
    for (const invariant of keelOn(db, files).invariants)
      bounds.push([invariant.name, await bind(tx, invariant, ['public'])]);
    return Object.fromEntries(bounds);
  });
}

export const inTransaction = <T>(db: FreshDatabase, work: (tx: Tx) => Promise<T>): Promise<T> =>
  transaction(db.pool, { statement: 10_000, lock: 10_000, schemas: ['public'] }, work);

/** A `broken` invariant over a table. */
export const broken = (on: string, sql: string, more = ''): string =>
  `-- evenkeel: broken\n-- says: It is so\n-- on: ${on}\n${more}${sql}`;

/** A `should` invariant over a table. */
export const should = (on: string, sql: string, more = ''): string =>
  `-- evenkeel: should\n-- says: It is so\n-- on: ${on}\n${more}${sql}`;
