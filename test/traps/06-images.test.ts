/**
 * Trap 6. JavaScript rounds int8 and numeric, jsonb rewrites json, a text array can't tell NULL from 'NULL'. An image that
 * isn't exact heals wrongly, never matches at undo, or restores something else.
 *
 * Held up by db/pool.ts (`ask`: raw text both ways, output settings pinned; `arrayText`), heal/write.ts (text cast to the
 * column's own type) and journal/reverse.ts (compared as text, in SQL's own words).
 */
import { expect, test } from 'vitest';
import { undo } from '../../src/journal/undo.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { makeDue, stageOn } from '../support/stage.ts';

/** Column type → what is there, what should be. */
const kinds: [type: string, wrong: string, right: string][] = [
  ['int8', '9007199254740993', '-9223372036854775808'],
  ['numeric', '12345678901234567890.123456789012345678900', '0.000000000000000000000000000010'],
  ['numeric(30,10)', '1.5', '99999999999999999999.9999999999'],
  ['float8', '0.1', '2.2250738585072011e-308'],
  ['float8', `'-Infinity'`, `'NaN'`],
  ['float4', '0.3', '16777217'],
  ['money', `'$1,234.56'`, `'-$0.01'`],
  ['json', `'{"b": 1,  "a":\t[ 1.0,2 ], "a": null }'`, `'{"a":1.0}'`],
  ['jsonb', `'{"n": 12345678901234567890.10, "u": "\\u00e9\\\\"}'`, `'null'`],
  ['timestamptz', `'2026-11-23 10:00:00.123456+00'`, `'4713-01-01 00:00:00.000001+00 BC'`],
  ['timestamptz', `'infinity'`, 'null'],
  ['timestamp(0)', `'1999-12-31 23:59:59'`, `'2000-01-01'`],
  ['date', `'0044-03-15 BC'`, `'5874897-12-31'`],
  ['timetz', `'24:00:00+13:30'`, `'00:00:00.000001-00'`],
  ['interval', `'1 mon -1 days +00:00:00.000001'`, `'-1 years 2 mons'`],
  ['bytea', `'\\x00ff5c27'`, `''`],
  ['text', `E'a\\\\b"c''d{,}\\n NULL'`, `''`],
  ['text', `'NULL'`, 'null'],
  ['char(5)', `'ab'`, `'abcde'`],
  ['varchar(3)', `' a '`, `'{}"'`],
  ['bit varying(9)', `B'101'`, `B''`],
  ['uuid', `'00000000-0000-0000-0000-000000000000'`, `'ffffffff-ffff-ffff-ffff-ffffffffffff'`],
  ['inet', `'10.0.0.1/8'`, `'::1'`],
  ['int4[]', `'{1,NULL,3}'`, `'[2:3]={7,8}'`],
  ['text[]', `array['NULL', null, '', 'a,b', '{"', '\\']`, `'{}'`],
  ['text[]', `array[['a', null], ['c', ' d ']]`, 'null'],
  ['int8range', `'[1,9007199254740993)'`, `'empty'`],
  ['point', `'(0.1,-0)'`, `'(1e-300,3)'`],
  ['xml', `'<a  b="1">&lt;</a>'`, `'<c/>'`],
  ['mood', `'so so'`, `'It''s "ok"'`],
  ['percent', '100', '0.5'],
  ['pair', `row(9007199254740993, 'a "b", (c)')`, `row(null, '')`],
  ['pair[]', `array[row(1, null)::pair, null]`, `array[row(2, '{}')::pair]`],
];
const columns = kinds.map(([type], i) => ({ name: `c${i}`, type }));
const values = (which: 1 | 2) => kinds.map(one => `cast(${one[which]} as ${one[0]})`).join(', ');

/** A key of several types, none of them plain. */
const key = `id int8 not null, "the ""name""" text not null, at timestamptz not null, primary key (id, "the ""name""", at)`;
const keyed = (id: string, name: string) => `${id}, ${name}, '2026-01-01 00:00:00.000001+00'`;
const rows = {
  differs: keyed('9007199254740993', `E'a "quoted" \\\\ {name},'`),
  missing: keyed('9007199254740992', `'NULL'`),
  extra: keyed('-9223372036854775808', `''`),
};

const mirror = `-- evenkeel: should
-- says: Things are as they truly are
-- on: things
-- heal: set; insert; remove
-- mode: heal
-- grace: 0s
select * from truth`;

