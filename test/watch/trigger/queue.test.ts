/** At least once, in spite of readers that die, of writers that commit out of order or take long, and of foreign snapshots. */
import { expect, test } from 'vitest';
import { Queue } from '../../../src/watch/capture/trigger/queue.ts';
import { until } from '../../support/wait.ts';
import { listen, scene } from './scene.ts';

const lines = `create table lines (id int primary key, order_id int, amount int);
  insert into lines select g, g, 1 from generate_series(1, 3000) g; analyze`;
const begin = () => scene(lines, { lines: ['order_id'] });
const waiting = `select count(*)::int as n from evenkeel.change`;

test('what is not acknowledged is told again to the next reader, and nothing else is', async () => {
  const { db, watched } = await begin();
  const first = await listen(db, watched);
  await db.sql('update lines set amount = 2 where id = 1');
  await first.quiet();
  await first.capture.stop();
  const second = await listen(db, watched, { keep: true, fresh: false });
  await db.sql('update lines set amount = 2 where id = 2');
  await db.sql('update lines set amount = 2 where id = 3');
  await second.quiet();
  expect(second.told.rows).toEqual(['lines update 2', 'lines update 3']);
  // Neither DDL nor a start is anything new.
  expect([second.told.alls, second.told.gaps]).toEqual([[], []]);
  second.capture.acknowledge(1n);
  await until(async () => (await db.sql(waiting))[0].n === 1, { what: 'the first to be deleted' });
  await second.capture.stop();
  const third = await listen(db, watched, { fresh: false });
  await third.quiet();
  expect(third.told.rows).toEqual(['lines update 3']);
  await until(async () => (await db.sql(waiting))[0].n === 0, { what: 'the other to be deleted' });
});

test('everything is told again of what was not acknowledged: that a table is new, and that something was lost', async () => {
  const { db, watched } = await begin();
  const first = await listen(db, watched, { keep: true, fresh: false });
  await first.quiet();
  expect(first.told.alls).toHaveLength(1);
  await db.sql(`select nextval('evenkeel.change_lost')`);
  await until(() => first.told.gaps.length > 0, { what: 'the gap' });
  await first.capture.stop();
  const second = await listen(db, watched, { fresh: false });
  await second.quiet();
  expect([second.told.alls.length, second.told.gaps.length]).toEqual([1, 1]);
  await second.quiet();
  await second.capture.stop();
  const third = await listen(db, watched, { fresh: false });
  await third.quiet();
  expect([third.told.alls.length, third.told.gaps.length]).toEqual([0, 0]);
});

