import { governed, keyColumns } from '../ask/named.ts';
import { type Tx, ask, quote } from '../db/pool.ts';
import { from } from '../declare/from.ts';
import type { Invariant } from '../declare/invariant.ts';
import { limit } from '../declare/limit.ts';

/** What stands in for another system: the rows as they are now. */
export interface Truth {
  readonly key: readonly string[];
  readonly rows: readonly Readonly<Record<string, string | null>>[];
}

/** The columns that the other system decides: those that are set, or all. */
export async function columnsOf(
  tx: Tx,
  invariant: Invariant,
): Promise<{ oid: string; quoted: string; key: string[]; columns: string[] }> {
  const table = await governed(tx, invariant);
  const key = keyColumns(invariant, table).map(({ name }) => name);
  const named = invariant.heal.flatMap(remedy =>
    remedy.do === 'set' && remedy.columns !== 'all' ? remedy.columns : [],
  );
  const all = table.columns.filter(({ generated }) => !generated).map(({ name }) => name);
  const columns = [...new Set([...key, ...(named.length > 0 ? named : all)])];
  return { oid: table.oid, quoted: table.quoted, key, columns };
}

export async function readTruth(tx: Tx, invariant: Invariant): Promise<Truth> {
  const { quoted, key, columns } = await columnsOf(tx, invariant);
  const rows = await ask(
    tx,
    `select ${columns.map(name => `${quote(name)}::text`).join(', ')} from ${quoted}`,
  );
  return { key, rows: rows.map(row => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null]))) };
}

/** The invariant with the truth in place of the other system, which is never asked. */
export function standIn(invariant: Invariant, { key, rows }: Truth): Invariant {
  const id = (row: Readonly<Record<string, unknown>>) => JSON.stringify(key.map(name => row[name]));
  const byKey = new Map(rows.map(row => [id(row), row]));
  const source = from(limit('drill', { rate: '10000/s' }), {
    get: keys => keys.map(one => byKey.get(id(one))).filter(row => row !== undefined),
    list: () => ({ rows }),
  });
  return { ...invariant, source };
}
