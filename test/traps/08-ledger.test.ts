/**
 * Trap 8. Under somebody's long snapshot dead ledger rows can't be removed, and claims that read past all of them get slower
 * with each heal: 28 times at 50,000.
 *
 * Held up by heal/healers.ts (a claim begins where the last one ended) and by settling through deletion: history is the
 * journal. Counted in index entries that were read, never in time.
 */
import { randomUUID } from 'node:crypto';
import { onTestFinished, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createPool } from '../../src/db/pool.ts';
import { wardOf } from '../../src/heal/batch.ts';
import { Healers } from '../../src/heal/healers.ts';
import { journal } from '../../src/journal/record.ts';
import { createLog } from '../../src/log.ts';
import { Bindings } from '../../src/roster/bindings.ts';
import { stand } from '../../src/roster/roster.ts';
import { pidOf } from '../support/blocked.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { keelOn } from '../support/keel.ts';
import { until } from '../support/wait.ts';

const dead = 20_000;
const rounds = 40;

const files = {
  zero: `-- evenkeel: broken
-- says: A counter is zero
-- on: counters
-- heal: set n
-- guard: none
-- mode: heal
-- grace: 0s
select id, 0 as n from counters where n <> 0`,
};

/** One worker on one connection, whose reading can be told apart. */
async function worker(db: FreshDatabase) {
  const config = readConfig({ DATABASE_URL: db.url, EVENKEEL_HEALERS: '1', EVENKEEL_LOG: 'quiet' });
  const pool = createPool(db.url, 1);
  onTestFinished(() => void pool.end());
  const log = createLog(config.log);
  const bindings = new Bindings(pool, keelOn(db, files).invariants, log);
  await bindings.refresh();
  await bindings.standing(bounds => stand(pool, { id: randomUUID(), version: 'test' }, bounds, []));
  const healers = new Healers(wardOf(pool, bindings, config, journal), bindings, config, log);
  const entries = async () => {
    await pool.query('select pg_stat_force_next_flush()');
    const { rows } = await pool.query<{ n: string }>(
      `select sum(idx_tup_read) as n from pg_stat_user_indexes where relid = 'evenkeel.violation'::regclass`,
    );
    return Number(rows[0]?.n);
  };
  return { healers, entries };
}

/** Lists rows as a sweep would, the oldest first. */
const list = (on: Pick<FreshDatabase['pool'], 'query'>, from: number, to: number, age: string) =>
  on.query(
    `insert into evenkeel.violation (invariant, key, state, kind, evidence, wanted, due_at)
     select 'zero', array[n::text], 'open', 'broken', '{"n": "1"}', '{"n": "0"}', now() - $3::interval + n * interval '1 ms'
       from generate_series($1::int, $2::int) n`,
    [from, to, age],
  );

test('claims stay short although a foreign snapshot keeps every dead ledger row', async () => {
  const db = await freshDatabase();
  await db.sql(`create table counters (id int primary key, n int not null);
    insert into counters select n, 1 from generate_series(1, ${rounds}) n; analyze`);
  await keelOn(db, files, { EVENKEEL_MODE: 'observe' }).once();
  const foreign = await db.client();
  await foreign.query('begin isolation level repeatable read');
  await foreign.query('select');
  // As many heals ago. What a connection has read is told when it ends.
  const past = await db.client();
  await list(past, rounds + 1, rounds + dead, '1 hour');
  await past.query(`delete from evenkeel.violation; analyze evenkeel.violation`);
  const pid = await pidOf(past);
  await past.end();
  await until(async () => (await db.sql('select from pg_stat_activity where pid = $1', [pid])).length === 0, {
    what: 'the past to be over',
  });

  const { healers, entries } = await worker(db);
  const before = await entries();
  for (let n = 1; n <= rounds; n++) {
    await list(db.pool, n, n, '1 minute');
    expect(await healers.round()).toBe(1);
  }
  expect(await db.sql('select from counters where n <> 0')).toEqual([]);
  // One look in twenty goes past all of them, in case something old is due again.
  expect((await entries()) - before).toBeLessThan((rounds * dead) / 2);
});

test('what is healed or came right leaves no row behind, only the journal', async () => {
  const db = await freshDatabase();
  await db.sql(
    `create table counters (id int primary key, n int not null); insert into counters values (1, 1), (2, 2)`,
  );
  await keelOn(db, files, { EVENKEEL_MODE: 'observe' }).once();
  await db.sql('update counters set n = 0 where id = 2');
  await keelOn(db, files).once();
  expect(await db.sql('select from evenkeel.violation')).toEqual([]);
  expect(await db.sql('select key from evenkeel.entry')).toEqual([{ key: ['1'] }]);
});
