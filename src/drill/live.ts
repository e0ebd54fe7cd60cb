import { setTimeout as delay } from 'node:timers/promises';
import type { Bound } from '../ask/bind.ts';
import { ask } from '../db/pool.ts';
import {
  type Broken,
  type Scene,
  allBroken,
  endCapture,
  isHealed,
  openEngine,
  reset,
  work,
} from './scene.ts';
import type { Corruption } from './search.ts';

/** What became of one corruption while the engine ran. */
export interface Lived {
  /** How it was found; undefined: it wasn't, in time. */
  readonly found: 'capture' | 'sweep' | undefined;
  /** Undefined: nobody was to heal it. */
  readonly healed: boolean | undefined;
  /** Nothing was wrong anywhere when it was healed. */
  readonly converged: boolean;
  /** From the commit to the heal, or to the finding. */
  readonly ms: number | undefined;
  /** Why it was not healed. */
  readonly why: string | undefined;
}

export interface Backing {
  /** Why changes can't all be followed. */
  readonly unfollowed: readonly string[];
  readonly followed: boolean;
}

export interface Live {
  readonly lived: ReadonlyMap<Corruption, Lived>;
  readonly backing: ReadonlyMap<string, Backing>;
}

const patienceMs = 4_000;
const readyMs = 30_000;
/** So many failures of one invariant are seen while the engine runs; the others in a sweep. */
const enough = 2;

/** Commits each corruption while the engine runs, as an application would, and watches what becomes of it. */
export async function live(
  scene: Scene,
  corruptions: readonly (readonly [Bound, Corruption])[],
  told: () => void,
): Promise<Live> {
  const engine = await openEngine(scene.url, scene.engaged, 'auto');
  const lived = new Map<Corruption, Lived>();
  try {
    engine.start();
    const backing = await ready(scene);
    const failed = new Map<string, number>();
    for (const [bound, corruption] of corruptions) {
      const before = failed.get(bound.name) ?? 0;
      // A heal that doesn't work takes all the patience there is.
      const one = before < enough ? await trial(scene, bound, corruption) : undefined;
      if (one) lived.set(corruption, one);
      if (one?.healed === false) failed.set(bound.name, before + 1);
      await reset(scene);
      told();
    }
    return { lived, backing };
  } finally {
    await engine.stop();
    await endCapture(scene.pool);
  }
}

/** Until everything was looked at once and capture tells of changes. */
async function ready({ pool, bounds }: Scene): Promise<Map<string, Backing>> {
  const until = performance.now() + readyMs;
  const names = bounds.map(({ name }) => name);
  for (;;) {
    const { rows } = await pool.query<{ waiting: number; capturing: boolean }>(
      `select (select count(*)::int from evenkeel.invariant
                where name = any($1) and failed_at is null and (proved_at is null or stale_since is not null)) as waiting,
              kind = 'sweeps' and why <> 'no process captures yet' or verified_at is not null as capturing
         from evenkeel.capture`,
      [names],
    );
    if ((rows[0]?.waiting === 0 && rows[0].capturing) || performance.now() > until) break;
    await delay(20);
  }
  const { rows } = await pool.query<{ name: string; followed: boolean; unfollowed: string[] }>(
    `select name, backed_by = 'capture' as followed, unfollowed from evenkeel.invariant where name = any($1)`,
    [names],
  );
  return new Map(rows.map(({ name, followed, unfollowed }) => [name, { followed, unfollowed }]));
}

