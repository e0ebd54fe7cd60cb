/** Bursts: neighbouring keys that changed become ranges, and ranges are swept; nothing falls between the two. */
import { expect, onTestFinished, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import type { Key } from '../../src/ask/ask.ts';
import { nextRange, noteRanges } from '../../src/watch/ranges.ts';
import { type Suspect, Suspects } from '../../src/watch/suspects.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { double, unguarded } from '../support/double.ts';
import { keelOn } from '../support/keel.ts';
import { until } from '../support/wait.ts';
import { bindOn } from './binding.ts';

const healing = double(['mode: heal', ...unguarded]);

const suspectsOf = (keys: readonly Key[]): Suspect[] => {
  const suspects = new Suspects();
  for (const key of keys) {
    suspects.touch(key, { xid: '9', at: new Date(1e12), table: 'public.t', operation: 'update' }, 1n, 0);
  }
  return suspects.take(Number.POSITIVE_INFINITY, 0, () => true);
};

/** What lies in none of the ranges, of all keys of the table. */
async function outside(db: FreshDatabase, columns: readonly string[], types: readonly string[]) {
  const row = (of: string) => `(${types.map((type, i) => `r.${of}[${i + 1}]::${type}`).join(', ')})`;
  const own = `(${columns.map(column => `t.${column}`).join(', ')})`;
  const rows = await db.sql(`select ${columns.map(column => `${column}::text`).join(', ')} from t
    where not exists (select from evenkeel.range r where ${own} > ${row('after_key')} and ${own} <= ${row('up_to')}) is not false`);
  return rows.map(one => columns.map(column => one[column] as string | null).join());
}

/** By capture, and at every row once. */
const looked = (db: FreshDatabase) =>
  until(
    async () => {
      const [one] = await db.sql(`select from evenkeel.capture c, evenkeel.invariant i where c.kind = 'slot'
        and c.verified_at is not null and i.proved_at > c.since and i.stale_since is null`);
      return one;
    },
    { what: 'capture, and a first sweep', timeoutMs: 60_000 },
  );

const shapes = [
  {
    what: 'whole numbers',
    table: `create table t (id int primary key, a int, b int);
      insert into t select g, g, 2 * g from generate_series(1, 60000) g`,
    columns: ['id'],
    types: ['int'],
    burst: 'id between 20001 and 30000 or id % 20000 = 7',
    apart: 3,
  },
  {
    what: 'two columns, one of them text',
    table: `create table t (w int, n text, a int, b int, primary key (w, n));
      insert into t select g / 10000, 'n' || g, g, 2 * g from generate_series(1, 60000) g`,
    columns: ['w', 'n'],
    types: ['int', 'text'],
    burst: 'w = 3 or a % 20000 = 7',
    apart: 3,
  },
  {
    what: 'keys that can be NULL',
    table: `create table t (id int unique, a int, b int); insert into t select nullif(g, 9), g, 2 * g from generate_series(1, 30000) g`,
    columns: ['id'],
    types: ['int'],
    burst: 'id > 20000 or id is null',
    apart: 1,
  },
];

test.each(shapes)(
  '$what: each key is in a range, or comes back',
  async ({ table, columns, types, burst, apart }) => {
    const db = await freshDatabase();
    await db.sql(table);
    await db.sql('analyze t');
    await migrate(db.pool);
    const [bound] = Object.values(
      await bindOn(db, {
        double: double([`key: ${columns.join(', ')}`, 'grace: 0s'], { key: columns.join(', ') }),
      }),
    );
    if (!bound) throw new Error('not bound');
    await db.sql(`insert into evenkeel.invariant (name, hash, says, on_table, key, heal, mode)
    values ('double', '${bound.hash}', 's', 't', '{id}', '', 'observe')`);
    const told = (
      await db.sql(
        `select ${columns.map(c => `${c}::text`).join(', ')} from t where ${burst} order by random()`,
      )
    ).map(row => columns.map(c => row[c] as string | null));
    const left = await noteRanges(db.pool, bound, suspectsOf(told));
    const ranges = await db.sql('select keys::int, cause from evenkeel.range');
    expect(ranges.length).toBe(1);
    expect(ranges[0].keys).toBeGreaterThan(0.9 * told.length);
    expect(ranges[0].cause).toMatchObject({ xid: '9', table: 'public.t' });
    // Those far from others, and at most a crowd's edges.
    expect(left?.length).toBeGreaterThanOrEqual(apart);
    expect(left?.length).toBeLessThan(apart + 130);
    const known = new Set(left?.map(({ key }) => key.join()));
    const missed = new Set(await outside(db, columns, types));
    expect(told.map(key => key.join()).filter(key => missed.has(key) && !known.has(key))).toEqual([]);
    // A range holds little that nobody told of.
    expect(60_000 - missed.size).toBeLessThan(60_000);
    expect((await nextRange(db.pool, bound))?.notedAt).toBeInstanceOf(Date);
  },
);

test('keys far apart make no range; nor does another wording', async () => {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, a int, b int);
    insert into t select g, g, 2 * g from generate_series(1, 60000) g; analyze t`);
  await migrate(db.pool);
  const { double: bound } = await bindOn(db, { double: healing });
  if (!bound) throw new Error('not bound');
  const near = suspectsOf(Array.from({ length: 200 }, (_, i) => [String(i + 1)]));
  expect(await noteRanges(db.pool, bound, near)).toBe(undefined);
  await db.sql(`insert into evenkeel.invariant (name, hash, says, on_table, key, heal, mode)
    values ('double', '${bound.hash}', 's', 't', '{id}', '', 'observe')`);
  const far = suspectsOf(Array.from({ length: 200 }, (_, i) => [String(300 * (i + 1))]));
  expect(await noteRanges(db.pool, bound, far)).toBe(undefined);
  expect((await noteRanges(db.pool, bound, near))?.map(({ key }) => key[0])).toEqual(['1']);
});

test(
  'a burst is swept where it was, not everywhere, and says what broke it',
  { timeout: 120_000 },
  async () => {
    const db = await freshDatabase();
    await db.sql(`create table t (id int primary key, a int, b int);
    insert into t select g, g, 2 * g from generate_series(1, 400000) g; analyze t`);
    const engine = await keelOn(
      db,
      { double: healing },
      { EVENKEEL_CAPTURE: 'slot', EVENKEEL_SWEEP_DUTY: '1' },
    ).engine();
    onTestFinished(() => engine.stop());
    engine.start();
    await looked(db);
    await db.sql(`update evenkeel.invariant set next_pass_at = 'infinity'`);
    const [before] = await db.sql('select passes, proved_at, stale_why from evenkeel.invariant');
    // Ranges are noted here, so that they're seen even where they are swept at once. That takes its time: more of the burst
    // is told meanwhile, and is no reason to look at everything.
    await db.sql(`create table seen (after_key text[], up_to text[], keys bigint, verified_at timestamptz);
    create function see() returns trigger language plpgsql as $$ begin
      insert into seen select new.after_key, new.up_to, new.keys, (select verified_at from evenkeel.invariant);
      perform pg_sleep(1); return new; end $$;
    create trigger see after insert on evenkeel.range for each row execute function see()`);
    const [{ xid }] = await db.sql(`with x as (update t set a = a + 1, b = 2 * (a + 1) + (id % 1000 = 0)::int
    where id between 100001 and 250000 returning pg_current_xact_id() as xid) select xid::text from x limit 1`);
    const [{ now }] = await db.sql('select clock_timestamp() as now');
    await until(async () => Number((await db.sql('select count(*) as n from evenkeel.entry'))[0].n) === 150, {
      what: 'all 150 to be healed',
      timeoutMs: 60_000,
    });
    await until(
      async () => (await db.sql('select verified_at from evenkeel.invariant'))[0].verified_at > (now as Date),
      { what: 'everything to be looked at', timeoutMs: 30_000 },
    );
    expect(await db.sql('select from t where b <> 2 * a')).toEqual([]);
    const seen = await db.sql('select * from seen');
    const covered = seen.reduce((sum, { keys }) => sum + Number(keys), 0);
    // The finder looks at others meanwhile, at as many as it gets to.
    expect(covered).toBeGreaterThan(20_000);
    for (const {
      after_key: [from],
      up_to: [to],
    } of seen as { after_key: [string]; up_to: [string] }[]) {
      expect(Number(from)).toBeGreaterThanOrEqual(100_001);
      expect(Number(to)).toBeLessThanOrEqual(250_000);
    }
    const [after] = await db.sql('select passes, proved_at, stale_why, escapes from evenkeel.invariant');
    expect(after).toEqual({ ...before, escapes: 0 });
    expect(await db.sql('select from evenkeel.range')).toEqual([]);
    expect(
      await db.sql(
        `select distinct cause->>'xid' as xid, cause->>'operation' as operation from evenkeel.entry`,
      ),
    ).toEqual([{ xid, operation: 'update' }]);
  },
);

test('a range that cannot be swept becomes a sweep of everything', { timeout: 60_000 }, async () => {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, a int, b int);
    insert into t select g, g, 2 * g from generate_series(1, 1000) g`);
  const engine = await keelOn(db, { double: healing }, { EVENKEEL_CAPTURE: 'slot' }).engine();
  onTestFinished(() => engine.stop());
  engine.start();
  await looked(db);
  await db.sql(`update evenkeel.invariant set next_pass_at = 'infinity';
    insert into evenkeel.range (invariant, after_key, up_to, keys, since, cause) values ('double', '{1}', '{x}', 1, now(), '{}')`);
  await until(
    async () => (await db.sql(`select from evenkeel.invariant where stale_why like 'a range%'`)).length > 0,
    { what: 'the sweep', timeoutMs: 30_000 },
  );
  expect(await db.sql('select from evenkeel.range')).toEqual([]);
});
