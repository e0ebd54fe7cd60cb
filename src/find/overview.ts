import { query } from '../db/migrate.ts';
import type { Pool, Tx } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import { guess } from '../declare/guess.ts';

/** How things stand, as the ledger tells it: read by `evenkeel status`, and by whatever else shows it. */
export interface Overview {
  readonly database: string;
  /** The database's clock. */
  readonly at: Date;
  /** Somebody pulled the brake: nothing is written. */
  readonly stopped: { readonly at: Date; readonly by: string } | null;
  /** Those that told within ten seconds that they live. */
  readonly processes: readonly Process[];
  readonly capture: Capturing;
  readonly invariants: readonly Standing[];
}

export interface Process {
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: Date;
  /** It is the one that sweeps. */
  readonly sweeps: boolean;
}

/** How changes are told. */
export interface Capturing {
  readonly kind: 'slot' | 'triggers' | 'sweeps';
  /** Why that and nothing else. */
  readonly why: string;
  /** Without a gap since then. */
  readonly since: Date | null;
  /** An LSN with a slot: everything up to there was looked at, or is kept. */
  readonly position: string | null;
  /** Changes committed until then were looked at. */
  readonly verifiedAt: Date | null;
  /** Suspects in memory. */
  readonly waiting: number;
  /** The last time that changes were lost, or may have been. */
  readonly gap: { readonly at: Date; readonly why: string } | null;
}

/** What broke violations of the last hour, the most frequent first. */
export interface CauseCount {
  readonly table: string;
  readonly operation: string;
  /** Known to triggers only. */
  readonly role: string | null;
  readonly application: string | null;
  readonly violations: number;
}

/** What an invariant is doing, each with its meaning. `why` beside it says more where there is more to say. */
export const standings = {
  healing: 'heals by itself',
  observing: 'declared so, or `check` has an error for it: shows what it would write',
  looking: 'heals once it has looked at every row; this is the first time',
  held: 'observes until a person says resume',
  failed: 'could not be asked the last time; it is tried again by itself',
  retired: 'no living process declares it',
} as const;

/** Of one invariant a sweep lists no more violations than these: as in watch/sweeper.ts. */
export const mostListed = 10_000;

export interface Standing {
  readonly name: string;
  readonly says: string;
  readonly on: string;
  /** As declared; '' where a person decides. */
  readonly heal: string;
  readonly mode: 'observe' | 'heal';
  readonly guard: number | null;
  readonly state: keyof typeof standings;
  readonly why: string | null;
  /** Violations by state; `open` includes those that haven't lasted their grace yet, and those that a program claims. */
  readonly open: number;
  readonly approved: number;
  readonly parked: number;
  readonly undone: number;
  readonly held: number;
  /** Within the last hour. */
  readonly hour: {
    readonly opened: number;
    readonly cleared: number;
    readonly healed: number;
    readonly written: number;
  };
  /** Every row was looked at since then; null: not yet. */
  readonly provedAt: Date | null;
  /** Whether each change is followed to what it touches; else only sweeps are sure to find everything, and why. */
  readonly backedBy: 'capture' | 'sweeps';
  readonly unfollowed: readonly string[];
  /** Changes committed until then were looked at; null: changes aren't captured. */
  readonly verifiedAt: Date | null;
  /** Changes may have been missed since: until a sweep begun later is complete. */
  readonly unsure: { readonly since: Date; readonly why: string } | null;
  /** About so many keys changed in a burst; the ranges that hold them are swept, and weren't looked at yet. */
  readonly ranged: number;
  /** Violations that only a sweep found although capture should have told of them. */
  readonly escapes: number;
  /** How another system that is the truth (`from`) is read; null: there is none. `why`: the last reading failed. */
  readonly reading: {
    readonly readAt: string | null;
    readonly why: string | null;
    readonly lists: boolean;
  } | null;
  readonly sweep: Sweep;
  /** Living processes that stand for it, and those that carry an older wording and stand down. */
  readonly carriers: number;
  readonly older: number;
}

