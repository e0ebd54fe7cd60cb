/** Whatever is wrong with a definition, a table, a role or a row costs that one only, is said, and leaves nothing half-done. */
import { afterAll, expect, test } from 'vitest';
import { overview } from '../../src/find/overview.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { makeDue, stageOn } from '../support/stage.ts';
import { until } from '../support/wait.ts';

const rule = (query: string, rest = '-- on: t\n-- heal: set') => `-- evenkeel: should
-- says: A rule
${rest}
-- mode: heal
-- grace: 0s
${query}`;

/** The one that goes on. */
const good = rule('select id, 2 * a as b from u', '-- on: u\n-- heal: set');

/** `wrong` rows of t, and one of u, are wrong. */
async function tables(wrong = 1): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(`
    create table t (id int primary key, a int not null, b int not null, note text);
    create table u (id int primary key, a int not null, b int not null);
    insert into t select g, g, case when g <= ${wrong} then -1 else 2 * g end, 'note ' || g from generate_series(1, 50) g;
    insert into u values (1, 1, -1);
    create table products (id int primary key, quantity int);
    analyze`);
  return db;
}

const status = async (db: FreshDatabase, name: string) => (await overview(db.pool, name)).invariants[0]!;
const healed = async (db: FreshDatabase) => (await db.sql('select from u where b = 2 * a')).length === 1;
const entriesOf = async (db: FreshDatabase, name: string) =>
  (await db.sql('select from evenkeel.entry where invariant = $1', [name])).length;
const text = (part: string) => expect.stringContaining(part) as string;

test.each([
  ['a key column missing from the result', rule('select 2 * a as b from t'), 'the result has no column "id"'],
  [
    'repeated rows for one key',
    rule('select t.id, 2 * t.a + n as b from t, generate_series(1, 2) n'),
    'several rows for one key',
  ],
  [
    'a table that doesn’t exist',
    rule('select id, 2 * a as b from t', '-- on: prodcts\n-- heal: set'),
    'there is no table prodcts; did you mean products?',
  ],
  ['another table that doesn’t exist', rule('select id, 2 * a as b from tt'), 'relation "tt" does not exist'],
  [
    'a result column that the table hasn’t got',
    rule('select id, 0 as quantiy from products', '-- on: products\n-- heal: set'),
    'no column "quantiy"; did you mean "quantity"?',
  ],
  ['a column that the query invents', rule('select id, 2 * aa as b from t'), 'column "aa" does not exist'],
  ['a division by zero', rule('select id, a / (a - a) as b from t'), 'division by zero'],
  ['a cast that fails', rule('select id, note::int as b from t'), 'invalid input syntax for type integer'],
])('%s: said; the others go on', async (_, bad, why) => {
  const db = await tables();
  await keelOn(db, { bad, good }).once();
  const { state, why: said } = await status(db, 'bad');
  expect([state, said]).toEqual(['failed', text(why)]);
  // Never a row's value.
  expect(said).not.toContain('note 1');
  expect(await healed(db)).toBe(true);
  expect(await entriesOf(db, 'bad')).toBe(0);
  expect(await db.sql('select b from t where id = 1')).toEqual([{ b: -1 }]);
});

test('a query that never ends is set aside; the others go on', async () => {
  const db = await tables();
  await db.sql(
    'create function forever(n int) returns int language plpgsql as $$ begin loop end loop; end $$',
  );
  const bad = rule('select id, forever(a) as b from t');
  const engine = await keelOn(db, { bad, good }).engine();
  // As small as a chunk gets, so that it needn't be halved ten times.
  await db.sql(`update evenkeel.invariant set chunk_rows = 1`);
  await engine.once();
  expect(await status(db, 'bad')).toMatchObject({ state: 'failed', why: text('statement timeout') });
  expect(await healed(db)).toBe(true);
});

/** Refreshing and waiting are a matter of seconds; the test says when. */
const lookAgain = (db: FreshDatabase) =>
  db.sql('update evenkeel.invariant set next_pass_at = clock_timestamp() where failed_at is not null');

test.each([
  ['altered', 'alter table t rename column b to c', 'alter table t rename column c to b'],
  [
    'dropped',
    'alter table t rename to was_t; create table t (nothing int)',
    'drop table t; alter table was_t rename to t',
  ],
  [
    'gone',
    'create table was_t as table t; drop table t',
    'create table t (like was_t); alter table t add primary key (id); insert into t table was_t',
  ],
])('a table that is %s while it runs: held with the error, and back by itself', async (_, ruin, mend) => {
  const db = await tables(0);
  const engine = await keelOn(
    db,
    { it: rule('select id, 2 * a as b from t'), good },
    { EVENKEEL_SWEEP_PAUSE: '0s' },
  ).engine();
  engine.start();
  const isState = async (state: string) => {
    await lookAgain(db);
    return (await status(db, 'it')).state === state;
  };
  await until(() => isState('healing'), { what: 'a first pass' });
  await db.sql(ruin);
  await until(() => isState('failed'), { what: 'it to fail' });
  expect((await status(db, 'it')).why).toMatch(/does not exist|no column|no table/);
  await db.sql('update u set b = -1');
  await until(() => healed(db), { what: 'the other one to heal' });
  await db.sql(mend);
  await db.sql('update t set b = -1 where id = 7');
  await until(() => isState('healing'), { what: 'it to come back' });
  await until(async () => (await db.sql('select from t where id = 7 and b = 14')).length > 0, {
    what: 'it to heal again',
  });
  await engine.stop();
  expect(await db.sql(`select from evenkeel.violation`)).toEqual([]);
});

