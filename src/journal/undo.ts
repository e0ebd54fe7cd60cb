import { type Relation, readRelations, resolve } from '../catalog/relation.ts';
import { type Pool, type Tx, describe, isCollision, sqlState, transaction } from '../db/pool.ts';
import { type Key, keyId } from '../ask/ask.ts';
import { searchPath } from '../ask/bind.ts';
import { type Entry, readEntries } from './entries.ts';
import { journal } from './record.ts';
import { type Conflict, Refusal, reverse, stands } from './reverse.ts';

export interface UndoRequest {
  /** Ids of entries; what the same heal did to the same subject is undone with them. */
  readonly entries?: readonly string[];
  readonly invariant?: string;
  readonly since?: Date;
  readonly dryRun: boolean;
}

export interface Restored {
  readonly entry: string;
  readonly table: string;
  readonly key: Key;
  readonly columns: readonly string[];
}

export interface Refused extends Omit<Restored, 'columns'> {
  readonly why: string;
  /** Columns that no longer hold what the heal wrote. */
  readonly conflicts: readonly Conflict[];
}

export interface UndoReport {
  readonly restored: Restored[];
  readonly refused: Refused[];
}

/** Heals that one transaction reverses: few, because their rows are locked meanwhile. */
const together = 20;

/**
 * Reverses heals while the columns that they wrote still hold what they wrote; else refuses, subject by subject, and
 * says why. A subject that was undone is left alone until what was restored changes or a person says resume.
 * Works while the brake is pulled: it is what a person does then.
 * @throws no-such where an id names no entry
 */
export async function undo(pool: Pool, request: UndoRequest, by: string): Promise<UndoReport> {
  const units = unitsOf(await readEntries(pool, request));
  // Users' triggers run with it: they may mean the schemas that this role means.
  const schemas = await transaction(
    pool,
    { readOnly: true, statement: 5_000, schemas: ['public'] },
    async tx => {
      await tx.query('set local search_path to default');
      return searchPath(tx);
    },
  );
  const report: UndoReport = { restored: [], refused: [] };
  let waiting = units;
  // A row may need another one back first (a child its parent): go on while that helps.
  for (;;) {
    const refused: { unit: Entry[]; refusal: Refused }[] = [];
    for (let i = 0; i < waiting.length; i += together) {
      refused.push(
        ...(await some(
          { pool, schemas, by, dryRun: request.dryRun },
          waiting.slice(i, i + together),
          report,
        )),
      );
    }
    if (refused.length === 0 || refused.length === waiting.length || request.dryRun) {
      report.refused.push(...refused.map(({ refusal }) => refusal));
      return report;
    }
    waiting = refused.map(({ unit }) => unit);
  }
}

/** What one heal did to one subject is reversed wholly or not at all; newest first, rows that recur side by side. */
function unitsOf(entries: readonly Entry[]): Entry[][] {
  const units = new Map<string, Entry[]>();
  for (const entry of entries) {
    const id = JSON.stringify([entry.xid, entry.invariant, entry.subject]);
    units.set(id, [...(units.get(id) ?? []), entry]);
  }
  const newest = (unit: readonly Entry[]) => Math.max(...unit.map(({ id }) => Number(id)));
  const rank = new Map<string, number>();
  for (const unit of units.values()) {
    const row = rowOf(unit);
    rank.set(row, Math.max(rank.get(row) ?? 0, newest(unit)));
  }
  return [...units.values()].sort(
    (a, b) => (rank.get(rowOf(b)) ?? 0) - (rank.get(rowOf(a)) ?? 0) || newest(b) - newest(a),
  );
}
const rowOf = (unit: readonly Entry[]): string => (unit[0]?.table ?? '') + keyId(unit[0]?.key ?? []);

interface Doing {
  readonly pool: Pool;
  readonly schemas: readonly string[];
  readonly by: string;
  readonly dryRun: boolean;
}

async function some(
  doing: Doing,
  units: readonly Entry[][],
  report: UndoReport,
): Promise<{ unit: Entry[]; refusal: Refused }[]> {
  const { pool, schemas, by, dryRun } = doing;
  const restored: Restored[] = [];
  const refused: { unit: Entry[]; refusal: Refused }[] = [];
  try {
    await transaction(pool, { statement: 5_000, lock: 900, idle: 1_000, schemas }, async tx => {
      for (const unit of units) {
        await tx.query('savepoint unit');
        try {
          restored.push(...(await one(tx, unit, by)));
          await tx.query('release savepoint unit');
        } catch (error) {
          if (isCollision(error) || (!(error instanceof Refusal) && sqlState(error) === undefined))
            throw error;
          await tx.query('rollback to savepoint unit');
          refused.push({ unit, refusal: refusalOf(unit, error) });
        }
      }
      if (dryRun) throw new DryRun();
    });
  } catch (error) {
    if (error instanceof DryRun) {
      report.restored.push(...restored);
      return refused;
    }
    if (!isCollision(error)) throw error;
    if (units.length > 1) {
      const apart = [];
      for (const unit of units) apart.push(...(await some(doing, [unit], report)));
      return apart;
    }
    return units.map(unit => ({
      unit,
      refusal: refusalOf(unit, new Refusal('another transaction holds the row')),
    }));
  }
  report.restored.push(...restored);
  return refused;
}

