import type { Bound } from '../ask/bind.ts';
import { raise } from '../alerts/raise.ts';
import { type Pool, arrayText, often } from '../db/pool.ts';
import type { Capture, Position } from './capture/capture.ts';
import type { Cause, Held, Loaded, Suspect } from './suspects.ts';
import type { Mark } from './tracer.ts';
import { visibleIn, visibleNow } from './visible.ts';

/** What the watcher leaves in the database: how it captures, up to where, and what must not be forgotten. */

/**
 * How changes are told from now on. Another way than before means that some may have been missed in between.
 * @returns whether all were told until now; false until the gap is noted, also by a process that died before it was
 */
export async function noteKind(pool: Pool, kind: Capture['kind'] | 'sweeps', why: string): Promise<boolean> {
  const { rows } = await pool.query<{ gapless: boolean }>(
    `update evenkeel.capture
        set kind = $1, why = $2, since = case when kind = $1 then since end,
            verified_at = case when kind = $1 then verified_at end
     returning since is not null as gapless`,
    [kind, why],
  );
  return rows[0]?.gapless ?? false;
}

/** What an invariant rests on: capture, where each change can be followed to its keys; else sweeps, and why. */
export interface Backing {
  readonly name: string;
  readonly unfollowed: readonly string[];
}

/**
 * Those that aren't named rest on nothing but sweeps: nobody follows what changes meanwhile. One that begins to rest on
 * capture is swept once more, for until then its changes were looked at by nobody; one that ceases to is swept from now on,
 * and not at the end of the long pause that was meant for a backstop.
 * @returns the names of those that rest on capture
 */
export async function noteBacking(
  pool: Pool,
  captures: boolean,
  backings: readonly Backing[],
): Promise<Set<string>> {
  await pool.query(
    `update evenkeel.invariant i
        set backed_by = b.by, unfollowed = b.unfollowed, verified_at = case when b.followed then i.verified_at end,
            stale_since = case when b.joins then clock_timestamp() else i.stale_since end,
            stale_why = case when b.joins then 'it is followed from now on' else i.stale_why end,
            next_pass_at = case when b.by is distinct from i.backed_by then least(i.next_pass_at, clock_timestamp())
                                else i.next_pass_at end
       from (select n.name, x is not null and $1 as followed,
                    coalesce(array(select jsonb_array_elements_text(x->'unfollowed')), '{}') as unfollowed,
                    case when f.follows then 'capture' else 'sweeps' end as by,
                    f.follows and n.backed_by = 'sweeps' as joins
               from evenkeel.invariant n
               left join jsonb_array_elements($2::jsonb) x on x->>'name' = n.name
              cross join lateral (select $1 and x is not null and n.escapes = 0 and x->'unfollowed' = '[]') f(follows)) b
      where i.name = b.name and (i.backed_by, i.unfollowed) is distinct from (b.by, b.unfollowed)`,
    [captures, JSON.stringify(backings)],
  );
  const { rows } = await pool.query<{ name: string }>(
    `select name from evenkeel.invariant where backed_by = 'capture'`,
  );
  return new Set(rows.map(({ name }) => name));
}

/** Every row of these has to be looked at again, from now on. @returns those noted: others wait until changes can be seen */
export async function noteStale(
  pool: Pool,
  stale: ReadonlyMap<string, Mark>,
): Promise<ReadonlyMap<string, Mark>> {
  if (stale.size === 0) return stale;
  const visible = await visibleNow(pool);
  const ready = new Map([...stale].filter(([, { xids }]) => [...xids].every(visible)));
  await pool.query(
    `with covered as (delete from evenkeel.range where invariant = any($1))
     update evenkeel.invariant i
        set stale_since = clock_timestamp(), stale_why = s.why, next_pass_at = least(i.next_pass_at, clock_timestamp())
       from unnest($1::text[], $2::text[]) s(name, why) where i.name = s.name`,
    [[...ready.keys()], [...ready.values()].map(({ why }) => why)],
  );
  return ready;
}

/** Changes were lost, or may have been: everything has to be looked at again. */
export async function noteGap(pool: Pool, why: string): Promise<void> {
  const { rows } = await pool.query<{ captured: boolean }>(
    `with before as (select since from evenkeel.capture), stale as (
       update evenkeel.invariant
          set stale_since = clock_timestamp(), stale_why = $1, next_pass_at = least(next_pass_at, clock_timestamp())
        where retired_at is null
     ), covered as (delete from evenkeel.range)
     update evenkeel.capture set since = clock_timestamp(), gap_at = clock_timestamp(), gap_why = $1
       from before returning before.since is not null as captured`,
    [why],
  );
  if (rows[0]?.captured) {
    await raise(
      pool,
      'gap',
      undefined,
      `changes may have been missed (${why}): every row is looked at again`,
    );
  }
}

/**
 * Keeps suspects that wait for longer than capture may be kept waiting.
 * @returns what marks their rows as written by this call; undefined: another wording is in force, and is swept anyway
 */
