import type { Bound } from '../ask/bind.ts';
import { type Key, askRange, keyColumns } from '../ask/ask.ts';
import { type Pool, ask, quote, transaction } from '../db/pool.ts';
import { type Pace, most } from './chunk.ts';
import { nextEdge } from './edge.ts';
import { inRanges } from './sweep.ts';
import type { Cause, Suspect } from './suspects.ts';

/**
 * Bursts: where a statement changed a hundred thousand neighbouring rows, walking the range that holds them is cheaper than
 * asking of each, and far cheaper than walking all rows. Ranges are in the database, so nothing is held back by them.
 */

/** A range that is to be swept; what of it was swept is cut off its start. */
export interface KeyRange {
  readonly id: string;
  /** Exclusive. */
  readonly after: readonly string[];
  /** Inclusive. */
  readonly upTo: readonly string[];
  /** The transaction that changed the most of its keys, as it is kept (JSON). */
  readonly cause: object;
  readonly notedAt: Date;
}

/** Suspects are told apart as crowded or not by so many neighbours at a time. */
const neighbours = 64;
/** An invariant with more ranges than this is swept as a whole. */
const mostRanges = 1_000;

/**
 * Notes the ranges in which `suspects` lie close together. All their changes have to be visible: what a sweep begun
 * from now on sees is what counts. The first key of each run stays a suspect, since ranges begin past their first key.
 * @returns those that lie apart, and have to be asked one by one; undefined: it can't be swept in ranges, nothing is noted
 */
export async function noteRanges(
  pool: Pool,
  bound: Bound,
  suspects: readonly Suspect[],
): Promise<readonly Suspect[] | undefined> {
  if (!inRanges(bound) || suspects.length === 0) return undefined;
  const kept = suspects.map(({ key }) => key);
  const oldest = suspects.reduce((since, one) => Math.min(since, one.since), Number.POSITIVE_INFINITY);
  const limits = { statement: 10_000, schemas: bound.schemas };
  return transaction(pool, limits, async tx => {
    const rows = await ask(tx, runs(bound), [
      ...keyColumns(bound.key.length, kept),
      neighbours,
      crowd(bound),
      bound.name,
      bound.hash,
      new Date(oldest),
      JSON.stringify(causeOf(suspects)),
      mostRanges,
    ]);
    const [ranges, apart] = rows[0] as [string, string | null];
    if (ranges === '0') return undefined;
    const left = apart === null || apart === '' ? [] : apart.split(',');
    return left.map(n => suspects[Number(n) - 1] as Suspect);
  });
}

/** So many rows among neighbours may lie between the first and the last of them: walking a row costs less than asking a key. */
function crowd({ costs, table }: Bound): number {
  const asked = Math.min(costs.lateral, costs.more > 0 ? costs.more : costs.any);
  const walked = costs.range / Math.max(1, table.rows / 100);
  const ratio = walked > 0 ? asked / walked : most;
  return Math.round(neighbours * Math.min(50, Math.max(2, ratio)));
}

/** The transaction that changed the most of them, and how many others may be to blame. */
function causeOf(suspects: readonly Suspect[]): object {
  const changed = new Map<string, { cause: Cause; n: number }>();
  for (const { cause } of suspects) {
    const known = changed.get(cause.xid);
    if (known) known.n++;
    else changed.set(cause.xid, { cause, n: 1 });
  }
  const { cause } = [...changed.values()].reduce((most, one) => (one.n > most.n ? one : most));
  return changed.size > 1 ? { ...cause, others: changed.size - 1 } : cause;
}

/**
 * Keys in order, an edge at every n-th, and between two edges the rows that the governed table has: few enough, and that
 * piece belongs to a run. Runs are noted; what lies in none comes back by its place in the list.
 */
