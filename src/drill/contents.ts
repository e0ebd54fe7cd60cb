import { type Tx, ask, quote } from '../db/pool.ts';

/** Every row of the application's tables: table → the texts of its rows, in order. */
export type Contents = ReadonlyMap<string, readonly string[]>;

interface Place {
  /** Schema-qualified and quoted. */
  readonly quoted: string;
  /** Those that are written: generated ones aren't. */
  readonly columns: readonly string[];
}

/** The whole of a scratch database: looked at, and put back. */
export class Shelf {
  readonly #places: readonly Place[];

  private constructor(places: readonly Place[]) {
    this.#places = places;
  }

  static async of(tx: Tx): Promise<Shelf> {
    const rows = await ask(
      tx,
      `select format('%I.%I', n.nspname, c.relname),
              (select json_agg(a.attname order by a.attnum) from pg_attribute a
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '')
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^(pg_|information_schema$|evenkeel$)' order by 1`,
    );
    return new Shelf(
      rows.map(([quoted, columns]) => ({
        quoted: quoted ?? '',
        columns: JSON.parse(columns ?? '[]') as string[],
      })),
    );
  }

  async look(tx: Tx): Promise<Contents> {
    const found = new Map<string, string[]>(this.#places.map(({ quoted }) => [quoted, []]));
    for (let i = 0; i < this.#places.length; i += together) {
      const some = this.#places.slice(i, i + together);
      const text = some
        .map(({ quoted }, n) => `select ${n} as n, t::text as row from ${quoted} t`)
        .join(' union all ');
      for (const [n, row] of await ask(tx, `${text} order by 1, 2`)) {
        found.get(some[Number(n)]?.quoted ?? '')?.push(row ?? '');
      }
    }
    return found;
  }

  /** Makes it what it was: rows that are too many go, those that are missing come back; no trigger takes notice. */
  async restore(tx: Tx, was: Contents): Promise<void> {
    await tx.query('set local session_replication_role = replica');
    const now = await this.look(tx);
    for (const { quoted, columns } of this.#places) {
      const { gone, added } = difference(was.get(quoted) ?? [], now.get(quoted) ?? []);
      for (const row of added) {
        await tx.query(
          `delete from ${quoted} where ctid = (select ctid from ${quoted} t where t::text = $1 limit 1)`,
          [row],
        );
      }
      if (gone.length === 0) continue;
      const list = columns.map(quote).join(', ');
      const values = columns.map(name => `(r).${quote(name)}`).join(', ');
      await tx.query(
        `insert into ${quoted} (${list}) overriding system value select ${values} from unnest($1::text[]) u(t), lateral (select u.t::${quoted} as r) x`,
        [gone],
      );
    }
  }
}
const together = 100;

/** As bags: a row may stand there twice. */
export function difference(
  was: readonly string[],
  now: readonly string[],
): { gone: string[]; added: string[] } {
  const left = new Map<string, number>();
  for (const row of was) left.set(row, (left.get(row) ?? 0) + 1);
  const added = now.filter(row => {
    const n = left.get(row) ?? 0;
    if (n > 0) left.set(row, n - 1);
    return n === 0;
  });
  return { gone: [...left].flatMap(([row, n]) => Array.from({ length: n }, () => row)), added };
}
