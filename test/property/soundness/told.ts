import type pg from 'pg';
import type { Bound } from '../../../src/ask/bind.ts';
import { type Pool, quote } from '../../../src/db/pool.ts';
import type { Image, Watched } from '../../../src/watch/capture/capture.ts';
import { capturePlan } from '../../../src/watch/capture/plan.ts';
import type { Table, World } from './world.ts';

/** What happened: transactions in an order in which they can have come, and the tables of which any row may have changed. */
export interface Told {
  readonly watched: readonly Watched[];
  readonly transactions: readonly (readonly Change[])[];
  readonly all: ReadonlySet<string>;
}

export interface Change {
  readonly table: Watched;
  readonly operation: 'insert' | 'update' | 'delete';
  readonly old: Image | undefined;
  readonly now: Image | undefined;
}

export const tablesOf = ({ transactions }: Told): Set<string> =>
  new Set(transactions.flat().map(({ table }) => table.relation.name));

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
  #watched: readonly Watched[] = [];

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  ddl(world: World): string {
    const schema = quote(world.schema);
    const each = Object.values(world.tables).map((table, i) => {
      const row = (side: string) =>
        `array[${table.columns.map(one => `${side}.${one.quoted}::text`).join(', ')}]`;
      const image = (side: string, not: string) => `case when tg_op <> '${not}' then ${row(side)} end`;
      return `
        create function ${schema}."tell ${i}"() returns trigger language plpgsql as $$ begin
          insert into ${schema}."the log" (t, op, old, now)
          values (${i}, lower(tg_op), ${image('old', 'INSERT')}, ${image('new', 'DELETE')}); return null; end $$;
        create trigger tell after insert or update or delete on ${table.quoted} for each row execute function ${schema}."tell ${i}"();
        create function ${schema}."all ${i}"() returns trigger language plpgsql as $$ begin
          insert into ${schema}."the log" (t) values (${i}); return null; end $$;
        create trigger tell_all after truncate on ${table.quoted} execute function ${schema}."all ${i}"();`;
    });
    return `create table ${schema}."the log" (n bigint generated always as identity,
        xid xid8 default pg_current_xact_id(), t int, op text, old text[], now text[]);${each.join('')}`;
  }

  async start(world: World, bounds: readonly Bound[]): Promise<ReadonlySet<Bound>> {
    this.#world = world;
    this.#watched = capturePlan(bounds);
    await this.hear();
    return new Set();
  }

  async hear(): Promise<Told> {
    const world = this.#world as World;
    const { rows: found } = await this.#pool.query<Logged>(
      `with gone as (delete from ${quote(world.schema)}."the log" returning *)
       select xid::text, t, op, old, now from gone order by max(n) over (partition by xid), n`,
    );
    const transactions = new Map<string, Change[]>();
    const all = new Set<string>();
    const tables: readonly Table[] = Object.values(world.tables);
    for (const { xid, t, op, old, now } of found) {
      const { name, columns } = tables[t] as Table;
      if (op === null) all.add(name);
      const table = this.#watched.find(({ relation }) => relation.name === name);
      if (op === null || !table) continue;
      const image = (values: readonly (string | null)[] | null) =>
        values
          ? [...table.columns, ...table.extra].map(one => {
              const at = columns.findIndex(column => column.name === one);
              // As output functions print it.
              return columns[at]?.type === 'boolean' ? (values[at]?.[0] ?? null) : (values[at] ?? null);
            })
          : undefined;
      const change = { table, operation: op, old: image(old), now: image(now) };
      transactions.set(xid, [...(transactions.get(xid) ?? []), change]);
    }
    return { watched: this.#watched, transactions: [...transactions.values()], all };
  }
}

interface Logged {
  readonly xid: string;
  readonly t: number;
  readonly op: Change['operation'] | null;
  readonly old: (string | null)[] | null;
  readonly now: (string | null)[] | null;
}