export async function keep(pool: Pool, bound: Bound, held: readonly Held[]): Promise<string | undefined> {
  const { rows } = await pool.query<{ kept: string }>(
    `insert into evenkeel.suspect as s (invariant, key, since, cause)
     select $1, key::text[], k.since, cause::jsonb
       from unnest($2::text[], $3::timestamptz[], $4::text[]) k(key, since, cause)
      where exists (select from evenkeel.invariant where name = $1 and hash = $5)
     on conflict (invariant, key) do update set since = least(s.since, excluded.since), cause = excluded.cause
     returning xmin::text as kept`,
    [
      bound.name,
      arrayText(held.map(({ key }) => arrayText(key))),
      arrayText(held.map(({ since }) => new Date(since).toISOString())),
      arrayText(held.map(({ cause, unseen }) => JSON.stringify({ ...cause, unseen }))),
      bound.hash,
    ],
  );
  return rows[0]?.kept;
}

type Kept = Loaded & { readonly invariant: string };

export async function loadKept(pool: Pool): Promise<readonly Kept[]> {
  const { rows } = await pool.query<
    Omit<Kept, 'since' | 'cause'> & {
      since: Date;
      cause: Omit<Cause, 'at'> & { at: string; unseen?: string[] };
    }
  >('select invariant, key, since, cause, xmin::text as kept from evenkeel.suspect order by since');
  return rows.map(({ since, cause: { unseen = [], ...cause }, ...row }) => ({
    ...row,
    since: since.getTime(),
    cause: { ...cause, at: new Date(cause.at) },
    unseen,
  }));
}

/** Those that were looked at need not be kept any more; what was kept of them meanwhile is. */
export async function forgetLooked(pool: Pool, name: string, suspects: readonly Suspect[]): Promise<void> {
  const kept = suspects.filter(one => one.kept !== undefined);
  if (kept.length === 0) return;
  await pool.query(
    `delete from evenkeel.suspect s using unnest($2::text[], $3::text[]) k(key, kept)
      where s.invariant = $1 and s.key = k.key::text[] and s.xmin::text = k.kept`,
    [name, arrayText(kept.map(({ key }) => arrayText(key))), arrayText(kept.map(one => one.kept ?? null))],
  );
}

export async function forgetKept(pool: Pool, name: string): Promise<void> {
  await pool.query('delete from evenkeel.suspect where invariant = $1', [name]);
}

/** Up to when committed changes were looked at: of everything, and invariant by invariant. @returns the database's now */
export async function noteProgress(
  pool: Pool,
  position: Position | undefined,
  waiting: number,
  verified: ReadonlyMap<string, Date>,
): Promise<{ readonly at: Date; readonly visible: (xid: string) => boolean }> {
  const rows = await often<{ at: Date; snapshot: string }>(
    pool,
    `with verified as (
       select name, least(at, (select min(since) from evenkeel.range where invariant = name)) as at
         from unnest($3::text[], $4::timestamptz[]) v(name, at)
     ), each as (
       update evenkeel.invariant i set verified_at = v.at
         from verified v where i.name = v.name and i.verified_at is distinct from v.at
     )
     update evenkeel.capture
        set position = coalesce($1::numeric, position), waiting = $2,
            verified_at = coalesce((select min(at) from verified), verified_at)
     returning clock_timestamp() as at, pg_current_snapshot()::text as snapshot`,
    [position?.toString() ?? null, waiting, [...verified.keys()], [...verified.values()]],
  );
  const [{ at, snapshot }] = rows as [(typeof rows)[0]];
  return { at, visible: visibleIn(snapshot) };
}

/** Was everything looked at since capture began to tell of it? Until then a sweep finds what nobody ever told. */
export async function isProved(pool: Pool, name: string): Promise<boolean> {
  const { rows } = await pool.query(
    `select from evenkeel.invariant i, evenkeel.capture c
      where i.name = $1 and i.backed_by = 'capture' and i.stale_since is null and i.proved_at > c.since
        and not exists (select from evenkeel.range where invariant = i.name)`,
    [name],
  );
  return rows.length > 0;
}

/** Violations that only a sweep found although capture should have told of them: from now on it rests on sweeps. */
export async function noteEscapes(pool: Pool, name: string, escapes: number): Promise<boolean> {
  const { rows } = await pool.query<{ counted: boolean }>(
    `update evenkeel.invariant i
        set escapes = i.escapes + $2, escaped_at = clock_timestamp(), backed_by = 'sweeps',
            next_pass_at = least(i.next_pass_at, clock_timestamp())
      where i.name = $1 and i.backed_by = 'capture' and i.stale_since is null
     returning true as counted`,
    [name, escapes],
  );
  if (rows.length === 0) return false;
  await raise(
    pool,
    'escaped',
    name,
    `${name}: capture missed ${escapes} violation${escapes > 1 ? 's' : ''} that a sweep found; it rests on sweeps from now on`,
  );
  return true;
}
