import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { askKeys, keyId } from '../../src/ask/ask.ts';
import type { Bound } from '../../src/ask/bind.ts';
import { type Tx, createPool } from '../../src/db/pool.ts';
import { undo } from '../../src/journal/undo.ts';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { agree } from './agree.ts';
import { type Case, rolledBack, setUp } from './case.ts';
import { follow } from './follow.ts';
import { type Table, domains } from './tables.ts';
import { Tape } from './tape.ts';

/** Counterexamples that random cases, or reading, have found; each failed once. */

const db = await freshDatabase();
beforeAll(() => db.sql(`create schema p; set search_path = p; ${domains}`));

const known = (ddl: string, key: string[], form: Case['form'], sql: string): Case => ({
  world: { tables: tablesOf(ddl), ddl, types: { k: 'int', x: 'int', v: 'int', e: 'text' } },
  ddl,
  form,
  key,
  where: undefined,
  sql,
  // Ranges are cut at every key.
  tape: new Tape(Array<number>(100).fill(99)),
});

/** `create table name (column type …, …)`, as written below. */
const tablesOf = (ddl: string): Table[] =>
  [...ddl.matchAll(/create table (\w+) \((.*?)\);/g)].map(([, name = '', list = '']) => ({
    name,
    columns: list
      .split(', ')
      .filter(part => /^(?!primary)\w+ [a-z]/.test(part))
      .map(part => ({ name: part.split(' ')[0] as string, group: 'k', type: 'int', notNull: false })),
    key: [],
    ddl,
  }));

const bound = async <T>(one: Case, work: (...args: [Tx, Bound]) => Promise<T>): Promise<T> =>
  rolledBack(db.pool, async tx => {
    const it = await setUp(tx, one);
    if (it === 'refused') throw new Error('the case is wrong');
    return work(tx, it);
  });

describe('every form agrees', () => {
  const same = (...args: Parameters<typeof known>) =>
    bound(known(...args), (tx, it) => agree(tx, it, known(...args)));

  test('where the key has to be rounded first', async () => {
    expect(
      await same(
        `create table t0 (k int primary key, v int); create table t1 (k numeric, v int); insert into t1 values (1, 1), (2.5, 1);`,
        ['k'],
        'broken',
        'select k, v from t1',
      ),
    ).toBe(true);
  });
  test('where the key has to be cut to its scale', async () => {
    expect(
      await same(
        `create table t0 (k numeric(4,1) primary key, v int); create table t1 (k numeric, v int); insert into t1 values (1.06, 1); insert into t0 values (1.1, 2);`,
        ['k'],
        'should',
        'select k, v from t1',
      ),
    ).toBe(true);
  });
  test('where the key is a text of digits', async () => {
    expect(
      await same(
        `create table t0 (k int primary key, v int); create table t1 (k text, v int); insert into t1 values ('1', 1), ('02', 1); insert into t0 values (2, 2);`,
        ['k'],
        'should',
        'select k, v from t1',
      ),
    ).toBe(true);
  });
  test('where the domain of the key would refuse a value', async () => {
    expect(
      await same(
        `create table t0 (k posint primary key, v int); create table t1 (k int, v int); insert into t1 values (-1, 1), (1, 1);`,
        ['k'],
        'should',
        'select k, v from t1',
      ),
    ).toBe(true);
  });
  test('where a NULL stands where a range would end', async () => {
    expect(
      await same(
        `create table t0 (k int, x int); insert into t0 values (1, 1), (3, null), (3, 1);`,
        ['k', 'x'],
        'broken',
        'select k, x from t0',
      ),
    ).toBe(true);
  });
});

test('a key that is asked twice in other words is asked once', () =>
  bound(
    known(
      'create table t0 (k numeric primary key, v int); insert into t0 values (1.0, 1), (2, 1);',
      ['k'],
      'should',
      'select k, 2 as v from t0',
    ),
    async (tx, it) => {
      for (const costs of [{ lateral: 0 }, { any: 0 }]) {
        const found = await askKeys(tx, { ...it, costs: { ...it.costs, ...costs } }, [
          ['1'],
          ['1.0'],
          ['1.00'],
        ]);
        expect([...found.keys()]).toEqual([keyId(['1.0'])]);
      }
    },
  ));