/** Undefined: it could not be done again. */
async function trial(scene: Scene, bound: Bound, { change }: Corruption): Promise<Lived | undefined> {
  const { pool, schemas } = scene;
  const [[startedAt = ''] = []] = await work(pool, schemas, tx => ask(tx, 'select clock_timestamp()'));
  let then: Broken;
  try {
    then = await work(pool, schemas, async tx => {
      await ask(tx, change.text, [...change.values]);
      await tx.query('set constraints all immediate');
      return allBroken(tx, scene);
    });
  } catch {
    return undefined;
  }
  const keys = then.get(bound.name) ?? new Map<string, string>();
  if (keys.size === 0) return undefined;
  const committedAt = await now(scene);
  const until = performance.now() + patienceMs;
  const expected = [...keys].filter(([, kind]) => isHealed(bound, kind)).map(([key]) => key);
  let settledAt: number | undefined;
  for (;;) {
    const seen = await look(scene, bound, startedAt ?? '');
    const broken = await work(pool, schemas, tx => allBroken(tx, scene));
    const own = broken.get(bound.name) ?? new Map<string, string>();
    const open = [...keys.keys()].filter(key => own.has(key));
    const waits = open.some(
      key => !seen.listed.has(key) || (expected.includes(key) && seen.listed.get(key)?.state !== 'parked'),
    );
    const others = scene.bounds.flatMap(one =>
      one === bound
        ? []
        : [...(broken.get(one.name) ?? [])]
            .filter(([, kind]) => isHealed(one, kind))
            .map(([key]) => ({ one, key })),
    );
    const at = performance.now();
    if (!waits) settledAt ??= at;
    // What was broken along with it is healed, too; it has less time, as it may be nobody's.
    if (at < until && (settledAt === undefined || (others.length > 0 && at < settledAt + patienceMs / 4))) {
      await delay(10);
      continue;
    }
    const healed = expected.length === 0 ? undefined : expected.every(key => !own.has(key));
    const found = [...keys.keys()].every(
      key => seen.listed.has(key) || seen.healed.has(key) || !own.has(key),
    );
    const times = [...keys.keys()].flatMap(key => seen.healed.get(key)?.at ?? seen.listed.get(key)?.at ?? []);
    const stuck = open.map(key => seen.listed.get(key)?.reason).find(reason => typeof reason === 'string');
    return {
      found: found ? (seen.told ? 'capture' : 'sweep') : undefined,
      healed,
      converged: !waits && others.every(({ one, key }) => then.get(one.name)?.has(key)),
      ms: times.length > 0 ? Math.max(0, Math.max(...times) - committedAt) : undefined,
      why:
        healed === false
          ? (stuck ?? (found ? 'it was not healed in time' : 'it was not found in time'))
          : undefined,
    };
  }
}

async function now({ pool }: Scene): Promise<number> {
  const { rows } = await pool.query<{ at: number }>(
    'select extract(epoch from clock_timestamp())::float8 * 1000 as at',
  );
  return rows[0]?.at ?? 0;
}

interface Seen {
  readonly listed: ReadonlyMap<string, { state: string; reason: string | null; at: number }>;
  readonly healed: ReadonlyMap<string, { at: number }>;
  /** Capture named the transaction. */
  readonly told: boolean;
}

async function look({ pool }: Scene, { name }: Bound, since: string): Promise<Seen> {
  const { rows } = await pool.query<{
    key: string[];
    state: string | null;
    reason: string | null;
    at: number;
    told: boolean;
  }>(
    `select key, state, reason, extract(epoch from opened_at)::float8 * 1000 as at, cause is not null as told
       from evenkeel.violation where invariant = $1 and opened_at >= $2
     union all
     select subject, null, null, extract(epoch from at)::float8 * 1000, cause is not null or because_of is not null
       from evenkeel.entry where invariant = $1 and at >= $2 and action not in ('effect', 'undo')`,
    [name, since],
  );
  const id = ({ key }: { key: string[] }) => JSON.stringify(key);
  return {
    listed: new Map(
      rows.flatMap(row => (row.state === null ? [] : [[id(row), { ...row, state: row.state }] as const])),
    ),
    healed: new Map(rows.flatMap(row => (row.state === null ? [[id(row), { at: row.at }] as const] : []))),
    told: rows.length > 0 && rows.every(({ told }) => told),
  };
}
