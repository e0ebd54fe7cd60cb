import type { Bound } from '../ask/bind.ts';
import { ask } from '../db/pool.ts';
import { undo } from '../journal/undo.ts';
import { type Contents, difference } from './contents.ts';
import { type Broken, type Scene, allBroken, isHealed, openEngine, reset, work } from './scene.ts';
import type { Corruption } from './search.ts';

/** What became of one corruption in a full pass, without any capture. */
export interface Passed {
  readonly found: boolean;
  /** Undefined: nobody was to heal it. */
  readonly healed: boolean | undefined;
  /** A second pass wrote nothing of this invariant. */
  readonly silent: boolean;
  /** Undefined: it was not healed, or what was appended can't be taken back. */
  readonly undone: boolean | undefined;
  readonly why: string | undefined;
}

type Task = readonly [Bound, Corruption];

/** Corruptions that get in one another's way are parted; so often at most. */
const mostWaves = 4;
/** Of those that failed among others, some are tried once more by themselves: two of an invariant, and so many in all. */
const mostAlone = 6;

/** Commits corruptions, many at once, and lets the engine look at everything: found, healed, silent, undone? */
export async function passes(scene: Scene, tasks: readonly Task[]): Promise<Map<Corruption, Passed>> {
  const results = new Map<Corruption, Passed>();
  let waiting = tasks;
  for (let i = 0; i < mostWaves && waiting.length > 0; i++) {
    const done = await wave(scene, waiting);
    for (const [corruption, result] of done) results.set(corruption, result);
    waiting = waiting.filter(([, corruption]) => !done.has(corruption));
  }
  const failed = tasks.filter(([, corruption]) => {
    const result = results.get(corruption);
    return !result || !result.found || result.healed === false || !result.silent || result.undone === false;
  });
  const alone = failed.filter(
    ([bound], i) => failed.slice(0, i).filter(([other]) => other === bound).length < 2,
  );
  for (const task of alone.slice(0, mostAlone)) {
    const result = (await wave(scene, [task])).get(task[1]);
    if (result) results.set(task[1], result);
  }
  return results;
}

/** Those of the tasks that could be done together. */
async function wave(scene: Scene, tasks: readonly Task[]): Promise<Map<Corruption, Passed>> {
  const { pool, schemas, shelf } = scene;
  await reset(scene);
  const started: [Task, ReadonlyMap<string, string>][] = [];
  let before: Broken = new Map();
  for (const task of tasks) {
    const now = await commit(scene, task[1]);
    const name = task[0].name;
    const keys = [...(now?.get(name) ?? [])].filter(([key]) => !before.get(name)?.has(key));
    if (now) before = now;
    if (keys.length > 0) started.push([task, new Map(keys)]);
  }
  const group = started.filter(([[bound], keys]) =>
    [...keys.keys()].every(key => before.get(bound.name)?.has(key)),
  );
  if (group.length === 0) return new Map();
  const corrupted = await work(pool, schemas, tx => shelf.look(tx));
  await settle(scene);
  const open = await work(pool, schemas, tx => allBroken(tx, scene));
  const told = await tellings(scene);
  await settle(scene);
  const restless = await writersSince(scene, told.last);
  const undone = await takeBack(scene, corrupted);
  return new Map(
    group.map(([[bound, corruption], keys]) => {
      const { name } = bound;
      const expected = [...keys].filter(([, kind]) => isHealed(bound, kind)).map(([key]) => key);
      const still = [...keys.keys()].filter(key => open.get(name)?.has(key));
      const healed = expected.length === 0 ? undefined : !expected.some(key => still.includes(key));
      const reason = still
        .map(key => told.reasons.get(`${name} ${key}`))
        .find(one => typeof one === 'string');
      const passed: Passed = {
        found: [...keys.keys()].every(key => told.reasons.has(`${name} ${key}`) || !still.includes(key)),
        healed,
        silent: !restless.has(name),
        undone: healed ? undone(name, expected) : undefined,
        why: healed === false ? (reason ?? 'it was not healed') : undefined,
      };
      return [corruption, passed] as const;
    }),
  );
}

async function commit(scene: Scene, { change }: Corruption): Promise<Broken | undefined> {
  try {
    return await work(scene.pool, scene.schemas, async tx => {
      await ask(tx, change.text, [...change.values]);
      await tx.query('set constraints all immediate');
      return allBroken(tx, scene);
    });
  } catch {
    return undefined;
  }
}

/** A full pass; a row that one healer found in the other's hands waits for the next. */
async function settle(scene: Scene): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await (await openEngine(scene.url, scene.engaged, 'sweeps')).once();
    const { rowCount } = await scene.pool.query(
      `update evenkeel.violation set due_at = clock_timestamp() where state = 'open' and reason = 'another transaction holds the row'`,
    );
    if (!rowCount) return;
  }
}

interface Tellings {
  /** `<invariant> <key>` of what is listed or was healed → why it is still there. */
  readonly reasons: ReadonlyMap<string, string | null>;
  /** The last entry of the journal. */
  readonly last: string;
}

async function tellings({ pool }: Scene): Promise<Tellings> {
  const { rows } = await pool.query<{ id: string; invariant: string; key: string[]; reason: string | null }>(
    `select 0 as id, invariant, key, reason from evenkeel.violation
     union all select id, invariant, subject, null from evenkeel.entry where action not in ('effect', 'undo') order by id desc`,
  );
  return {
    reasons: new Map(
      rows.map(({ invariant, key, reason }) => [`${invariant} ${JSON.stringify(key)}`, reason]),
    ),
    last: rows[0]?.id ?? '0',
  };
}

async function writersSince({ pool }: Scene, last: string): Promise<ReadonlySet<string>> {
  const { rows } = await pool.query<{ invariant: string }>(
    'select distinct invariant from evenkeel.entry where id > $1',
    [last],
  );
  return new Set(rows.map(({ invariant }) => invariant));
}

/**
 * Undoes every heal, and compares with what was there before. Gives what became of an invariant's subjects: undefined where a row was
 * appended, which is only ever answered by another one.
 */
async function takeBack(
  scene: Scene,
  was: Contents,
): Promise<(name: string, keys: readonly string[]) => boolean | undefined> {
  const { pool, schemas, shelf } = scene;
  const { rows } = await pool.query<Journaled>(
    'select id, invariant, action, table_name as "table", subject from evenkeel.entry',
  );
  const report =
    rows.length > 0
      ? await undo(pool, { entries: rows.map(({ id }) => id), dryRun: false }, 'drill')
      : { refused: [] };
  const refused = new Set(report.refused.map(({ entry }) => entry));
  const is = await work(pool, schemas, tx => shelf.look(tx));
  const appended = new Set(rows.filter(({ action }) => action === 'append').map(({ table }) => table));
  const wrong = new Set(
    [...is].flatMap(([table, texts]) => {
      const { gone, added } = difference(was.get(table) ?? [], texts);
      return gone.length + added.length > 0 && !appended.has(table) ? [table] : [];
    }),
  );
  return (name, keys) => {
    const own = rows.filter(row => row.invariant === name && keys.includes(JSON.stringify(row.subject)));
    if (own.length === 0 || own.some(({ action }) => action === 'append')) return undefined;
    return !own.some(({ id, table }) => refused.has(id) || wrong.has(table));
  };
}

interface Journaled {
  readonly id: string;
  readonly invariant: string;
  readonly action: string;
  readonly table: string;
  readonly subject: string[];
}
