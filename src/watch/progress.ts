import type { Bound } from '../ask/bind.ts';
import type { Key } from '../ask/ask.ts';
import { raise } from '../alerts/raise.ts';
import { type Pool, arrayText } from '../db/pool.ts';
import type { Capture, Position } from './capture/capture.ts';
import type { Cause, Suspect } from './suspects.ts';

/** What the watcher leaves in the database: how it captures, up to where, and what must not be forgotten. */

/** How changes are told from now on. Another way than before means that some may have been missed in between. */
export async function noteKind(pool: Pool, kind: Capture['kind'] | 'sweeps', why: string): Promise<string> {
  const { rows } = await pool.query<{ before: string }>(
    `with before as (select kind from evenkeel.capture)
     update evenkeel.capture c
        set kind = $1, why = $2, since = case when c.kind = $1 then c.since end,
            verified_at = case when c.kind = $1 then c.verified_at end
       from before where true returning before.kind as before`,
    [kind, why],
  );
  return rows[0]?.before ?? 'sweeps';
}

/** What an invariant rests on: capture, where each change can be followed to its keys; else sweeps, and why. */
export interface Backing {
  readonly name: string;
  readonly unfollowed: readonly string[];
}

export async function noteBacking(
  pool: Pool,
  captures: boolean,
  backings: readonly Backing[],
): Promise<void> {
  await pool.query(
    `update evenkeel.invariant i
        set backed_by = case when $1 and cardinality(b.unfollowed) = 0 and i.escapes = 0 then 'capture' else 'sweeps' end,
            unfollowed = b.unfollowed, verified_at = case when $1 then i.verified_at end
       from (select x->>'name' as name, array(select jsonb_array_elements_text(x->'unfollowed')) as unfollowed
               from jsonb_array_elements($2::jsonb) x) b
      where i.name = b.name
        and (i.backed_by, i.unfollowed) is distinct from
            (case when $1 and cardinality(b.unfollowed) = 0 and i.escapes = 0 then 'capture' else 'sweeps' end, b.unfollowed)`,
    [captures, JSON.stringify(backings)],
  );
}

/** Every row of these has to be looked at again, from now on. */
export async function noteStale(pool: Pool, stale: ReadonlyMap<string, string>): Promise<void> {
  await pool.query(
    `update evenkeel.invariant i
        set stale_since = clock_timestamp(), stale_why = s.why, next_pass_at = least(i.next_pass_at, clock_timestamp())
       from unnest($1::text[], $2::text[]) s(name, why) where i.name = s.name`,
    [[...stale.keys()], [...stale.values()]],
  );
}

/** Changes were lost, or may have been: everything has to be looked at again. */
export async function noteGap(pool: Pool, why: string): Promise<void> {
  const { rows } = await pool.query<{ captured: boolean }>(
    `with before as (select since from evenkeel.capture), stale as (
       update evenkeel.invariant
          set stale_since = clock_timestamp(), stale_why = $1, next_pass_at = least(next_pass_at, clock_timestamp())
        where retired_at is null
     )
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

/** Keeps suspects that wait for longer than capture may be kept waiting. */
export async function keep(pool: Pool, bound: Bound, suspects: readonly Suspect[]): Promise<void> {
  await pool.query(
    `insert into evenkeel.suspect as s (invariant, key, since, cause)
     select $1, key::text[], since, cause::jsonb from unnest($2::text[], $3::timestamptz[], $4::text[]) k(key, since, cause)
     on conflict (invariant, key) do update set since = least(s.since, excluded.since), cause = excluded.cause`,
    [
      bound.name,
      suspects.map(({ key }) => arrayText(key)),
      suspects.map(({ since }) => new Date(since)),
      suspects.map(({ cause }) => JSON.stringify(cause)),
    ],
  );
}

export interface Kept {
  readonly invariant: string;
  readonly key: Key;
  readonly since: Date;
  readonly cause: Omit<Cause, 'at'> & { readonly at: string };
}

export async function loadKept(pool: Pool): Promise<readonly Kept[]> {
  const { rows } = await pool.query<Kept>(
    'select invariant, key, since, cause from evenkeel.suspect order by since',
  );
  return rows;
}

export async function forgetKept(pool: Pool, name: string): Promise<void> {
  await pool.query('delete from evenkeel.suspect where invariant = $1', [name]);
}

/** Up to when committed changes were looked at: of everything, and invariant by invariant. */
export async function noteProgress(
  pool: Pool,
  position: Position | undefined,
  waiting: number,
  verified: ReadonlyMap<string, Date>,
): Promise<void> {
  const least = [...verified.values()].reduce((a, b) => (a < b ? a : b), new Date(8.64e15));
  await pool.query(
    `with progress as (
       update evenkeel.capture
          set position = coalesce($1::numeric, position), waiting = $2,
              verified_at = case when $3::timestamptz < 'infinity' then $3 else verified_at end
     )
     update evenkeel.invariant i set verified_at = v.at
       from unnest($4::text[], $5::timestamptz[]) v(name, at)
      where i.name = v.name and i.verified_at is distinct from v.at`,
    [
      position?.toString() ?? null,
      waiting,
      verified.size > 0 ? least : 'infinity',
      [...verified.keys()],
      [...verified.values()],
    ],
  );
}

/** Violations that only a sweep found although capture should have told of them: from now on it rests on sweeps. */
export async function noteEscapes(pool: Pool, name: string, escapes: number): Promise<void> {
  const { rows } = await pool.query<{ counted: boolean }>(
    `update evenkeel.invariant i
        set escapes = i.escapes + $2, escaped_at = clock_timestamp(), backed_by = 'sweeps'
       from evenkeel.capture c
      where i.name = $1 and i.backed_by = 'capture' and i.stale_since is null and i.proved_at > c.since
     returning true as counted`,
    [name, escapes],
  );
  if (rows.length === 0) return;
  await raise(
    pool,
    'escaped',
    name,
    `${name}: capture missed ${escapes} violation${escapes > 1 ? 's' : ''} that a sweep found; it rests on sweeps from now on`,
  );
}
