import { expect, test } from 'vitest';
import { approve, holdSubject, resumeSubject } from '../../src/find/decide.ts';
import { states, transitions } from '../../src/find/states.ts';
import { undo } from '../../src/journal/undo.ts';
import { freshDatabase } from '../support/database.ts';
import { call } from '../../src/declare/call.ts';
import { invariant } from '../../src/declare/invariant.ts';
import { limit } from '../../src/declare/limit.ts';
import { park } from '../../src/declare/remedy.ts';
import { sql } from '../../src/declare/sql.ts';
import { keelOn } from '../support/keel.ts';

const it = (mode: string, grace = '0s') => `-- evenkeel: should
-- says: b is twice a
-- on: t
-- heal: set
-- mode: ${mode}
-- grace: ${grace}
select id, 2 * a as b from t`;

const key = (id: number) => ({ invariant: 'it', key: [String(id)] });

/** Every change of state that the ledger's statements made, as `from → to`. */
const record = `
  create table way (f text, t text);
  create function public.note_way() returns trigger language plpgsql as $$ begin
    insert into public.way values (coalesce(old.state, 'none'), coalesce(new.state, 'none')); return null; end $$;
  create trigger note after insert or update or delete on evenkeel.violation
    for each row execute function public.note_way()`;

test('the ledger goes every way that is listed, and no other', async () => {
  const db = await freshDatabase();
  await db.sql(`create table t (id int primary key, a int, b int);
    insert into t select g, g, 2 * g from generate_series(1, 9) g`);
  const observing = keelOn(db, { it: it('observe') });
  const healing = keelOn(db, { it: it('heal') });
  const id = async (n: number) =>
    (await db.sql(`select id from evenkeel.violation where key = '{${n}}'`))[0]?.id;
  const wrong = (ids: string) => db.sql(`update t set b = b + 1 where id in (${ids})`);
  const right = (ids: string) => db.sql(`update t set b = 2 * a where id in (${ids})`);
  const due = (where: string) =>
    db.sql(`update evenkeel.violation set due_at = now() - interval '1 s' where ${where}`);

  await observing.once();
  await db.sql(record);
  // open → none (came right), approved → none (came right, healed), open → approved, open → held
  await wrong('1, 2, 3, 4');
  await observing.once();
  await right('1');
  await approve(db.pool, [await id(2), await id(3)], 'ann');
  await right('2');
  await holdSubject(db.pool, key(4), 'ann');
  await observing.once();
  // held → none, held → open; none → held
  await right('4');
  await observing.once();
  await wrong('4');
  await observing.once();
  await resumeSubject(db.pool, key(4), 'ann');
  await observing.once();

  // open → none by healing; undone, and back
  await healing.once();
  await undo(db.pool, { invariant: 'it', since: new Date(0), dryRun: false }, 'ann');
  await healing.once();
  await db.sql('update t set b = 77 where id = 4');
  await healing.once();
  await wrong('5, 6');
  await healing.once();
  await undo(db.pool, { invariant: 'it', since: new Date(0), dryRun: false }, 'ann');
  await healing.once();
  await right('5');
  await healing.once();
  await resumeSubject(db.pool, key(6), 'ann');
  await healing.once();

  // A heal that fails: open → open, open → parked; parked → approved → approved → parked → open, → held, → none
  await db.sql(`create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
    create trigger refuse before update on t for each row when (current_user <> 'app') execute function refuse()`);
  const quietly = (sql: string) =>
    db.sql(
      `begin; alter table t disable trigger refuse; ${sql}; alter table t enable trigger refuse; commit`,
    );
  await quietly('update t set b = 0 where id in (7, 8, 9)');
  await healing.once();
  for (let i = 0; i < 4; i++) {
    await due(`state = 'open'`);
    await healing.once();
  }
  await approve(db.pool, [await id(7)], 'ann');
  await healing.once();
  for (let i = 0; i < 4; i++) {
    await due(`state = 'approved'`);
    await healing.once();
  }
  await resumeSubject(db.pool, key(7), 'ann');
  await holdSubject(db.pool, key(8), 'ann');
  await quietly('update t set b = 18 where id = 9');
  await healing.once();

  // A program claims: one comes right, one is reported, one is held, one is handed out too often.
  await db.sql('create table u (id int primary key, a int); insert into u select generate_series(1, 4), 0');
  const claiming = keelOn(db, {
    mine: `-- evenkeel: broken\n-- says: a is 1\n-- on: u\n-- heal: claim\n-- mode: heal\n-- guard: none\n-- grace: 0s\nselect id, a from u where a <> 1`,
  });
  await claiming.once();
  const [{ id: yes }] = await db.sql(
    `select id from evenkeel.violation where invariant = 'mine' order by id desc`,
  );
  await approve(db.pool, [yes], 'ann');
  const claimed = await db.sql(`select id, key from evenkeel.claim('mine', 4)`);
  const [done, failed, kept, often] = claimed;
  await db.sql(`select evenkeel.report($1, 'failed')`, [yes]);
  await db.sql('update evenkeel.violation set due_at = clock_timestamp() where id = $1', [yes]);
  await db.sql(`select evenkeel.claim('mine')`);
  await db.sql('update u set a = 1 where id = $1', [done.key[0]]);
  await db.sql(`select evenkeel.report($1, 'failed')`, [failed.id]);
  await holdSubject(db.pool, { invariant: 'mine', key: kept.key }, 'ann');
  await claiming.once();
  await db.sql(`select evenkeel.report($1, 'done')`, [often.id]);
  await db.sql(
    `update evenkeel.violation set reported_at = null, claims = 5, due_at = now() - interval '1 s' where id = $1`,
    [often.id],
  );
  await db.sql(`select evenkeel.claim('mine')`);

  // An upstream is asked, and its handler leaves it to a person.
  await db.sql('create table asked (id int primary key); insert into asked values (1)');
  const asked = invariant('asked', {
    says: 'There is none',
    on: 'asked',
    broken: sql`select id from asked`,
    heal: call(limit('api', { rate: '100/s' }), () => park('they do not know')),
    mode: 'heal',
    guard: 'none',
    grace: '0s',
  });
  await keelOn(db, [asked]).once();

  const went = new Set((await db.sql('select distinct f, t from way')).map(({ f, t }) => `${f} → ${t}`));
  const listed = new Set(transitions.map(({ from, to }) => `${from} → ${to}`));
  // A state that is written again is no way of its own, but where it is listed.
  const moved = [...went].filter(way => way.split(' → ')[0] !== way.split(' → ')[1]);
  expect(moved.filter(way => !listed.has(way)).toSorted()).toEqual([]);
  expect([...listed].filter(way => !went.has(way)).toSorted()).toEqual([]);
  const named = new Set(transitions.flatMap(({ from, to }) => [from, to]));
  expect([...named].filter(state => state !== 'none').toSorted()).toEqual(Object.keys(states).toSorted());
});