async function things(): Promise<FreshDatabase> {
  const db = await freshDatabase();
  // What a server or a role may have been set to must not show in an image.
  await db.sql(`alter database "${db.name}" set datestyle = 'SQL, DMY';
    alter database "${db.name}" set intervalstyle = 'iso_8601';
    alter database "${db.name}" set extra_float_digits = -3;
    alter database "${db.name}" set bytea_output = 'escape';
    alter database "${db.name}" set timezone = 'Pacific/Chatham'`);
  const admin = await db.client();
  await admin.query(`set extra_float_digits = 1; set datestyle = 'ISO, MDY'; set timezone = 'UTC';
    create type mood as enum ('so so', 'It''s "ok"');
    create type pair as (a int8, b text);
    create domain percent as numeric check (value between 0 and 100);
    create table truth (${columns.map(({ name, type }) => `${name} ${type}`).join(', ')}, ${key});
    create table things (like truth including all);
    insert into truth values (${values(2)}, ${rows.differs}), (${values(2)}, ${rows.missing});
    insert into things values (${values(1)}, ${rows.differs}), (${values(1)}, ${rows.extra})`);
  await admin.end();
  return db;
}

/** Whole rows, bytes and all: what differs in no column's binary form is the same. */
async function exact(db: FreshDatabase, table: string): Promise<unknown[]> {
  return db.sql(`select id, encode(record_send(t), 'hex') as bytes from ${table} t order by id`);
}

test('what is healed holds what should be, and undo brings back every byte', async () => {
  const db = await things();
  const stage = await stageOn(db, { mirror });
  const [before, truth] = [await exact(db, 'things'), await exact(db, 'truth')];
  await stage.sweep();
  expect(await stage.heal('mirror')).toMatchObject({ claimed: 3, healed: 3, written: 3 });
  expect(await exact(db, 'things')).toEqual(truth);
  const report = await undo(db.pool, { invariant: 'mirror', dryRun: false }, 'a test');
  expect(report.refused).toEqual([]);
  expect(report.restored).toHaveLength(3);
  expect(await exact(db, 'things')).toEqual(before);
});

test('equal values make no violation, however they are written', async () => {
  const db = await things();
  await db.sql('truncate things; insert into things select * from truth');
  const stage = await stageOn(db, { mirror });
  await stage.sweep();
  expect(await db.sql('select from evenkeel.violation')).toEqual([]);
});

test('undo runs backwards, and refuses where a later heal wrote the same columns', async () => {
  const db = await things();
  const stage = await stageOn(db, { mirror });
  const before = await exact(db, 'things');
  await stage.sweep();
  await stage.heal('mirror');
  await db.sql(`update truth set c0 = 5`);
  await stage.sweep();
  await makeDue(db);
  await stage.heal('mirror');
  const [first] = await db.sql(`select id from evenkeel.entry where action = 'set' order by id`);
  const one = await undo(db.pool, { entries: [String(first.id)], dryRun: false }, 'a test');
  expect(one.restored).toEqual([]);
  expect(one.refused[0]?.why).toMatch(/later/);
  const all = await undo(db.pool, { invariant: 'mirror', dryRun: false }, 'a test');
  expect(all.refused).toEqual([]);
  expect(await exact(db, 'things')).toEqual(before);
});

test('a change as small as can be makes undo refuse that row, and no other', async () => {
  const db = await things();
  const stage = await stageOn(db, { mirror });
  await stage.sweep();
  await stage.heal('mirror');
  await db.sql(`update things set c0 = c0 + 1 where id = 9007199254740993`);
  const report = await undo(db.pool, { invariant: 'mirror', dryRun: false }, 'a test');
  expect(report.restored).toHaveLength(2);
  expect(report.refused).toMatchObject([
    { conflicts: [{ column: 'c0', wrote: '-9223372036854775808', now: '-9223372036854775807' }] },
  ]);
});

test('identity and generated columns come back as they were', async () => {
  const db = await freshDatabase();
  await db.sql(`create table notes (id int8 generated always as identity primary key, body text,
      upper text generated always as (upper(body)) stored, spam bool not null);
    insert into notes (body, spam) values ('keep', false), ('buy', true)`);
  const stage = await stageOn(db, {
    spam: `-- evenkeel: broken
-- says: There is no spam
-- on: notes
-- heal: remove
-- mode: heal
-- grace: 0s
select id from notes where spam`,
  });
  await stage.sweep();
  expect(await stage.heal('spam')).toMatchObject({ healed: 1 });
  expect((await undo(db.pool, { invariant: 'spam', dryRun: false }, 'a test')).refused).toEqual([]);
  expect(await db.sql('select * from notes order by id')).toEqual([
    { id: '1', body: 'keep', upper: 'KEEP', spam: false },
    { id: '2', body: 'buy', upper: 'BUY', spam: true },
  ]);
});
