import { pino } from 'pino';
import { type Bound, bind, searchPath } from '../ask/bind.ts';
import { whole } from '../ask/question.ts';
import { readConfig } from '../config.ts';
import { type Pool, type Tx, ask, sqlState, transaction } from '../db/pool.ts';
import { type Invariant, sealed } from '../declare/invariant.ts';
import { isOwn, writes } from '../declare/remedy.ts';
import { type Engine, createEngine } from '../engine.ts';
import { EvenkeelError } from '../errors.ts';
import { publicationName } from '../watch/capture/slot/publication.ts';
import { removeSlots } from '../watch/capture/slot/slot.ts';
import type { Contents, Shelf } from './contents.ts';

/** A scratch database on which invariants are drilled. */
export interface Scene {
  readonly pool: Pool;
  readonly url: string;
  readonly schemas: readonly string[];
  readonly shelf: Shelf;
  /** All is right here, but for what is `known`. */
  readonly base: Contents;
  readonly bounds: readonly Bound[];
  /** The same as the engine is given them. */
  readonly engaged: readonly Invariant[];
  /** Name → keys at which the base is broken: nobody heals them. */
  readonly known: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Does it write by itself? Only then is more drilled than that it finds. */
export const heals = (invariant: Invariant): boolean => isOwn(invariant) && invariant.heal.some(writes);

/**
 * The invariant as it is drilled: it heals whatever its mode, at once and without a budget; what others would be asked for, it only
 * finds. So a drill calls no upstream and hands nothing to a worker.
 */
export function drilled(invariant: Invariant): Invariant {
  const own = heals(invariant);
  return sealed({
    ...invariant,
    heal: own ? invariant.heal : [],
    mode: own ? 'heal' : 'observe',
    guard: null,
    graceMs: 0,
    // The clock is not drilled: what is too old was made so.
    everyMs: invariant.everyMs === undefined ? undefined : hour,
  });
}
const hour = 3_600_000;

/** The schemas that unqualified names mean there. */
export async function schemasOf(pool: Pool): Promise<string[]> {
  return transaction(pool, { statement: 10_000, schemas: ['public'] }, async tx => {
    await tx.query('set local search_path to default');
    return searchPath(tx);
  });
}

/** Binds each; those that can't be are told apart, with the error. */
export async function bindAll(
  pool: Pool,
  schemas: readonly string[],
  invariants: readonly Invariant[],
): Promise<{ bounds: Bound[]; failed: Map<string, EvenkeelError> }> {
  const bounds: Bound[] = [];
  const failed = new Map<string, EvenkeelError>();
  for (const invariant of invariants) {
    try {
      bounds.push(await work(pool, schemas, tx => bind(tx, invariant, schemas)));
    } catch (error) {
      if (!(error instanceof EvenkeelError)) throw error;
      failed.set(invariant.name, error);
    }
  }
  return { bounds, failed };
}

export const work = <T>(pool: Pool, schemas: readonly string[], act: (tx: Tx) => Promise<T>): Promise<T> =>
  transaction(pool, { statement: 10_000, lock: 10_000, idle: 60_000, schemas }, act);

/** The keys at which it is broken. */
async function brokenKeys(tx: Tx, bound: Bound): Promise<Map<string, string>> {
  const rows = await ask(tx, whole(bound));
  const k = bound.key.length;
  return new Map(rows.map(row => [JSON.stringify(row.slice(0, k)), row[k] ?? '']));
}

/** Name → key → how it is broken there, and was not in the base. One whose query raises tells nothing. */
export type Broken = ReadonlyMap<string, ReadonlyMap<string, string>>;

export async function allBroken(tx: Tx, { bounds, known }: Pick<Scene, 'bounds' | 'known'>): Promise<Broken> {
  const found = new Map<string, ReadonlyMap<string, string>>();
  for (const bound of bounds) {
    await tx.query('savepoint one');
    try {
      const keys = [...(await brokenKeys(tx, bound))].filter(([key]) => !known.get(bound.name)?.has(key));
      found.set(bound.name, new Map(keys));
      await tx.query('release savepoint one');
    } catch (error) {
      if (sqlState(error) === undefined) throw error;
      await tx.query('rollback to savepoint one');
    }
  }
  return found;
}

/** Is a violation of this kind written by the invariant itself? */
export function isHealed({ invariant }: Bound, kind: string): boolean {
  if (!heals(invariant)) return false;
  if (invariant.form === 'broken') return true;
  const verb = { differs: 'set', missing: 'insert', extra: 'remove' }[kind];
  return invariant.heal.some(remedy => remedy.do === verb);
}

/** The engine that `evenkeel up` runs, told nothing of the world but this database. */
export async function openEngine(
  url: string,
  invariants: readonly Invariant[],
  capture: 'auto' | 'sweeps',
): Promise<Engine> {
  const config = readConfig({
    DATABASE_URL: url,
    EVENKEEL_MODE: 'heal',
    EVENKEEL_CAPTURE: capture,
    EVENKEEL_SWEEP_DUTY: '1',
    EVENKEEL_STATEMENT_TIMEOUT: '5s',
    // The same subject is broken again and again here.
    EVENKEEL_REPEATS: '1000000',
  });
  return createEngine(config, url, invariants, pino({ level: 'silent' }));
}

/** Everything as it was, and the ledger and the journal empty. */
export async function reset({ pool, schemas, shelf, base }: Scene): Promise<void> {
  await work(pool, schemas, async tx => {
    await shelf.restore(tx, base);
    for (const table of ['violation', 'entry', 'leave', 'pulse', 'suspect', 'range'])
      await tx.query(`delete from evenkeel.${table}`);
  });
}

/** The slot would keep the database from being dropped. */
export async function endCapture(pool: Pool): Promise<void> {
  await removeSlots(pool, publicationName);
}
