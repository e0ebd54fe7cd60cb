/** Questions that were once answered too surely, each with a row that shows it. */
import { beforeAll, describe, expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { asked, brief } from './asked.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.sql(`create extension citext;
    create table orders (id int primary key, status text, kind text check (kind = any('{open,paid}'::text[])),
      either text check (either = any('{open,paid}'::text[]) or either = 'void'), mail citext not null, short char(3), score real,
      mac macaddr, day date, due date not null, ref uuid, number text check (number::bigint in (1, 2)), note text,
      listed text check (listed in ('7', '1000', 'true')), amount numeric, tag text check (tag = '007'::int::text));
    insert into orders values (1, 'open', 'paid', 'paid', '', 'EUR', 0.1, '08:00:2b:01:02:03', current_date + 1, current_date,
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '01', '1000', '7', 1, '7'),
      (2, 'paid', 'open', 'open', 'x', 'USD', 0.2, '08:00:2b:01:02:04', current_date, current_date, null, '02', '.5', '1000', null, '7'),
      (3, 'void', null, null, 'x', null, null, null, null, current_date, null, null, 'true', 'true', null, null),
      (4, 'void', null, null, 'x', null, null, null, null, current_date, null, null, '0.5', null, null, null)`);
});

/** Findings that claim a proof: that nothing, or everything, meets it. */
const sure = (found: Awaited<ReturnType<typeof asked>>): string[] =>
  found.findings
    .filter(
      ({ rule, severity }) => ['EK101', 'EK102', 'EK103', 'EK105'].includes(rule) && severity !== 'undecided',
    )
    .map(({ rule, fragment }) => `${rule} ${fragment}`);

describe('a row meets it, and none is said to be impossible', () => {
  test.each([
    // An array that is written as one string.
    "status = any('{open,paid}')",
    "status = any('{open,paid}'::text[])",
    "kind <> 'open'",
    "either <> 'void'",
    "'{open,x}' = array[status, 'x']",
    // NULLIF compares as the type does.
    "short is not null and nullif(short, 'EUR') is null",
    'nullif(score, 0.1::real) is null and score is not null',
    "nullif(mac, '08-00-2b-01-02-03') is null and mac is not null",
    "nullif(day, 'tomorrow') is null and day is not null",
    "coalesce(nullif(mail, ''), null) is null",
    // Another spelling of a uuid.
    "ref = 'a0eebc999c0b4ef8bb6d6bb9bd380a11'",
    "ref = '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'",
    "ref = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
    // A check that casts.
    "number ~ '^0'",
    // A constant that a cast makes another text.
    'listed = 1e3::text',
    "listed = '007'::int::text",
    "listed = 't'::bool::text",
    "note = 1e3::text and note <> '1e3'",
    "note = .5::text and note = '0.5'",
    'amount = 5::bool::int::numeric',
    "tag = '7'",
  ])('%s', async where => {
    expect(await db.sql(`select from orders where ${where}`)).not.toEqual([]);
    expect(sure(await asked(db, `select id from orders where ${where}`))).toEqual([]);
  });
});

describe('a row fails it, and it is not said to hold always', () => {
  test.each([
    "nullif(mail, '') is not null",
    "kind is null or kind = 'open'",
    "short is null or nullif(short, 'EUR') is not null",
    "nullif(due, 'today') is not null",
  ])('%s', async where => {
    expect(await db.sql(`select from orders where not (${where})`)).not.toEqual([]);
    expect(sure(await asked(db, `select id from orders where ${where}`))).toEqual([]);
  });
});

test.each([
  ["status = 'x' and status = any(array['open', 'paid'])", ['EK101']],
  ["status = any(array['open', 'paid']::varchar[]::text[]) and status = 'x'", ['EK101']],
  ["nullif(status, 'x') is not null and status = 'x'", ['EK101']],
  ['coalesce(score, 1) is null', ['EK101']],
  [
    "ref = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11' and ref <> 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
    ['EK101'],
  ],
  ["note = 1::text and note = 'x'::varchar", ['EK101']],
])('what can be told still is: %s', async (where, rules) => {
  expect(await db.sql(`select from orders where ${where}`)).toEqual([]);
  const found = sure(await asked(db, `select id from orders where ${where}`));
  expect([...new Set(found.map(one => one.slice(0, 5)))]).toEqual(rules);
});

test('a count that leaves rows out may be 0 where the key is unique', async () => {
  await db.sql('create table people (id int primary key, email text)');
  const having = async (what: string) =>
    brief(await asked(db, `select id from people group by id having ${what}`, { on: 'people' }));
  expect(await having('count(email) <> 1')).toEqual([]);
  expect(await having("count(*) filter (where email = 'x') <> 1")).toEqual([]);
  expect(await having('count(*) <> 1')).toEqual(['EK105 info count(*) <> 1']);
  expect(await having('count(email) > 1')).toEqual(['EK105 info count(email) > 1']);
});