test.each(['t', 'noted'])(
  '%s is swapped for a copy of itself while it runs: nothing is parked for it',
  async swapped => {
    const db = await tables(1);
    await db.sql('create table noted (id int generated always as identity primary key, b int)');
    const it = rule(
      'select id, 2 * a as b from t where b <> 2 * a',
      '-- on: t\n-- heal: set b; insert noted(b)',
    ).replace('should', 'broken');
    const stage = await stageOn(db, { it });
    await stage.sweep();
    await db.sql(`begin; create table copy (like ${swapped} including all); insert into copy overriding system value table ${swapped};
    drop table ${swapped}; alter table copy rename to ${swapped}; commit`);
    // Bound to the table that was, it writes nothing; whoever binds anew does.
    await expect(stage.heal('it')).rejects.toThrow(`public.${swapped} was dropped or replaced`);
    expect(await db.sql('select state, attempts from evenkeel.violation')).toEqual([
      { state: 'open', attempts: 0 },
    ]);
    const again = await stageOn(db, { it });
    await makeDue(db);
    expect(await again.heal('it')).toMatchObject({ healed: 1 });
  },
);

const roles: string[] = [];
// A role outlives the databases in which it has rights.
afterAll(async () => {
  const db = await freshDatabase();
  for (const role of roles) await db.sql(`drop role if exists "${role}"`);
});

/** A role that may make the schema evenkeel and, of u, everything. */
async function poorRole(db: FreshDatabase): Promise<string> {
  const role = `poor_${db.name.slice(-8)}`;
  roles.push(role);
  await db.sql(`create role "${role}" login password 'poor'; grant create on database "${db.name}" to "${role}";
    grant select, update on u to "${role}"`);
  const url = new URL(db.url);
  url.username = role;
  url.password = 'poor';
  return url.href;
}

test('a role without rights is told the GRANT, and mends itself once it has them', async () => {
  const db = await tables();
  const url = await poorRole(db);
  const role = new URL(url).username;
  const keel = keelOn({ url }, { it: rule('select id, 2 * a as b from t'), good });
  await keel.once();
  expect(await status(db, 'it')).toMatchObject({ state: 'failed', why: text('GRANT SELECT ON t TO') });
  expect(await healed(db)).toBe(true);
  await db.sql(`grant select on t to "${role}"`);
  await keel.once();
  expect(await status(db, 'it')).toMatchObject({
    state: 'failed',
    why: text('GRANT SELECT, UPDATE ON t TO'),
  });
  // It is the role's fault, so no row pays for it.
  expect(await db.sql('select state, attempts from evenkeel.violation')).toEqual([
    { state: 'open', attempts: 0 },
  ]);
  await db.sql(`grant update on t to "${role}"`);
  await keel.once();
  expect(await db.sql('select from t where b <> 2 * a')).toEqual([]);
  expect(await status(db, 'it')).toMatchObject({ state: 'healing' });
});

test.each([
  ['the governed table', 'select id, 2 * a as b from t'],
  [
    'a table that it reads',
    'select u.id, coalesce(sum(t.a), 0) as b from u left join t on t.id = u.id group by u.id',
  ],
])('a role under row-level security on %s is refused: unseen rows would look missing', async (_, query) => {
  const db = await tables();
  const url = await poorRole(db);
  const role = new URL(url).username;
  await db.sql(`grant all on t, u to "${role}"; alter table t enable row level security;
    create policy few on t to "${role}" using (id > 10); create table v (id int primary key, b int);
    insert into v values (1, 1); grant all on v to "${role}"`);
  const other = rule('select id, 1 as b from v', '-- on: v\n-- heal: set');
  const on = query.includes('from u') ? '-- on: u\n-- heal: set; remove' : '-- on: t\n-- heal: set; remove';
  await keelOn({ url }, { it: rule(query, on), other }).once();
  expect(await status(db, 'it')).toMatchObject({ state: 'failed', why: text('row-level security') });
  expect(await status(db, 'other')).toMatchObject({ state: 'healing' });
  expect(await db.sql('select (select count(*)::int from t) as t, b from u')).toEqual([{ t: 50, b: -1 }]);
  expect(await entriesOf(db, 'it')).toBe(0);
});

