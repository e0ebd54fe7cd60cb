import { query } from '../db/migrate.ts';
import type { Pool } from '../db/pool.ts';
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

/** What an invariant is doing, each with its meaning. `why` beside it says more where there is more to say. */
export const standings = {
  healing: 'heals by itself',
  observing: 'declared so: shows what it would write',
  looking: 'heals once it has looked at every row; this is the first time',
  held: 'observes until a person says resume',
  failed: 'could not be asked the last time; it is tried again by itself',
  retired: 'no living process declares it',
} as const;

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
  /** Violations by state; `open` includes those that haven't lasted their grace yet. */
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

/** @throws no-such where there is no invariant `name`; not-installed comes as Postgres's own error */
export async function overview(pool: Pool, name?: string): Promise<Overview> {
  const { rows: heads } = await pool.query<Head>(
    `select current_database()::text as database, clock_timestamp() as at, pulled_at as "pulledAt", pulled_by as "pulledBy"
       from evenkeel.brake`,
  );
  const { rows: processes } = await pool.query<Process>(
    `select p.host, p.pid, p.version, p.started_at as "startedAt",
            exists (select from evenkeel.lease l where l.name = 'sweep' and l.holder = p.id
                       and l.expires_at > clock_timestamp()) as sweeps
       from evenkeel.process p where p.heartbeat_at > clock_timestamp() - interval '10 seconds' order by p.started_at`,
  );
  const { rows } = await pool.query<Row>(query('overview'), [name ?? null]);
  if (name !== undefined && rows.length === 0) throw await unknownInvariant(pool, name);
  const head = heads[0];
  if (!head) throw new Error('evenkeel.brake has lost its row');
  return {
    database: head.database,
    at: head.at,
    stopped: head.pulledAt && { at: head.pulledAt, by: head.pulledBy ?? 'somebody' },
    processes,
    invariants: rows.map(standing),
  };
}

/** The error that says so, with a guess. */
export async function unknownInvariant(pool: Pool, name: string): Promise<EvenkeelError> {
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

interface Head {
  database: string;
  at: Date;
  pulledAt: Date | null;
  pulledBy: string | null;
}

type Row = Omit<Standing, 'state' | 'why' | 'hour' | 'sweep'> &
  Standing['hour'] &
  Omit<Sweep, 'running' | 'nextAt'> & {
    retiredAt: Date | null;
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
    sweep: { passes, found, lastPassMs, lastBusyMs, nextAt: row.nextPassAt, running, rows },
    carriers,
    older,
  };
}

function stateOf(row: Row): Pick<Standing, 'state' | 'why'> {
  if (row.retiredAt) return { state: 'retired', why: null };
  if (row.failedAt) return { state: 'failed', why: row.failedWhy };
  if (row.heldAt) return { state: 'held', why: row.heldWhy };
  if (row.mode === 'observe') return { state: 'observing', why: null };
  return row.provedAt ? { state: 'healing', why: null } : { state: 'looking', why: null };
}

/** Whether a person has nothing to do here. */
export const isFine = (one: Standing): boolean =>
  one.open + one.approved + one.parked === 0 && one.state !== 'held' && one.state !== 'failed';
