/** A reader that waits for room for long is no reader that died. */
import { expect, test } from 'vitest';
import { freshDatabase } from '../../support/database.ts';
import { until } from '../../support/wait.ts';
import { telling } from './telling.ts';

test(
  'the server does not take a reader that waits for room for one that died',
  { timeout: 90_000 },
  async () => {
    const db = await freshDatabase();
    await db.sql(`create table t (id int primary key)`);
    const one = await telling(db, { t: ['id'] });
    let room = () => {};
    one.notes.hold = new Promise(resolve => (room = resolve));
    const [{ pid }] = await db.sql(
      `select active_pid as pid from pg_replication_slots where database = current_database()`,
    );
    expect(pid).not.toBeNull();
    // More than sockets hold.
    await db.sql('insert into t select generate_series(1, 300000)');
    const [{ at }] = await db.sql('select clock_timestamp() as at');
    // The server lets go of one that is silent for 20 s.
    await until(
      async () =>
        (await db.sql(`select clock_timestamp() > $1::timestamptz + interval '24 seconds' as over`, [at]))[0]
          .over,
      { what: '24 seconds to be over by the server', timeoutMs: 30_000 },
    );
    expect(
      await db.sql(`select active_pid as pid from pg_replication_slots where database = current_database()`),
    ).toEqual([{ pid }]);
    room();
    one.notes.hold = undefined;
    await one.line('t insert → 300000');
  },
);
