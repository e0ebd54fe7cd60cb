import { onTestFinished } from 'vitest';
import { readRelations, resolve } from '../../../src/catalog/relation.ts';
import { migrate } from '../../../src/db/migrate.ts';
import { type Tx, createPool, transaction } from '../../../src/db/pool.ts';
import type { Image, Operation, Origin, Sink, Watched } from '../../../src/watch/capture/capture.ts';
import { type Step, triggerDdl } from '../../../src/watch/capture/trigger/ddl.ts';
import { type Readiness, readiness } from '../../../src/watch/capture/trigger/readiness.ts';
import { TriggerCapture } from '../../../src/watch/capture/trigger/trigger.ts';
import { type FreshDatabase, freshDatabase } from '../../support/database.ts';
import { until } from '../../support/wait.ts';

/** A database with these tables and the schema evenkeel, without triggers. */
async function ground(tables: string): Promise<FreshDatabase> {
  const db = await freshDatabase();
  await db.sql(tables);
  await migrate(db.pool);
  return db;
}

const limits = { statement: 30_000, lock: 5_000, schemas: ['public'] };
const inTx = <T>(db: FreshDatabase, work: (tx: Tx) => Promise<T>) => transaction(db.pool, limits, work);

/** `watch(db, { lines: ['order_id'] })` */
export async function watch(
  db: FreshDatabase,
  columns: Readonly<Record<string, readonly string[]>>,
): Promise<Watched[]> {
  return inTx(db, async tx => {
    const made: Watched[] = [];
    for (const [name, own] of Object.entries(columns)) {
      const oid = (await resolve(tx, name)) as string;
      const relation = (await readRelations(tx, [oid])).get(oid);
      if (!relation) throw new Error(`no table ${name}`);
      made.push({ relation, columns: own, extra: [] });
    }
    return made;
  });
}

export const ddlOf = (db: FreshDatabase, watched: readonly Watched[]): Promise<Step[]> =>
  inTx(db, tx => triggerDdl(tx, watched));

export async function install(db: FreshDatabase, watched: readonly Watched[]): Promise<void> {
  for (const { sql } of await ddlOf(db, watched)) await inTx(db, tx => tx.query(sql));
}

/** Tables, watched and with their triggers. */
export async function scene(
  tables: string,
  columns: Readonly<Record<string, readonly string[]>>,
): Promise<{ db: FreshDatabase; watched: Watched[] }> {
  const db = await ground(tables);
  const watched = await watch(db, columns);
  await install(db, watched);
  return { db, watched };
}

const ready = (db: FreshDatabase, watched: readonly Watched[]): Promise<Readiness[]> =>
  inTx(db, tx => readiness(tx, watched));

export const whyNot = async (
  db: FreshDatabase,
  watched: readonly Watched[],
): Promise<(string | undefined)[]> => (await ready(db, watched)).map(({ why }) => why);

export interface Told {
  readonly origin: Origin;
  /** `lines update 1,2`, or `1,1 → 1,2`; a delete's old image, an insert's new one. */
  readonly rows: string[];
}

/** What was told, in order; acknowledged at once unless `keep`. */
export class Recorder implements Sink {
  readonly transactions: Told[] = [];
  readonly alls: string[] = [];
  readonly gaps: string[] = [];
  capture: TriggerCapture | undefined;
  readonly keep: boolean;
  wait: Promise<void> | undefined;
  #open: Told | undefined;

  constructor(keep = false) {
    this.keep = keep;
  }

  begin(origin: Origin): void {
    this.#open = { origin, rows: [] };
  }

  row(table: Watched, operation: Operation, old: Image | undefined, now: Image | undefined): void {
    const shape = {
      insert: !old && now,
      update: now ?? old,
      delete: old && !now,
      truncate: undefined,
    };
    if (!shape[operation]) throw new Error(`told in the wrong shape: ${operation}`);
    const images = [old, now].flatMap(image => (image ? [image.map(String).join()] : []));
    this.#open?.rows.push(`${table.relation.name} ${operation} ${images.join(' → ')}`);
  }

  all(table: Watched, why: string): void {
    this.alls.push(`${table.relation.name}: ${why}`);
  }

  commit(position: bigint): void {
    if (this.#open && this.#open.rows.length > 0) this.transactions.push(this.#open);
    this.#open = undefined;
    if (!this.keep) this.capture?.acknowledge(position);
  }

  gap(why: string): void {
    this.gaps.push(why);
  }

  full(): Promise<void> | undefined {
    return this.wait;
  }

  get rows(): string[] {
    return this.transactions.flatMap(({ rows }) => rows);
  }

  clear(): void {
    this.transactions.length = this.alls.length = this.gaps.length = 0;
  }
}

export interface Listening {
  readonly capture: TriggerCapture;
  readonly told: Recorder;
  /** Waits until all that is committed by now is told. */
  readonly quiet: () => Promise<void>;
}

export async function listen(
  db: Pick<FreshDatabase, 'url' | 'sql'>,
  watched: readonly Watched[],
  { keep = false, fresh = true } = {},
): Promise<Listening> {
  const pool = createPool(db.url, 3);
  const capture = new TriggerCapture(pool);
  const told = new Recorder(keep);
  told.capture = capture;
  let stopped = false;
  onTestFinished(async () => {
    if (!stopped) await capture.stop();
    stopped = true;
    await pool.end();
  });
  capture.ended.catch(error => {
    if (!stopped) told.gaps.push(`ended: ${String(error)}`);
  });
  await capture.start(watched, told);
  const quiet = async () => {
    const [{ now }] = await db.sql('select clock_timestamp() as now');
    await until(async () => (capture.toldUntil()?.getTime() ?? 0) > now.getTime(), {
      what: 'everything to be told',
    });
  };
  if (fresh) {
    await quiet();
    told.clear();
  }
  return { capture, told, quiet };
}
