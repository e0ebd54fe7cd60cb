import { transaction } from '../../src/db/pool.ts';
import { type Scope, readScope } from '../../src/watch/scope/scope.ts';
import { freshDatabase } from '../support/database.ts';

/** A few tables, and what the derivation makes of queries over them. */
export async function library(): Promise<(sql: string, key?: readonly string[]) => Promise<Scope>> {
  const db = await freshDatabase();
  await db.sql(`
    create table cust (id bigint primary key, name text, limit_ numeric);
    create table acct (id bigint primary key, cust_id bigint, bal numeric);
    create table entry (id bigint primary key, acct_id bigint, amt numeric, at timestamptz);
    create table hold (id bigint primary key, acct_id bigint not null, amt numeric, at timestamptz);
    create table line (acct_id int, n int, amt numeric, primary key (acct_id, n));
    create table old (id bigint primary key, acct_id bigint) partition by hash (id);
    create table old_0 partition of old for values with (modulus 1, remainder 0);
    create table base (id bigint primary key);
    create table heir (extra int) inherits (base);
    create view totals as select e.acct_id as id, sum(e.amt) as total from entry e group by e.acct_id;
    create view hidden as select a.id from acct a where a.bal > any (array(select h.amt from hold h)) group by a.id, (select 1 from cust);
    create view today as select e.acct_id as id from entry e where e.at > now();
    create materialized view cold as select acct_id as id from entry;
    create function many(bigint) returns bigint stable language sql as 'select count(*) from hold where acct_id = $1';`);

  return (sql, key = ['id']) =>
    transaction(db.pool, { statement: 10_000, schemas: ['public'] }, async tx => {
      const { fields } = await tx.query(`select * from (${sql}) w limit 0`);
      const family = (name: string) => fields.find(field => field.name === name)?.dataTypeID;
      return readScope(
        tx,
        sql,
        key.map(name => ({ name, family: family(name) })),
      );
    });
}

/** `table: key columns [through look-ups]`, or `table! why not`. */
export const told = (scope: Scope): string[] => [
  ...scope.paths.map(({ relation, key, through }) =>
    [
      `${relation.name}:`,
      ...key.map(one => one.replaceAll('"', '')),
      ...through.map(one => `via ${one.relation.name}`),
    ].join(' '),
  ),
  ...scope.blind.map(({ table, why }) => `${table.replace(/^public\./, '')}! ${why}`),
];
