import type pg from 'pg';
import type { Bound } from '../../../src/ask/bind.ts';
import { type Pool, quote } from '../../../src/db/pool.ts';
import { capturePlan } from '../../../src/watch/capture/plan.ts';
import type { Row } from '../tables.ts';
import type { Table, World } from './world.ts';

/** What happened to tables: images of rows as they were and as they are, or that anything may have. By name. */
export interface Told {
  readonly rows: ReadonlyMap<string, readonly Row[]>;
  readonly all: ReadonlySet<string>;
}

/** A way to learn of changes. */
export interface Hearing {
  /** Statements that make a world's tables tell; run with its DDL. */
  ddl(world: World): string;
  /** Begins to listen. @returns which of the queries can't be followed, though their tables could be */
  start(world: World, bounds: readonly Bound[]): Promise<ReadonlySet<Bound>>;
  /** All that committed since it was called last. */
  hear(): Promise<Told>;
}

/** Row triggers that write old and new rows into a log: derivation alone. */
export class LogHearing implements Hearing {
  readonly #pool: Pool;
  #world: World | undefined;
  #columns: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  ddl(world: World): string {
    const schema = quote(world.schema);
    const each = Object.values(world.tables).map((table, i) => {
      const row = (side: string) =>
        `array[${table.columns.map(one => `${side}.${one.quoted}::text`).join(', ')}]`;
      const write = (side: string) => `insert into ${schema}."the log" values (${i}, ${row(side)});`;
      return `
        create function ${schema}."tell ${i}"() returns trigger language plpgsql as $$ begin
          if tg_op <> 'INSERT' then ${write('old')} end if;
          if tg_op <> 'DELETE' then ${write('new')} end if; return null; end $$;
        create trigger tell after insert or update or delete on ${table.quoted} for each row execute function ${schema}."tell ${i}"();
        create function ${schema}."all ${i}"() returns trigger language plpgsql as $$ begin
          insert into ${schema}."the log" values (${i}, null); return null; end $$;
        create trigger tell_all after truncate on ${table.quoted} execute function ${schema}."all ${i}"();`;
    });
    return `create table ${schema}."the log" (t int, r text[]);${each.join('')}`;
  }

  async start(world: World, bounds: readonly Bound[]): Promise<ReadonlySet<Bound>> {
    this.#world = world;
    this.#columns = new Map(capturePlan(bounds).map(({ relation, columns }) => [relation.name, columns]));
    await this.hear();
    return new Set();
  }

  async hear(): Promise<Told> {
    const world = this.#world as World;
    const { rows: found } = await this.#pool.query<{ t: number; r: (string | null)[] | null }>(
      `delete from ${quote(world.schema)}."the log" returning t, r`,
    );
    const rows = new Map<string, Row[]>();
    const all = new Set<string>();
    const tables: readonly Table[] = Object.values(world.tables);
    for (const { t, r } of found) {
      const table = tables[t] as Table;
      if (r === null) all.add(table.name);
      const known = this.#columns.get(table.name) ?? [];
      // Only the columns that paths start from are told.
      const pairs = table.columns
        .map(({ name }, i) => [name, r?.[i] ?? null] as const)
        .filter(([name]) => known.includes(name));
      const list = rows.get(table.name) ?? [];
      if (r !== null) list.push(Object.fromEntries(pairs));
      rows.set(table.name, list);
    }
    return { rows, all };
  }
}
