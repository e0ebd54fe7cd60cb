import { expect, test } from 'vitest';
import { drill } from '../../src/drill/drill.ts';
import { type Drilled, unhealed } from '../../src/drill/report.ts';
import { freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';

const schema = `
  create table topics (
    id int primary key,
    state text not null check (state in ('open', 'closed')),
    posts_count int not null default 0
  );
  create table posts (id int primary key, topic_id int not null references topics, hidden boolean);
  alter table topics replica identity full;
  alter table posts replica identity full;`;

const count = `-- evenkeel: should
-- says: A topic counts the posts that are seen
-- on: topics
-- heal: set
select t.id, count(p.id) as posts_count
  from topics t left join posts p on p.topic_id = t.id and p.hidden is not true
 group by t.id`;

async function drilled(tables: string, files: Readonly<Record<string, string>>) {
  const db = await freshDatabase();
  await db.sql(tables);
  const report = await drill(db.url, keelOn(db, files).invariants);
  const byName: Record<string, Drilled> = Object.fromEntries(report.invariants.map(one => [one.name, one]));
  return { db, report, byName };
}

test('a good invariant scores full, whatever its mode: found both ways, healed, silent, undone', async () => {
  const { db, byName, report } = await drilled(schema, { count });
  const { corruptions, score, mutants, undrillable } = byName['count']!;
  expect(undrillable).toBeNull();
  expect(score.of).toBeGreaterThanOrEqual(5 * 4);
  expect(corruptions.filter(one => Object.values(one).includes(false))).toEqual([]);
  expect(score.passed).toBe(score.of);
  // Rows come, go, move and change; a NULL counts.
  for (const part of [
    'insert into posts',
    'update posts set topic_id',
    'delete from posts',
    'update topics set posts_count',
  ])
    expect(
      corruptions.some(({ what }) => what.startsWith(part)),
      part,
    ).toBe(true);
  expect(mutants.survivors).toEqual([]);
  expect(mutants.made).toBeGreaterThanOrEqual(2);
  expect([report.failed, report.unfilled]).toEqual([[], []]);
  // The slot would keep the scratch database from being dropped.
  expect(await db.sql('select from pg_replication_slots where database = current_database()')).toEqual([]);
});

test('a heal that puts nothing right is caught, with the reason', async () => {
  const wrong = `-- evenkeel: broken
-- says: A closed topic counts no posts
-- on: topics
-- heal: set posts_count
select id, posts_count + 1 as posts_count from topics where state = 'closed' and posts_count > 0`;
  const { byName } = await drilled(schema, { wrong });
  const failed = unhealed(byName['wrong']!);
  expect(failed.length).toBeGreaterThan(0);
  expect(failed.length).toBe(byName['wrong']!.corruptions.length);
  expect(failed[0]).toMatchObject({ bySweep: true, healed: false, why: expect.stringMatching(/still/) });
});

test('a query that is blind to NULL shows the row at its boundary; one that asks in vain has survivors', async () => {
  const blind = `-- evenkeel: broken
-- says: No topic is called x
-- on: topics
select t.id from topics t where t.title <> 'fine' and t.id > -5`;
  const { byName } = await drilled('create table topics (id int primary key check (id > 0), title text)', {
    blind,
  });
  const { drilledFor, because, boundaries, mutants } = byName['blind']!;
  expect([drilledFor, because]).toEqual(['finding', 'it declares no remedy']);
  expect(boundaries).toContainEqual(
    expect.objectContaining({ flagged: false, tells: expect.stringContaining('is distinct from') }),
  );
  expect(boundaries.find(({ tells }) => tells.includes('is distinct from'))?.after).toMatch(/title = NULL/);
  expect(mutants.survivors).toContainEqual(
    expect.objectContaining({ kind: 'dropped', now: expect.stringContaining('and true') }),
  );
  expect(mutants.survivors.some(({ kind }) => kind === 'null')).toBe(false);
});

test('what the schema rules out is undrillable; foreign keys in a circle, and a table without a key, stop nothing else', async () => {
  const tables = `${schema}
    create table hens (id int primary key, egg_id int not null);
    create table eggs (id int primary key, hen_id int not null references hens);
    alter table hens add foreign key (egg_id) references eggs;
    create table ships (id int primary key, flagship_of int not null);
    create table fleets (id int primary key, flagship int not null references ships deferrable);
    alter table ships add foreign key (flagship_of) references fleets;
    create table teams (id int primary key, lead_id int);
    create table people (id int primary key, team_id int not null references teams);
    alter table teams add foreign key (lead_id) references people;
    create table notes (text text);`;
  const none = (table: string, where: string) =>
    `-- evenkeel: broken\n-- says: There is none\n-- on: ${table}\nselect id from ${table} where ${where}`;
  const { byName, report } = await drilled(tables, {
    count,
    never: none('topics', `state = 'gone'`),
    hens: none('hens', 'egg_id > 3'),
    fleets: none('fleets', 'flagship > 2'),
    leads: none('teams', 'lead_id > 2'),
    notes: none('notes', `text = 'x'`).replace('select id', 'select text as id'),
  });
  expect(byName['never']?.undrillable).toMatch(/none of \d+ changes to what it reads broke it/);
  expect(byName['hens']?.undrillable).toMatch(
    /circle, public\.\w+ → public\.\w+ → public\.\w+, and none of them/,
  );
  expect(report.unfilled.map(({ table }) => table).sort()).toEqual(['public.eggs', 'public.hens']);
  expect(report.failed.map(({ name, error }) => [name, error.code])).toEqual([['notes', 'no-key']]);
  for (const name of ['count', 'fleets', 'leads']) {
    expect(byName[name]?.corruptions.length, name).toBeGreaterThan(0);
    expect(byName[name]?.score.passed, name).toBe(byName[name]?.score.of);
  }
});