describe('every touched key is derived, or none', () => {
  /** The keys whose answer has changed; all of them were derived. */
  const followed = (args: Parameters<typeof known>, deed: string) => {
    const one = known(...args);
    return bound(one, async (tx, it) => {
      const outcome = await follow(tx, it, one, async () => {
        await tx.query(deed);
        return deed;
      });
      return typeof outcome === 'string' ? outcome : outcome.changed;
    });
  };

  test('where both tables that hold parts of the key change at once', async () => {
    expect(
      await followed(
        [
          `create table t0 (k int, x int, primary key (k, x)); create table t1 (a int, k int); create table t2 (a int, x int);
         insert into t1 values (1, 1); insert into t2 values (1, 5);`,
          ['k', 'x'],
          'broken',
          'select t1.k, t2.x from t1 join t2 on t1.a = t2.a',
        ],
        'update t1 set k = 2; update t2 set x = 6',
      ),
    ).toEqual('blind');
  });
  test('where the key is NULL', async () => {
    expect(
      await followed(
        ['create table t0 (k int); create table t1 (k int);', ['k'], 'broken', 'select k from t1 group by k'],
        'insert into t1 values (null), (1)',
      ),
    ).toEqual([[null], ['1']]);
  });
  test('where an outer join fills the key', async () => {
    expect(
      await followed(
        [
          'create table t0 (k int, x int); create table t1 (k int, x int); insert into t0 values (1, 1);',
          ['k', 'x'],
          'broken',
          'select t0.k, t1.x from t0 left join t1 on t1.k = t0.k',
        ],
        'insert into t1 values (1, 5)',
      ),
    ).toEqual('blind');
  });
  test('where a function gives a name that a table outside has too', async () => {
    expect(
      await followed(
        [
          'create table t0 (k int, v int); create table t1 (k int); insert into t0 values (1, 7), (2, 8);',
          ['k'],
          'broken',
          'select t0.k from t0 where exists (select from t1, unnest(array[5]) as v where t1.k = v)',
        ],
        'insert into t1 values (5)',
      ),
    ).toEqual('blind');
  });
  test('where a numeric column is set equal to an integer one', async () => {
    expect(
      await followed(
        [
          'create table t0 (k bigint primary key); create table t1 (k numeric); insert into t0 values (1);',
          ['k'],
          'broken',
          'select t1.k from t1 join t0 on t0.k = t1.k',
        ],
        'insert into t1 values (1.00)',
      ),
    ).toEqual('blind');
  });
  test('where arms of different types print a value differently', async () => {
    expect(
      await followed(
        [
          'create table t0 (k text primary key); create table t1 (k char(3)); create table t2 (k text);',
          ['k'],
          'broken',
          'select k from t1 union all select k from t2',
        ],
        `insert into t1 values ('a')`,
      ),
    ).toBe('blind');
  });
  test('where LIMIT lets another key in', async () => {
    expect(
      await followed(
        [
          'create table t0 (k int); create table t1 (k int); insert into t1 values (1), (2);',
          ['k'],
          'broken',
          'select k from t1 order by k limit 1',
        ],
        'delete from t1 where k = 1',
      ),
    ).toEqual('blind');
  });
});

describe('undo restores every column', () => {
  const purge = `-- evenkeel: broken
-- says: Nobody is gone
-- on: p
-- heal: remove
-- mode: heal
-- grace: 0s
-- touches: c
select id from p where gone`;
  const schema = `
    create table p (id int primary key, n int, gone boolean);
    create table c (id int primary key, p_id int references p on delete set null);
    create function counting() returns trigger language plpgsql as $$ begin
      update p set n = n - 1 where id = old.p_id;
      update p set n = n + 1 where id = new.p_id; return null; end $$;
    create trigger counting after update on c for each row execute function counting();
    insert into p values (1, 2, true); insert into c values (1, 1), (2, 1);`;

  const undone = async (path: string) => {
    const own = await freshDatabase();
    await own.sql(`create schema shop; alter database "${own.name}" set search_path = ${path}`);
    const keel = keelOn({ url: own.url }, { purge });
    const pool = createPool(own.url, 2);
    onTestFinished(() => pool.end());
    await pool.query(schema);
    await keel.once();
    const { rows } = await pool.query('select count(*)::int as left from p');
    expect(rows).toEqual([{ left: 0 }]);
    const report = await undo(pool, { invariant: 'purge', since: new Date(0), dryRun: false }, 'somebody');
    const restored = await pool.query(
      'select p.n, p.gone, c.id from p left join c on c.p_id = p.id order by c.id',
    );
    return { refused: report.refused, rows: restored.rows };
  };
  const whole = { refused: [], rows: [1, 2].map(id => ({ n: 2, gone: true, id })) };

  test('where a trigger writes a restored row, as its children come back', async () => {
    expect(await undone('public')).toEqual(whole);
  });
  test('where triggers find their tables by the search_path of the database', async () => {
    expect(await undone('shop, public')).toEqual(whole);
  });
});
