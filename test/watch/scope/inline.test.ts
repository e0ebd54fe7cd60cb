import { expect, test } from 'vitest';
import { inline } from '../../../src/watch/scope/inline.ts';
import { parseSelect } from '../../../src/watch/scope/parse.ts';
import { form } from '../../../src/ask/cost.ts';
import { freshDatabase } from '../../support/database.ts';
import { bindOn, broken } from '../binding.ts';

const inlined = (sql: string): string => inline(sql, parseSelect(sql));

test.each([
  ['select 1', 'select 1'],
  [
    'with é as (select 1), "as"("as", b) /* as */ AS\n(select 2, 3) select * from é, "as"',
    'with é as not materialized (select 1), "as"("as", b) /* as */ AS not materialized\n(select 2, 3) select * from é, "as"',
  ],
  ['with a as materialized (select 1) select * from a', undefined],
  ['with a as not materialized (select 1) select * from a', undefined],
  [
    'select (with a as (with b as (select 1) select * from b) select * from a)',
    'select (with a as not materialized (with b as not materialized (select 1) select * from b) select * from a)',
  ],
  [
    'with recursive r(n) as (select 1 union select n + 1 from r where n < 3) select * from r',
    'with recursive r(n) as not materialized (select 1 union select n + 1 from r where n < 3) select * from r',
  ],
])('%s', async (sql, expected = sql) => {
  expect(inlined(sql)).toBe(expected);
  const db = await freshDatabase();
  expect(await db.sql(inlined(sql))).toEqual(await db.sql(sql));
});

test('a key gets into a CTE that is used twice', async () => {
  const db = await freshDatabase();
  await db.sql(`create table acct (id int primary key, bal numeric);
    create table entry (id int primary key, acct_id int, amt numeric);
    insert into acct select g, g from generate_series(1, 60000) g;
    insert into entry select g, g % 60000 + 1, g from generate_series(1, 180000) g;
    create index on entry (acct_id); analyze`);
  const twice = (how: string) =>
    broken(
      'acct',
      `with s as ${how} (select acct_id, sum(amt) t from entry group by 1)
       select a.id from acct a join s on s.acct_id = a.id where a.bal > s.t and not exists (select from s b where b.acct_id = a.id and b.t > 9)`,
    );
  const { plain, kept } = await bindOn(db, { plain: twice(''), kept: twice('materialized') });
  expect(form(plain!.costs)).toBe('lateral');
  expect(plain!.costs.lateral).toBeLessThan(kept!.costs.lateral / 100);
});
