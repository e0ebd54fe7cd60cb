import { type Running, folder, start } from '../cli/run.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';
import { until } from '../support/wait.ts';
import { env, schema } from './ground.ts';

/** Processes by name on a database of their own, which keeps account of who swept when, on its own clock. */
export interface Scene {
  readonly db: FreshDatabase;
  /** Starts one and waits until it tells that it lives. Its connections carry its name. */
  up(name: string): Promise<Running>;
  /** Until this one holds the lease, and the cursor moves by its hand. */
  sweeps(name: string): Promise<void>;
  /** Until it tells once more that it lives. */
  beats(name: string): Promise<void>;
  /** Shelf 1 is made wrong: it says 77 where 3 are. */
  breakShelf(): Promise<void>;
  /** Until shelf 1 is right and nothing is listed. */
  healed(): Promise<void>;
  shelf(): Promise<{ n: string; entries: number }>;
  now(): Promise<Date>;
  /** Changes of the holder since then: by whom, by how much the fence grew, and whether it took more than ten seconds. */
  takeovers(since: Date): Promise<{ by: string; grew: number; late: boolean }[]>;
  /** Which process a backend works for. */
  nameOf(backend: number): Promise<string>;
}

/** Not part of Evenkeel: the test's own account, kept by triggers. */
const account = `
  create table took (at timestamptz, by text, fence bigint, grew bigint);
  create table moved (at timestamptz, by text);
  create function note_lease() returns trigger language plpgsql as $$ begin
    insert into public.took values
      (clock_timestamp(), current_setting('application_name'), new.fence, new.fence - old.fence);
    return null;
  end $$;
  create function note_cursor() returns trigger language plpgsql as $$ begin
    insert into public.moved values (clock_timestamp(), current_setting('application_name'));
    return null;
  end $$;
  create trigger note after update on evenkeel.lease for each row when (new.fence <> old.fence)
    execute function note_lease();
  create trigger note after update on evenkeel.invariant for each row
    when ((new.cursor, new.passes, new.proved_at) is distinct from (old.cursor, old.passes, old.proved_at))
    execute function note_cursor();`;

export async function scene(files: Readonly<Record<string, string>>, extra = ''): Promise<Scene> {
  const db = await freshDatabase();
  await db.sql(schema + extra);
  const cwd = await folder(files);
  let first = true;
  const one = async (text: string, values?: unknown[]) => (await db.sql(text, values))[0];
  const wait = (text: string, what: string, values?: unknown[]) =>
    until(async () => (await one(text, values))?.yes === true, { what, timeoutMs: 60_000 });
  const scene: Scene = {
    db,
    async up(name) {
      const url = new URL(db.url);
      url.searchParams.set('application_name', name);
      const running = await start({ url: url.href, cwd, env }, 'up', '--invariants', 'invariants');
      const there = `select to_regclass('evenkeel.process') is not null as yes`;
      await wait(there, 'the schema of Evenkeel');
      const { pid } = running.process;
      await wait('select exists (select from evenkeel.process where pid = $1) as yes', `${name} to live`, [
        pid,
      ]);
      if (first) await db.sql(account);
      first = false;
      names.set(name, pid);
      return running;
    },
    async sweeps(name) {
      await wait(
        `select exists (select from evenkeel.lease l join evenkeel.process p on p.id = l.holder
                         where l.name = 'sweep' and p.pid = $1 and l.expires_at > clock_timestamp()) as yes`,
        `${name} to take the lease`,
        [names.get(name)],
      );
      const since = await scene.now();
      await wait('select exists (select from moved where by = $1 and at > $2) as yes', `${name} to sweep`, [
        name,
        since,
      ]);
    },
    async beats(name) {
      const since = await scene.now();
      await wait(
        'select exists (select from evenkeel.process where pid = $1 and heartbeat_at > $2) as yes',
        `${name} to say that it lives`,
        [names.get(name), since],
      );
    },
    breakShelf: async () => void (await db.sql('update shelf set n = 77 where id = 1')),
    healed: async () => {
      await wait(
        `select n = 3 and not exists (select from evenkeel.violation) as yes from shelf where id = 1`,
        'the shelf to be healed',
      );
    },
    shelf: () =>
      one(`select n, (select count(*)::int from evenkeel.entry) as entries from shelf where id = 1`),
    now: async () => (await one('select clock_timestamp() as at')).at,
    takeovers: since =>
      db.sql(
        `select by, grew::int, at > $1::timestamptz + interval '10 seconds' as late from took where at > $1 order by at`,
        [since],
      ),
    nameOf: async backend =>
      (await one('select application_name as name from pg_stat_activity where pid = $1', [backend])).name,
  };
  const names = new Map<string, number | undefined>();
  return scene;
}
