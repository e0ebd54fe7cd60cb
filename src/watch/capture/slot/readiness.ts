import { type Pool, describe, sqlState } from '../../../db/pool.ts';
import { findSlots } from './slot.ts';
import { publicationName } from './publication.ts';
import { Stream } from './stream.ts';

/** Why slot capture is not possible, in one sentence; undefined: it is. @param url past any pooler */
export async function unready(pool: Pool, url: string): Promise<string | undefined> {
  return (await fromCatalog(pool)) ?? fromConnection(pool, url);
}

async function fromCatalog(pool: Pool): Promise<string | undefined> {
  const { rows } = await pool.query<{
    standby: boolean;
    level: string;
    role: string;
    replicates: boolean;
    publishes: boolean;
    slots: number;
    senders: number;
    all: boolean;
  }>(
    `select pg_is_in_recovery() as standby, current_setting('wal_level') as level, current_user::text as role,
            r.rolsuper or r.rolreplication or exists (
              select from pg_roles m where m.rolname in ('rds_replication', 'cloudsqlsuperuser') and pg_has_role(m.oid, 'member')) as replicates,
            has_database_privilege(current_database(), 'create')
              or exists (select from pg_publication where pubname = $1) as publishes,
            current_setting('max_replication_slots')::int - (select count(*) from pg_replication_slots)::int as slots,
            current_setting('max_wal_senders')::int - (select count(*) from pg_stat_get_wal_senders())::int as senders,
            current_setting('synchronous_standby_names') ~ '\\*' as all
       from pg_roles r where r.rolname = current_user`,
    [publicationName],
  );
  const here = rows[0];
  if (!here) return 'the role is not in pg_roles';
  if (here.standby) return 'this is a standby: point DATABASE_URL at the primary';
  if (here.level !== 'logical') return `wal_level is ${here.level}: set it to logical and restart the server`;
  if (!here.replicates) return `the role ${here.role} may not replicate: alter role ${here.role} replication`;
  if (!here.publishes)
    return `the role ${here.role} may not create a publication: \`evenkeel install --print\` prints it`;
  const own = (await findSlots(pool)).length;
  if (here.slots + own < 1) return 'every replication slot is taken: raise max_replication_slots';
  if (here.senders + own < 1) return 'every WAL sender is taken: raise max_wal_senders';
  if (here.all)
    return "synchronous_standby_names holds '*': commits would wait until Evenkeel has looked at them";
  return undefined;
}

/** A pooler, or another server, may be in the way. */
async function fromConnection(pool: Pool, url: string): Promise<string | undefined> {
  const stream = new Stream(url);
  try {
    await stream.open();
    const [there] = await stream.query<{ systemid: string; dbname: string | null }>('IDENTIFY_SYSTEM');
    const { rows } = await pool.query<{ id: string; database: string }>(
      'select system_identifier::text as id, current_database()::text as database from pg_control_system()',
    );
    const same = there?.systemid === rows[0]?.id && there?.dbname === rows[0]?.database;
    return same ? undefined : 'EVENKEEL_DIRECT_URL leads to another database than DATABASE_URL';
  } catch (error) {
    const pooler = sqlState(error) === '08P01' ? ': point EVENKEEL_DIRECT_URL past the pooler' : '';
    return `the server takes no replication connection: ${describe(error)}${pooler}`;
  } finally {
    await stream.close();
  }
}