export interface Sweep {
  readonly passes: number;
  /** Broken rows that the last full pass met, listed or not. */
  readonly found: number | null;
  readonly lastPassMs: number | null;
  /** Of which spent in the database. */
  readonly lastBusyMs: number | null;
  readonly nextAt: Date | null;
  /** The pass that is running: keys so far, of the governed table's estimated rows. */
  readonly running: { readonly since: Date; readonly rows: number; readonly found: number } | null;
  readonly rows: number;
}

/** Of evenkeel.capture, as an LSN. */
const position = `case when kind = 'slot' then '0/0'::pg_lsn + position end::text`;

/** @throws no-such where there is no invariant `name`; not-installed comes as Postgres's own error */
export async function overview(pool: Pool, name?: string): Promise<Overview> {
  const { rows: heads } = await pool.query<Head>(
    `select current_database()::text as database, clock_timestamp() as at, pulled_at as "pulledAt", pulled_by as "pulledBy"
       from evenkeel.brake`,
  );
  const { rows: captures } = await pool.query<Told>(
    `select kind, why, since, verified_at as "verifiedAt", waiting::float8 as waiting, gap_at as "gapAt", gap_why as "gapWhy",
            ${position} as position
       from evenkeel.capture`,
  );
  const { rows: processes } = await pool.query<Process>(
    `select p.host, p.pid, p.version, p.started_at as "startedAt",
            exists (select from evenkeel.lease l where l.name = 'sweep' and l.holder = p.id
                       and l.expires_at > clock_timestamp()) as sweeps
       from evenkeel.process p where p.heartbeat_at > clock_timestamp() - interval '10 seconds' order by p.started_at`,
  );
  const { rows } = await pool.query<Row>(query('overview'), [name ?? null]);
  if (name !== undefined && rows.length === 0) throw await unknownInvariant(pool, name);
  const [head] = heads;
  const [told] = captures;
  if (!head || !told) throw new Error('evenkeel.brake or evenkeel.capture has lost its row');
  const { gapAt, gapWhy, ...capture } = told;
  return {
    database: head.database,
    at: head.at,
    capture: { ...capture, gap: gapAt && { at: gapAt, why: gapWhy ?? '' } },
    stopped: head.pulledAt && { at: head.pulledAt, by: head.pulledBy ?? 'somebody' },
    processes,
    invariants: rows.map(standing),
  };
}

/** Violations of the last hour by what broke them; those that were found by sweeping have no known cause. */
export async function causes(pool: Pool, name: string): Promise<CauseCount[]> {
  const { rows } = await pool.query<CauseCount>(
    `select cause->>'table' as table, cause->>'operation' as operation, cause->>'role' as role,
            cause->>'application' as application, count(*)::int as violations
       from (select cause from evenkeel.violation where invariant = $1
             union all
             (select cause from evenkeel.entry
               where invariant = $1 and at > clock_timestamp() - interval '1 hour'
                 and id >= (select evenkeel.entries_since(clock_timestamp() - interval '1 hour'))
               order by id desc limit 20000)) x
      where cause is not null group by 1, 2, 3, 4 order by 5 desc limit 5`,
    [name],
  );
  return rows;
}

/** How sure one may be that the ledger and the journal are complete. */
export interface Sureness {
  readonly at: Date;
  /** How changes are told. */
  readonly kind: Capturing['kind'];
  /** Changes committed until then were looked at; null: not captured, or none yet. */
  readonly verifiedAt: Date | null;
  /** The LSN that belongs to it, with a slot. */
  readonly position: string | null;
  /** Every row was looked at since then; null: not yet. */
  readonly provedAt: Date | null;
  /** Violations that only a sweep found although capture should have told of them. */
  readonly escapes: number;
}

