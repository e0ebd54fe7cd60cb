import { invariant, remove, sql, type Invariant, type Sql } from 'evenkeel';

/** Of rows that say the same, the oldest stays. */
function once(table: string, from: Sql, second: Sql): Invariant {
  return invariant(`${table}-once`, {
    says: `Of several ${table} that say the same, the oldest one stays`,
    on: table,
    broken: sql`
      select d.id, d.account_id, d.${second}
        from ${from} d
       where exists (select from ${from} o
                      where o.account_id = d.account_id and o.${second} = d.${second} and o.id < d.id)`,
    heal: remove(),
    mode: 'heal',
    guard: '1000/hour',
  });
}

export default [
  once('follows', sql`follows`, sql`target_account_id`),
  once('favourites', sql`favourites`, sql`status_id`),
  once('bookmarks', sql`bookmarks`, sql`status_id`),
  once('mentions', sql`mentions`, sql`status_id`),
];
