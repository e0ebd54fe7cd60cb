import { type Pool, sqlState, transaction } from '../db/pool.ts';
import { type Key, askNull, askRange, askWhole, keyId } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { type Pace, halved, most } from './chunk.ts';
import { nextEdge } from './edge.ts';
import { type Lease, stillHeld } from './lease.ts';

/**
 * Walks every key of an invariant, slowly, as the backstop: half-open key ranges from before the first key to past the
 * last one, so that rows which are absent from the governed table are met too; NULL keys are asked for apart. Each chunk
 * is a short read-only transaction of its own, on a replica where there is one. What it finds are suspects only.
 * The cursor is in the database: a sweep goes on where it stopped, in whichever process.
 */
export interface Chunk {
  readonly suspects: Key[];
  readonly ms: number;
  /** Undefined: the pass is complete. */
  readonly cursor: readonly string[] | undefined;
}

export interface Progress {
  readonly cursor: string[] | null;
  readonly chunkRows: number;
  readonly passStartedAt: Date | null;
}

/** Whole queries are given this long; they can't be cut into ranges. */
const wholeMs = 10 * 60_000;

/** Does a range cost clearly less than everything, or is everything cheap anyway? */
export const inRanges = (bound: Bound): boolean =>
  bound.costs.range <= bound.costs.whole / 4 || bound.costs.whole < 10_000;

export async function sweepChunk(pool: Pool, bound: Bound, progress: Progress, pace: Pace): Promise<Chunk> {
  const started = performance.now();
  const limits = { readOnly: true, statement: inRanges(bound) ? most : wholeMs, schemas: bound.schemas };
  return transaction(pool, limits, async tx => {
    const done = (suspects: Key[], cursor: readonly string[] | undefined) => ({
      suspects,
      cursor,
      ms: performance.now() - started,
    });
    if (!inRanges(bound)) return done(await askWhole(tx, bound), undefined);
    const after = progress.cursor ?? undefined;
    const upTo = await nextEdge(tx, bound, after, pace.rows);
    const suspects = await askRange(tx, bound, { after, upTo });
    if (upTo) return done(suspects, upTo);
    const rest = await askNull(tx, bound);
    return done([...new Map([...suspects, ...rest].map(key => [keyId(key), key])).values()], undefined);
  });
}

/** Where the pass stands. A pass that begins forgets the last one's counts. */
export async function beginChunk(pool: Pool, bound: Bound): Promise<Progress> {
  const { rows } = await pool.query<Progress>(
    `update evenkeel.invariant
        set pass_started_at = coalesce(pass_started_at, clock_timestamp()),
            pass_rows = case when pass_started_at is null then 0 else pass_rows end,
            pass_found = case when pass_started_at is null then 0 else pass_found end,
            pass_busy_ms = case when pass_started_at is null then 0 else pass_busy_ms end
      where name = $1 returning cursor, chunk_rows as "chunkRows", pass_started_at as "passStartedAt"`,
    [bound.name],
  );
  return rows[0] ?? { cursor: null, chunkRows: 1000, passStartedAt: null };
}

/** Moves the cursor; false: the lease is somebody else's by now, or the pass was ended meanwhile, and nothing was moved. */
export async function endChunk(
  pool: Pool,
  bound: Bound,
  lease: Lease,
  chunk: Chunk,
  pace: Pace,
  pauseMs: number,
): Promise<boolean> {
  const { rowCount } = await pool.query(
    `update evenkeel.invariant
        set cursor = $4, chunk_rows = $5, pass_busy_ms = pass_busy_ms + $6, pass_found = pass_found + $7,
            pass_rows = pass_rows + $8, failed_at = null, failed_why = null,
            proved_at = case when $9 then pass_started_at else proved_at end,
            passes = passes + case when $9 then 1 else 0 end,
            found = case when $9 then pass_found + $7 else found end,
            last_busy_ms = case when $9 then pass_busy_ms + $6 else last_busy_ms end,
            last_pass_ms = case when $9
              then extract(epoch from clock_timestamp() - pass_started_at) * 1000 else last_pass_ms end,
            next_pass_at = case when not $9 or stale_since >= pass_started_at then next_pass_at
                                else clock_timestamp() + make_interval(secs => $10::float8 / 1000) end,
            stale_since = case when $9 and stale_since < pass_started_at then null else stale_since end,
            pass_started_at = case when $9 then null else pass_started_at end
      where name = $1 and hash = $11 and pass_started_at is not null and ${stillHeld(2)}`,
    [
      bound.name,
      lease.name,
      lease.fence,
      chunk.cursor ?? null,
      pace.rows,
      chunk.ms,
      chunk.suspects.length,
      chunk.cursor ? pace.rows : 0,
      chunk.cursor === undefined,
      pauseMs,
      bound.hash,
    ],
  );
  return Boolean(rowCount);
}

/** A chunk that timed out is tried again at half its size; the pace, or undefined where that doesn't help. */
export function afterTimeout(error: unknown, pace: Pace, bound: Bound): Pace | undefined {
  return sqlState(error) === '57014' && inRanges(bound) && pace.rows > 1 ? halved(pace) : undefined;
}
