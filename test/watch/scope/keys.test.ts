import { beforeAll, describe, expect, test } from 'vitest';
import type { Bound } from '../../../src/ask/bind.ts';
import type { Path } from '../../../src/watch/scope/derive.ts';
import { compile, lookUp } from '../../../src/watch/scope/keys.ts';
import { type FreshDatabase, freshDatabase } from '../../support/database.ts';
import { bindOn, broken, inTransaction } from '../binding.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.sql(`
    create table cust (id int primary key, b int);
    create table acct (id int primary key, cust_id bigint);
    create table entry (id int primary key, acct_id bigint, amt numeric);
    create table typed (id int primary key, a boolean, b inet, c char(5), d text, e numeric, f uuid, g date, h inet);
    insert into acct values (1, 10), (2, 20), (3, null), (4, 9999999999);`);
});

const pathsOf = (bound: Bound, table: string): Path[] =>
  bound.scope.paths.filter(({ relation }) => relation.name === table);

describe('a row that holds the key', () => {
  const entries = async () => {
    const { one } = await bindOn(db, {
      one: broken('acct', 'select acct_id as id from entry group by 1 having sum(amt) < 0'),
    });
    return pathsOf(one!, 'entry')[0]!;
  };
  test('wherever its columns stand in the image', async () => {
    const path = await entries();
    expect(compile(path, ['acct_id'])(['7'])).toEqual(['7']);
    expect(compile(path, ['id', 'amt', 'acct_id'])(['1', '2', '7'])).toEqual(['7']);
    expect(() => compile(path, ['id'])).toThrow('acct_id');
  });
  test('but not one that no key can be', async () => {
    const keyOf = compile(await entries(), ['acct_id']);
    expect(['2147483647', '2147483648', '-2147483648', '-2147483649'].map(one => keyOf([one]))).toEqual([
      ['2147483647'],
      undefined,
      ['-2147483648'],
      undefined,
    ]);
  });
  test('and none where it is NULL, unless NULL is a key', async () => {
    const { joined, itself } = await bindOn(db, {
      joined: broken('acct', 'select a.id from acct a join entry e on e.acct_id = a.id'),
      itself: broken('entry', 'select acct_id from entry where amt < 0', '-- key: acct_id\n'),
    });
    expect(compile(pathsOf(joined!, 'entry')[0]!, ['acct_id'])([null])).toBeUndefined();
    expect(compile(pathsOf(itself!, 'entry')[0]!, ['acct_id'])([null])).toEqual([null]);
  });
  test('in parts', async () => {
    const { one } = await bindOn(db, {
      one: broken('entry', 'select acct_id, id from entry where amt < 0', '-- key: acct_id, id\n'),
    });
    const keyOf = compile(pathsOf(one!, 'entry')[0]!, ['id', 'acct_id']);
    expect(keyOf(['1', '5'])).toEqual(['5', '1']);
    expect(keyOf(['1', null])).toEqual([null, '1']);
  });
});

test('a value as replication prints it gives the key as it is found and kept', async () => {
  const values = `true, '10.0.0.1', 'ab', 'x ', 1.50, '0000000a-0000-0000-0000-00000000000A', '2026-01-02', '::1/64'`;
  await db.sql(`insert into typed values (1, ${values})`);
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  // What array_out calls for each element is the type's own output function.
  const [row] = await db.sql(
    `select ${names.map(name => `(array[${name}])::text as ${name}_out, ${name}::text as ${name}`).join(', ')} from typed`,
  );
  for (const name of names) {
    const { one } = await bindOn(db, {
      one: broken('typed', `select ${name} from typed`, `-- key: ${name}\n`),
    });
    const printed = (row[`${name}_out`] as string).slice(1, -1).replaceAll('"', '');
    const keyOf = compile(pathsOf(one!, 'typed')[0]!, [name]);
    expect([name, keyOf([printed]), keyOf([row[name]])]).toEqual([name, [row[name]], [row[name]]]);
  }
});

test('keys behind other tables are looked up at once, each with a start that leads to it', async () => {
  const { one } = await bindOn(db, {
    one: broken(
      'cust',
      'select c.id from cust c where exists (select from acct a join entry e on e.acct_id = a.id where a.cust_id = c.id)',
    ),
  });
  const path = pathsOf(one!, 'entry')[0]!;
  expect([path.columns, path.through.map(({ relation }) => relation.name)]).toEqual([['acct_id'], ['acct']]);
  const starts = ['1', '1', '2', '3', '4', null, '77'].map(value => [value]);
  const found = await inTransaction(db, tx => lookUp(tx, path, starts));
  // Account 3 has no customer, and that of account 4 is no integer.
  expect(found.toSorted((a, b) => a.start - b.start)).toEqual([
    { key: ['10'], start: 1 },
    { key: ['20'], start: 2 },
  ]);
});