/** Of one invariant, or of all in force: then the least sure of them counts. */
export async function sureness(pool: Pool, name?: string): Promise<Sureness> {
  const { rows } = await pool.query<Sureness>(
    `select clock_timestamp() as at, (select kind from evenkeel.capture) as kind,
            case when bool_and(i.verified_at is not null) then min(i.verified_at) end as "verifiedAt",
            (select ${position} from evenkeel.capture) as position,
            case when bool_and(i.proved_at is not null) then min(i.proved_at) end as "provedAt",
            coalesce(sum(i.escapes), 0)::float8 as escapes
       from evenkeel.invariant i where i.retired_at is null and ($1::text is null or i.name = $1)`,
    [name ?? null],
  );
  return rows[0] as Sureness;
}

/** The error that says so, with a guess. */
export async function unknownInvariant(pool: Pool | Tx, name: string): Promise<EvenkeelError> {
  const { rows } = await pool.query<{ name: string }>('select name from evenkeel.invariant');
  const meant = guess(
    name,
    rows.map(row => row.name),
  );
  return new EvenkeelError(
    'no-such',
    `there is no invariant '${name}'${meant ? `; did you mean '${meant}'?` : ''}`,
  );
}

type Told = Omit<Capturing, 'gap'> & { gapAt: Date | null; gapWhy: string | null };

interface Head {
  database: string;
  at: Date;
  pulledAt: Date | null;
  pulledBy: string | null;
}

type Row = Omit<Standing, 'state' | 'why' | 'hour' | 'sweep' | 'unsure'> &
  Standing['hour'] &
  Omit<Sweep, 'running' | 'nextAt'> & {
    retiredAt: Date | null;
    staleSince: Date | null;
    staleWhy: string | null;
    refusedWhy: string | null;
    heldAt: Date | null;
    heldWhy: string | null;
    failedAt: Date | null;
    failedWhy: string | null;
    passStartedAt: Date | null;
    passRows: number;
    passFound: number;
    nextPassAt: Date | null;
  };

function standing(row: Row): Standing {
  const {
    name,
    says,
    on,
    heal,
    mode,
    guard,
    open,
    approved,
    parked,
    undone,
    held,
    provedAt,
    carriers,
    older,
  } = row;
  const { backedBy, unfollowed, verifiedAt, staleSince, staleWhy, ranged, escapes } = row;
  const { opened, cleared, healed, written, passes, found, lastPassMs, lastBusyMs, rows } = row;
  const running = row.passStartedAt && { since: row.passStartedAt, rows: row.passRows, found: row.passFound };
  return {
    name,
    says,
    on,
    heal,
    mode,
    guard,
    ...stateOf(row),
    open,
    approved,
    parked,
    undone,
    held,
    hour: { opened, cleared, healed, written },
    provedAt,
    backedBy,
    unfollowed,
    verifiedAt,
    unsure: staleSince && { since: staleSince, why: staleWhy ?? '' },
    ranged,
    escapes,
    reading: row.reading,
    sweep: { passes, found, lastPassMs, lastBusyMs, nextAt: row.nextPassAt, running, rows },
    carriers,
    older,
  };
}

function stateOf(row: Row): Pick<Standing, 'state' | 'why'> {
  if (row.retiredAt) return { state: 'retired', why: null };
  if (row.failedAt) return { state: 'failed', why: row.failedWhy };
  if (row.heldAt) return { state: 'held', why: row.heldWhy };
  if (row.refusedWhy !== null)
    return { state: 'observing', why: `${row.refusedWhy}; \`evenkeel check ${row.name}\` says more` };
  if (row.mode === 'observe') return { state: 'observing', why: null };
  return row.provedAt ? { state: 'healing', why: null } : { state: 'looking', why: null };
}

/** Whether a person has nothing to do here. */
export const isFine = (one: Standing): boolean =>
  one.open + one.approved + one.parked === 0 &&
  one.state !== 'held' &&
  one.state !== 'failed' &&
  !(one.state === 'observing' && one.why !== null);