test('one poisonous row among many: the others heal; it is tried ever later, then parked with its reason', async () => {
  const db = await tables(19);
  await db.sql('alter table t add constraint unlucky check (id <> 13 or b = -1)');
  const stage = await stageOn(db, { it: rule('select id, 2 * a as b from t') });
  await stage.sweep();
  expect(await stage.heal('it')).toMatchObject({ claimed: 19, healed: 18 });
  expect(await db.sql('select id from t where b <> 2 * a')).toEqual([{ id: 13 }]);
  const waits: number[] = [];
  for (let attempts = 1; attempts < 5; attempts++) {
    const [row] = await db.sql(
      `select state, attempts, reason, extract(epoch from due_at - clock_timestamp())::float8 as wait from evenkeel.violation`,
    );
    expect(row).toMatchObject({
      state: 'open',
      attempts,
      reason: text('violates check constraint "unlucky"'),
    });
    waits.push(row.wait);
    // Not before its time.
    expect(await stage.heal('it')).toMatchObject({ claimed: 0 });
    await makeDue(db);
    await stage.heal('it');
  }
  for (const [i, wait] of waits.entries()) {
    expect(wait).toBeLessThanOrEqual(1.25 * 4 ** i);
    if (i > 0) expect(wait).toBeGreaterThan(waits[i - 1]!);
  }
  expect(await db.sql('select key, state, attempts, reason from evenkeel.violation')).toEqual([
    { key: ['13'], state: 'parked', attempts: 5, reason: text('violates check constraint "unlucky"') },
  ]);
  await makeDue(db);
  expect(await stage.heal('it')).toMatchObject({ claimed: 0 });
  expect(await db.sql('select kind from evenkeel.alert')).toEqual([{ kind: 'parked' }]);
  expect(
    await db.sql('select count(*)::int as n, count(distinct key)::int as keys from evenkeel.entry'),
  ).toEqual([{ n: 18, keys: 18 }]);
});

test('a row that somebody holds for minutes: the others heal at once, it as soon as it is free', async () => {
  const db = await tables(10);
  const app = await db.client();
  await app.query('begin; select from t where id = 5 for update');
  const engine = await keelOn(db, { it: rule('select id, 2 * a as b from t'), good }).engine();
  engine.start();
  const wrong = async () => (await db.sql('select id from t where b <> 2 * a')).map(row => row.id as number);
  await until(async () => (await wrong()).length === 1 && (await healed(db)), { what: 'the others to heal' });
  expect(await wrong()).toEqual([5]);
  // Giving way is no failure: however long it lasts, it is never parked for it.
  for (let i = 0; i < 6; i++) {
    const due = async () =>
      (await db.sql('select due_at::text as at from evenkeel.violation'))[0].at as string;
    const was = await due();
    await makeDue(db);
    await until(async () => (await due()) > was, { what: 'it to be tried again' });
  }
  expect(await db.sql('select state, attempts, reason from evenkeel.violation')).toEqual([
    { state: 'open', attempts: 0, reason: 'another transaction holds the row' },
  ]);
  await app.query('rollback');
  await until(async () => (await wrong()).length === 0, { what: 'it to heal' });
  await engine.stop();
});

test('a definition that changed between two runs begins anew', async () => {
  const db = await tables(0);
  await db.sql(`update t set b = -1 where id = 1;
    alter table t add constraint narrow check (b < 200)`);
  const query = (n: number) => rule(`select id, case when id = 1 then ${n} else 2 * a end as b from t`);
  const stage = await stageOn(db, { it: query(1000) });
  await stage.sweep();
  for (let i = 0; i < 5; i++) {
    await stage.heal('it');
    await makeDue(db);
  }
  expect(await db.sql('select state, wanted from evenkeel.violation')).toEqual([
    { state: 'parked', wanted: { b: '1000' } },
  ]);
  await db.sql('delete from evenkeel.process');
  await keelOn(db, { it: query(50) }).once();
  expect(await db.sql('select b from t where id = 1')).toEqual([{ b: 50 }]);
  expect(await db.sql('select from evenkeel.violation')).toEqual([]);
  expect(await status(db, 'it')).toMatchObject({ state: 'healing', sweep: { passes: 1, found: 1 } });
});

test.each([
  ['the table', 'before update on t'],
  ['the journal', 'before insert on evenkeel.entry'],
  ['the ledger', 'before delete on evenkeel.violation'],
])('a disk that is full while %s is written leaves nothing half-done, and blames no row', async (_, when) => {
  const db = await tables(3);
  const stage = await stageOn(db, { it: rule('select id, 2 * a as b from t') });
  await stage.sweep();
  await db.sql(`create function full_disk() returns trigger language plpgsql as $$ begin
      raise 'could not extend file: No space left on device' using errcode = '53100'; end $$;
    create trigger full_disk ${when} for each row execute function full_disk()`);
  await expect(stage.heal('it')).rejects.toThrow('No space left');
  expect(await db.sql('select from t where b <> 2 * a')).toHaveLength(3);
  expect(await db.sql('select from evenkeel.entry')).toEqual([]);
  expect(await db.sql('select distinct state, attempts from evenkeel.violation')).toEqual([
    { state: 'open', attempts: 0 },
  ]);
  expect(await db.sql('select coalesce(sum(written), 0)::int as n from evenkeel.pulse')).toEqual([{ n: 0 }]);
  await db.sql('drop function full_disk cascade');
  expect(await stage.heal('it')).toMatchObject({ healed: 3 });
  expect(await db.sql('select from evenkeel.entry')).toHaveLength(3);
});