test('a reader whose sessions are killed says so, and the next one is told', async () => {
  const { db, watched } = await begin();
  const first = await listen(db, watched, { keep: true });
  await db.sql('update lines set amount = 2 where id = 1');
  await first.quiet();
  const kill = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'evenkeel' and datname = current_database()`;
  const ended = first.capture.ended.catch(() => 'ended');
  await until(
    async () => {
      await db.sql(kill);
      return Promise.race([ended, Promise.resolve(undefined)]);
    },
    { what: 'capture to end' },
  );
  const second = await listen(db, watched, { fresh: false });
  await second.quiet();
  expect(second.told.rows).toEqual(['lines update 1']);
});

test('two readers at once: each change is told, and both go on', async () => {
  const { db, watched } = await begin();
  const a = await listen(db, watched);
  const b = await listen(db, watched);
  const app = await db.client();
  for (let i = 1; i <= 200; i++) await app.query('update lines set amount = 2 where id = $1', [i]);
  await a.quiet();
  await b.quiet();
  expect(new Set([...a.told.rows, ...b.told.rows]).size).toBe(200);
  expect([...a.told.gaps, ...b.told.gaps]).toEqual([]);
});

test('writers that commit out of order, and one that takes long: nobody waits, nobody is missed', async () => {
  const { db, watched } = await begin();
  const { told, quiet } = await listen(db, watched);
  const [long, middle, late] = [await db.client(), await db.client(), await db.client()];
  await long.query('begin; update lines set amount = 2 where id = 1');
  await middle.query('begin; update lines set amount = 2 where id = 2');
  await late.query('begin; update lines set amount = 2 where id = 3; commit');
  await quiet();
  expect(told.rows).toEqual(['lines update 3']);
  await long.query('update lines set amount = 2 where id = 4');
  await middle.query('commit');
  await quiet();
  expect(told.rows).toEqual(['lines update 3', 'lines update 2']);
  await late.query('begin; update lines set amount = 2 where id = 5');
  await long.query('commit');
  await late.query('commit');
  await quiet();
  expect(told.transactions.map(({ rows }) => rows.map(row => row.slice(-1)).join(''))).toEqual([
    '3',
    '2',
    '14',
    '5',
  ]);
});

test('random writers: everything is told exactly once to a reader that lives on, whatever the size of its looks', async () => {
  const { db } = await begin();
  const queue = new Queue(db.pool);
  const clients = await Promise.all(Array.from({ length: 6 }, () => db.client()));
  const listed: string[] = [];
  const committed: string[] = [];
  const read = async () => {
    const { transactions } = await queue.list(3);
    listed.push(...transactions.map(({ xid }) => xid));
    return transactions.length;
  };
  const state = { writing: clients.length };
  const writers = clients.map(async (client, i) => {
    for (let n = 0; n < 40; n++) {
      await client.query('begin');
      const { rows } = await client.query('select pg_current_xact_id()::text as xid');
      for (let s = 0; s <= (n * 7 + i) % 4; s++)
        await client.query('update lines set amount = $2 where id = $1', [
          1 + ((n * 31 + s) % 40) + i * 100,
          n,
        ]);
      const kept = (n + i) % 5 > 0;
      await client.query(kept ? 'commit' : 'rollback');
      if (kept) committed.push(rows[0].xid);
    }
    state.writing--;
  });
  while (state.writing > 0) await read();
  await Promise.all(writers);
  while ((await read()) > 0);
  expect(listed.toSorted()).toEqual(committed.toSorted());
});

test('neither deleted rows that a foreign snapshot keeps nor a long writer make looking dearer', async () => {
  const { db, watched } = await begin();
  const { capture } = await listen(db, watched);
  const [reader, writer] = [await db.client(), await db.client()];
  await reader.query('begin isolation level repeatable read; select from lines limit 1');
  await writer.query('begin; insert into lines values (9999, 1, 1)');
  await writer.query(
    `do $$ begin for i in 1..1000 loop update lines set amount = 2 where id = 9999; end loop; end $$`,
  );
  await db.sql(
    `do $$ begin for i in 1..3000 loop update lines set amount = 2 where id = i; commit; end loop; end $$`,
  );
  await until(async () => (await db.sql(waiting))[0].n === 0, { what: 'all to be told and deleted' });
  await capture.stop();
  const queue = new Queue(db.pool);
  await queue.list();
  const blocks = async () => {
    await db.sql('select pg_stat_force_next_flush()');
    const [{ n }] = await db.sql(
      `select (idx_blks_hit + idx_blks_read + heap_blks_hit + heap_blks_read)::int as n from pg_statio_user_tables where relid = 'evenkeel.change'::regclass`,
    );
    return n as number;
  };
  // Statistics come with the end of a session's transaction, a moment later.
  const settled = async () => {
    let last = -1;
    return until(
      async () => {
        const now = await blocks();
        const same = now === last;
        last = now;
        return same ? { now } : undefined;
      },
      { what: 'the counters to stand still' },
    );
  };
  const before = (await settled()).now;
  for (let i = 0; i < 20; i++) await queue.list();
  const after = (await settled()).now;
  expect((after - before) / 20).toBeLessThan(20);
  await writer.query('rollback');
  await reader.query('rollback');
});

test('a large transaction is told in pages, while the sink may ask to wait; what fits is told at once', async () => {
  const { db, watched } = await begin();
  const { told, quiet } = await listen(db, watched);
  let go = () => {};
  told.wait = new Promise(resolve => (go = resolve));
  await db.sql(
    `do $$ begin for i in 1..1800 loop update lines set amount = 2 where id = i; end loop; end $$`,
  );
  await db.sql('update lines set amount = 3 where id = 2000');
  expect(told.rows).toEqual([]);
  go();
  await quiet();
  expect(told.transactions.map(({ rows }) => rows.length)).toEqual([1800, 1]);
});

test('stop does not wait for a sink that is full', async () => {
  const { db, watched } = await begin();
  const { told, capture } = await listen(db, watched);
  let asked = false;
  told.full = () => {
    asked = true;
    return new Promise(() => {});
  };
  await db.sql('update lines set amount = 3 where id = 2000');
  await until(() => asked, { what: 'the sink to be asked' });
  await capture.stop();
  expect((await db.sql(waiting))[0].n).toBe(1);
});

test('other tables, other columns: told as all until the triggers fit', async () => {
  const { db, watched } = await begin();
  const { told, quiet, capture } = await listen(db, watched);
  const wider = watched.map(table => ({ ...table, columns: ['id', 'order_id'] }));
  await capture.watch(wider);
  await until(() => told.alls.length > 1, { what: 'all to be told' });
  expect(told.alls[0]).toBe('lines: the triggers of public.lines do not capture id');
  await capture.watch([]);
  await db.sql('update lines set amount = 3 where id = 1');
  await quiet();
  told.clear();
  await capture.watch(watched);
  await quiet();
  expect([told.rows, told.alls]).toEqual([[], ['lines: it was altered, or its triggers are new']]);
});
