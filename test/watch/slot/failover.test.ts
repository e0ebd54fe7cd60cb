/** A standby takes over: what its slot knows goes on, and what it can't know is looked at again. */
import { expect, test } from 'vitest';
import { unready } from '../../../src/watch/capture/slot/readiness.ts';
import { freshCluster } from '../../support/cluster.ts';
import { own, standbyOf } from '../../support/standby.ts';
import { until } from '../../support/wait.ts';
import { slots, telling } from './telling.ts';

const t = { t: ['id'] };

test(
  'a promoted standby goes on where its copy of the slot is, or is looked at whole',
  { timeout: 90_000 },
  async () => {
    const primary = await freshCluster();
    const db = own(primary.url);
    const [{ major }] = await db.sql(`select current_setting('server_version_num')::int / 10000 as major`);
    const copies = major >= 17;
    await db.sql(
      `select pg_create_physical_replication_slot('standby', true); create table t (id int primary key)`,
    );
    const one = await telling(db, t);
    one.acknowledge();
    await until(async () => (await db.sql('select slot from evenkeel.capture'))[0].slot, {
      what: 'the slot to be remembered',
    });
    const standby = await standbyOf(primary, copies ? { sync_replication_slots: 'on' } : {});
    const copy = own(standby.url);
    expect(await unready(copy.pool, standby.url)).toMatch(/standby/);
    let n = 0;
    if (copies) {
      // The copy counts once the slot has moved past what the standby began with.
      await until(
        async () => {
          await db.sql('insert into t values ($1)', [++n]);
          await one.line(`t insert → ${n}`);
          one.acknowledge();
          const [slot] = await copy.sql(
            `select synced and not temporary as copied from pg_replication_slots where slot_name like 'evenkeel%'`,
          );
          return slot?.copied;
        },
        { what: 'the slot to be copied', timeoutMs: 60_000 },
      );
    }
    await one.stop();
    // Committed, and told to nobody before the primary is gone.
    await db.sql('insert into t values (1000)');
    const [{ lsn }] = await db.sql('select pg_current_wal_flush_lsn()::text as lsn');
    await until(
      async () => (await copy.sql('select pg_last_wal_replay_lsn() >= $1::pg_lsn as there', [lsn]))[0].there,
      {
        what: 'the standby to have it',
      },
    );
    await primary.kill();
    await copy.sql('select pg_promote()');
    expect((await copy.sql('select pg_is_in_recovery() as standby'))[0].standby).toBe(false);

    const two = await telling(copy, t);
    if (copies) {
      await two.line('t insert → 1000');
      expect(two.notes.gaps).toEqual([]);
    } else {
      expect(two.notes.gaps).toEqual([expect.stringMatching(/^the replication slot evenkeel_\S+ is gone$/)]);
    }
    await copy.sql('insert into t values (1001)');
    await two.line('t insert → 1001');
    expect(await slots(copy)).toHaveLength(1);
  },
);
