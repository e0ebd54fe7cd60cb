import { onTestFinished } from 'vitest';
import { readRelations, resolve } from '../../../src/catalog/relation.ts';
import { migrate } from '../../../src/db/migrate.ts';
import { transaction } from '../../../src/db/pool.ts';
import { createLog } from '../../../src/log.ts';
import type { Image, Position, Sink, Watched } from '../../../src/watch/capture/capture.ts';
import { SlotCapture, type SlotMeans } from '../../../src/watch/capture/slot/capture.ts';
import type { FreshDatabase } from '../../support/database.ts';
import { until } from '../../support/wait.ts';

/** A sink that writes down what it is told, and acknowledges when a test says so. */
export class Notes implements Sink {
  /** `table operation old → now`, or `table all: why`. */
  readonly lines: string[] = [];
  readonly xids: string[] = [];
  readonly times: Date[] = [];
  readonly gaps: string[] = [];
  readonly commits: Position[] = [];
  open = false;
  /** What `full` answers in the middle of a transaction. */
  hold: Promise<void> | undefined;

  begin({ xid, at }: { xid: string; at: Date }): void {
    if (this.open) throw new Error('a transaction inside another');
    this.open = true;
    this.xids.push(xid);
    this.times.push(at);
  }
  row({ relation }: Watched, operation: string, old: Image | undefined, now: Image | undefined): void {
    const show = (image: Image | undefined) => image?.map(value => value ?? 'NULL').join(',') ?? '';
    const change = old === now && old ? `same ${show(now)}` : `${show(old)} → ${show(now)}`;
    this.lines.push(`${relation.name} ${operation} ${change}`.replaceAll('  ', ' ').trim());
  }
  all({ relation }: Watched, why: string): void {
    this.lines.push(`${relation.name} all: ${why}`);
  }
  commit(position: Position): void {
    this.open = false;
    this.commits.push(position);
  }
  gap(why: string): void {
    this.gaps.push(why);
  }
  full(): Promise<void> | undefined {
    return this.open && this.lines.length > 0 ? this.hold : undefined;
  }
}

export interface Telling {
  readonly capture: SlotCapture;
  readonly notes: Notes;
  /** Everything that was told so far. */
  readonly acknowledge: () => void;
  /** Waits until a line holds this. */
  readonly line: (part: string) => Promise<string>;
  /** Writes something and waits until it is told: so is all before it. */
  readonly settle: () => Promise<void>;
  readonly watch: (tables: Readonly<Record<string, readonly string[]>>) => Promise<void>;
  /** As if the process had died: nothing more is acknowledged or remembered. */
  readonly stop: () => Promise<void>;
}

/** Starts a capture of some columns of some tables; `fence` is watched beside them. */
export async function telling(
  db: FreshDatabase,
  tables: Readonly<Record<string, readonly string[]>>,
  means: Partial<SlotMeans> = {},
): Promise<Telling> {
  await prepare(db);
  const notes = new Notes();
  const capture = new SlotCapture({
    pool: db.pool,
    url: db.url,
    log: createLog('quiet'),
    maxLag: 2 ** 32,
    ...means,
  });
  onTestFinished(() => capture.stop());
  await capture.start(await watchedOf(db, tables), notes);
  const line = (part: string) =>
    until(() => notes.lines.find(one => one.includes(part)), { what: `to be told "${part}"` });
  return {
    capture,
    notes,
    line,
    acknowledge: () => capture.acknowledge(notes.commits.at(-1) ?? 0n),
    settle: async () => {
      const [{ id }] = await db.sql('insert into fence default values returning id');
      await line(`fence insert → ${id}`);
      await until(() => !notes.open, { what: 'the commit' });
    },
    watch: async more => capture.watch(await watchedOf(db, more)),
    stop: () => capture.stop(),
  };
}

/** The schema, and a table to write to where only the moment counts. */
export async function prepare(db: FreshDatabase): Promise<void> {
  await migrate(db.pool);
  await db.sql('create table if not exists fence (id int generated always as identity primary key)');
}

export async function watchedOf(
  db: FreshDatabase,
  tables: Readonly<Record<string, readonly string[]>>,
): Promise<Watched[]> {
  return transaction(db.pool, { statement: 5_000, schemas: ['public'] }, async tx => {
    const watched: Watched[] = [];
    for (const [name, columns] of Object.entries({ fence: ['id'], ...tables })) {
      const oid = await resolve(tx, name);
      const relation = oid === undefined ? undefined : (await readRelations(tx, [oid])).get(oid);
      if (!relation) throw new Error(`there is no table ${name}`);
      watched.push({ relation, columns, extra: [] });
    }
    return watched;
  });
}

export async function slots(db: FreshDatabase): Promise<{ name: string; confirmed: string }[]> {
  return db.sql(
    `select slot_name as name, confirmed_flush_lsn::text as confirmed from pg_replication_slots
      where database = current_database()`,
  );
}

/** What was told since the last call, without fences. */
export function fresh(notes: Notes): string[] {
  return notes.lines.splice(0).filter(one => !one.startsWith('fence'));
}