async function one(tx: Tx, unit: readonly Entry[], by: string): Promise<Restored[]> {
  const relations = new Map<string, Relation>();
  for (const { table } of unit) if (!relations.has(table)) relations.set(table, await relationOf(tx, table));
  const own = unit.filter(({ action }) => action !== 'effect').toReversed();
  const effects = unit.filter(({ action, key }) => action === 'effect' && key.length > 0);
  const done = [];
  // Own rows first: a cascade's children need their parent back.
  for (const entry of [...own, ...effects]) {
    await refuseLater(tx, entry, unit);
    done.push(await reverse(tx, entry, relations.get(entry.table) as Relation));
  }
  await tx.query('set constraints all immediate');
  const made = done.filter(step => step !== undefined);
  // Of several steps at one row the last one says what has to stand.
  const said = new Map<string, Set<string>>();
  for (const step of made.toReversed()) {
    const row = rowOf([step.entry]);
    const later = said.get(row);
    const columns = step.columns.filter(column => !later?.has(column));
    said.set(row, new Set([...(later ?? []), ...columns]));
    if (later && (step.after === null || columns.length === 0)) continue;
    await stands(tx, { ...step, columns }, relations.get(step.entry.table) as Relation);
  }
  await journal(
    tx,
    made.map(({ entry, before, after }) => ({
      ...entry,
      action: 'undo',
      before,
      after,
      decidedBy: by,
      becauseOf: undefined,
      undoes: entry.id,
      openedAt: null,
      cause: null,
    })),
  );
  await settle(tx, unit, by);
  return made.map(({ entry, columns }) => ({ entry: entry.id, table: entry.table, key: entry.key, columns }));
}

async function relationOf(tx: Tx, name: string): Promise<Relation> {
  const oid = await resolve(tx, name);
  const relation = oid === undefined ? undefined : (await readRelations(tx, [oid])).get(oid);
  if (!relation) throw new Refusal(`the table ${name} is gone`);
  return relation;
}

/** A later heal that wrote the same columns builds on this one, even where the values happen to be equal. */
async function refuseLater(tx: Tx, entry: Entry, unit: readonly Entry[]): Promise<void> {
  const { rows } = await tx.query<{ id: string }>(
    `select e.id from evenkeel.entry e
      where e.table_name = $1 and e.key = $2 and e.id > $3 and e.undone_by is null and e.action <> 'undo'
        and e.id <> all($4::bigint[]) and (e.after is null or $5::text[] is null or e.after ?| $5::text[])
      order by e.id limit 1`,
    [
      entry.table,
      entry.key,
      entry.id,
      unit.map(({ id }) => id),
      entry.after ? Object.keys(entry.after) : null,
    ],
  );
  if (rows[0]) throw new Refusal(`entry ${rows[0].id} wrote the same columns later: undo that one first`);
}

/** Marks the entries, and leaves the subject alone from now on. */
async function settle(tx: Tx, unit: readonly Entry[], by: string): Promise<void> {
  const main = unit.find(({ action }) => action !== 'effect') ?? unit[0];
  if (!main) return;
  await tx.query(
    `update evenkeel.entry e set undone_by = u.id from evenkeel.entry u
      where u.undoes = e.id and u.action = 'undo' and e.id = any($1) and u.xid = pg_current_xact_id()`,
    [unit.map(({ id }) => id)],
  );
  await tx.query(
    `insert into evenkeel.leave (invariant, key, by, entry, restored) values ($1, $2, $3, $4, $5)
     on conflict (invariant, key) do update
        set by = excluded.by, entry = excluded.entry, restored = excluded.restored, at = clock_timestamp()`,
    [main.invariant, main.subject, by, main.id, main.action === 'append' ? {} : main.before],
  );
  await tx.query(
    `update evenkeel.violation set state = 'undone', reason = 'its heal was undone' where invariant = $1 and key = $2`,
    [main.invariant, main.subject],
  );
}

function refusalOf(unit: readonly Entry[], error: unknown): Refused {
  const [first] = unit;
  const refusal = error instanceof Refusal ? error : undefined;
  return {
    entry: refusal?.entry ?? first?.id ?? '',
    table: first?.table ?? '',
    key: first?.key ?? [],
    why: describe(error),
    conflicts: refusal?.conflicts ?? [],
  };
}

class DryRun extends Error {}