function runs(bound: Bound): string {
  const { key, table } = bound;
  const parts = key.length;
  const ks = key.map((_, i) => `k${i}`);
  const list = (prefix: string, names: readonly string[]) =>
    names.map(name => `${prefix}.${name}`).join(', ');
  const ns = key.map((_, i) => `n${i}`);
  const columns = key.map(({ name }) => `t.${quote(name)}`).join(', ');
  const text = (prefix: string, names: readonly string[]) =>
    `array[${names.map(name => `${prefix}.${name}::text`).join(', ')}]`;
  const p = (n: number) => `$${parts + n}`;
  return `with told as (
      select u.n, ${key.map(({ base }, i) => `u.k${i}::${base} as k${i}`).join(', ')}
        from unnest(${key.map((_, i) => `$${i + 1}::text[]`).join(', ')}) with ordinality u(${ks.join(', ')}, n)
    ), lined as materialized (
      select n, ${ks.join(', ')}, row_number() over (order by ${ks.join(', ')}) as at, count(*) over () as total
        from told where ${ks.map(k => `${k} is not null`).join(' and ')}
    ), edge as (
      select at, ${ks.join(', ')}, lead(at) over w as next, ${ks.map((k, i) => `lead(${k}) over w as n${i}`).join(', ')}
        from lined where at % ${p(1)}::int = 1 or at = total window w as (order by at)
    ), piece as materialized (
      select e.*, row_number() over (order by e.at) as i,
             (select count(*) from (select from ${table.quoted} t
                where (${columns}) > (${list('e', ks)}) and (${columns}) <= (${list('e', ns)}) limit ${p(2)}::int) x
             ) < ${p(2)}::int as crowded
        from edge e where e.next is not null
    ), run as materialized (
      select min(at) as first, max(next) as last from (
        select at, next, i - row_number() over (order by i) as run from piece where crowded) x group by run
    ), fits as (
      select from evenkeel.invariant where name = ${p(3)} and hash = ${p(4)} and (select count(*) from run) +
        (select count(*) from evenkeel.range where invariant = ${p(3)}) <= ${p(7)}::int
    ), noted as (
      insert into evenkeel.range (invariant, after_key, up_to, keys, since, cause)
      select ${p(3)}, ${text('a', ks)}, ${text('b', ks)}, last - first, ${p(5)}::timestamptz, ${p(6)}::jsonb
        from run join lined a on a.at = first join lined b on b.at = last where exists (select from fits)
      returning 1
    )
    select (select count(*) from noted)::text,
           (select string_agg(n::text, ',') from (
              select n from told t where not exists (
                select from lined l join run on l.at > run.first and l.at <= run.last where l.n = t.n)) x)`;
}

/** The oldest range of an invariant. */
export async function nextRange(pool: Pool, bound: Bound): Promise<KeyRange | undefined> {
  const { rows } = await pool.query<KeyRange>(
    `select id, after_key as after, up_to as "upTo", cause, noted_at as "notedAt" from evenkeel.range
      where invariant = $1 order by id limit 1`,
    [bound.name],
  );
  return rows[0];
}

/** One piece of a range, on the primary: a replica may not have the change yet. */
export async function sweepRange(
  pool: Pool,
  bound: Bound,
  { after, upTo }: KeyRange,
  pace: Pace,
): Promise<{
  readonly suspects: readonly Key[];
  readonly ms: number;
  readonly edge: readonly string[] | undefined;
}> {
  const started = performance.now();
  const limits = { readOnly: true, statement: most, schemas: bound.schemas };
  return transaction(pool, limits, async tx => {
    const next = await nextEdge(tx, bound, after, pace.rows);
    const row = (from: number) =>
      `(${bound.key.map(({ base }, i) => `$${from + i}::text::${base}`).join(', ')})`;
    const [within] = next
      ? await ask(tx, `select ${row(1)} < ${row(1 + next.length)}`, [...next, ...upTo])
      : [['f']];
    const edge = within?.[0] === 't' ? next : undefined;
    const suspects = await askRange(tx, bound, { after, upTo: edge ?? upTo });
    return { suspects, edge, ms: performance.now() - started };
  });
}

/** Moves on, or ends with the range's last piece. */
export async function endRange(
  pool: Pool,
  { id }: KeyRange,
  edge: readonly string[] | undefined,
): Promise<void> {
  if (edge) await pool.query('update evenkeel.range set after_key = $2 where id = $1', [id, edge]);
  else await pool.query('delete from evenkeel.range where id = $1', [id]);
}
