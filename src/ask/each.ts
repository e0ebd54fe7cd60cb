import { type Tx, isDown, quote } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import { type Bound, bind, searchPath } from './bind.ts';
import { translate } from '../db/translate.ts';

/** The schemas that unqualified names mean for this role, pinned for the rest of this transaction. */
export async function pinSchemas(tx: Tx): Promise<string[]> {
  await tx.query('set local search_path to default');
  const schemas = await searchPath(tx);
  // A temporary table must not stand in for a real one.
  await tx.query(`set local search_path to ${[...schemas, 'pg_temp'].map(quote).join(', ')}`);
  return schemas;
}

/**
 * One after the other behind a savepoint each, so that one that fails stops none of the others.
 * @param begin hears of each first
 * @param act what to do with each that could be bound
 */
export async function eachBound<T>(
  tx: Tx,
  invariants: readonly Invariant[],
  begin: (invariant: Invariant) => void,
  act: (bound: Bound) => Promise<T>,
  failed: (invariant: Invariant, error: EvenkeelError) => T,
): Promise<T[]> {
  const schemas = await pinSchemas(tx);
  const made: T[] = [];
  for (const invariant of invariants) {
    begin(invariant);
    await tx.query('savepoint one');
    try {
      made.push(await act(await bind(tx, invariant, schemas)));
      await tx.query('release savepoint one');
    } catch (caught) {
      const error = isDown(caught) ? caught : translate(caught, undefined);
      if (!(error instanceof EvenkeelError)) throw caught;
      await tx.query('rollback to savepoint one');
      made.push(failed(invariant, error));
    }
  }
  return made;
}
