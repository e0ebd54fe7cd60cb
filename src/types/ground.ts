import type { Verdict } from '../check/verdict.ts';
import { possible } from '../check/prove.ts';
import { type Check, type Table, readTable } from '../check/table.ts';
import { type Tx, ask } from '../db/pool.ts';
import type { Shape } from './read.ts';

/** What questions about the columns of a table or view are asked of. */
export interface Ground {
  /** Constraints that are not validated or not enforced: nothing follows from them. */
  readonly unused: readonly string[];
  /** Those whose literals a column may be closed to. */
  checksOf(column: string): readonly Check[];
  /** Can there be a row for which it is true? */
  ask(condition: string): Promise<Verdict>;
  /** The same from one constraint alone; of a view that can't be asked. */
  readonly only?: (check: Check) => Ground;
}

/** Undefined: nothing can be proved of it. */
export async function groundOf(tx: Tx, shape: Shape): Promise<Ground | undefined> {
  if (shape.kind === 'view') return viewGround(tx, shape);
  const table = shape.kind === 'far' ? undefined : await readTable(tx, shape.quoted);
  if (!table) return undefined;
  const nested = new Set(shape.columns.flatMap(({ name, nested }) => (nested ? [name] : [])));
  // A generated value, and one whose domain is NOT NULL, is among those that the checks allow: a proof over these holds for it.
  const columns = new Map(
    [...table.columns].map(([name, column]) => [
      name,
      nested.has(name) ? column : { ...column, opaque: undefined },
    ]),
  );
  if (shape.kind === 'table') return tableGround(tx, { ...table, columns }, shape);
  // The planner would conclude from the partitions that there are just now. Checks of the parent hold in all of them.
  const checks = table.checks.filter(({ definition }) => !definition.endsWith(' NO INHERIT'));
  return tableGround(tx, apart({ ...table, columns, checks }, shape), shape);
}

function tableGround(tx: Tx, table: Table, shape: Shape): Ground {
  return {
    unused: table.unused,
    checksOf: column => table.checks.filter(({ columns }) => columns.includes(column)),
    ask: condition => possible(tx, { table, alias: 'v', parts: [condition] }),
    only: check => tableGround(tx, apart({ ...table, checks: [check], references: [] }, shape), shape),
  };
}

/** The same columns and checks, where the planner knows of no constraint, and all is left to the search. */
function apart(table: Table, { quoted }: Shape): Table {
  return { ...table, related: false, quoted: `pg_catalog.jsonb_populate_recordset(null::${quoted}, '[]')` };
}

/** Of a view only the planner is asked, which looks through it; `related` keeps the search out. */
async function viewGround(tx: Tx, { quoted }: Shape): Promise<Ground | undefined> {
  const used = await ask(
    tx,
    `with recursive used(oid) as (
       select $1::regclass::oid
       union select d.refobjid from used join pg_rewrite r on r.ev_class = used.oid
         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass)
     select format('%I.%I', n.nspname, c.relname), c.relkind = 'r' and not c.relhassubclass and not c.relispartition
       from used join pg_class c using (oid) join pg_namespace n on n.oid = c.relnamespace
      where c.relkind <> 'v' order by n.nspname collate "C", c.relname collate "C"`,
    [quoted],
  );
  if (used.some(([, plain]) => plain !== 't')) return undefined;
  const tables: Table[] = [];
  for (const [name] of used) {
    const table = await readTable(tx, name ?? '');
    if (table) tables.push(table);
  }
  const [first] = tables;
  if (!first) return undefined;
  const view: Table = {
    ...first,
    oid: '',
    quoted,
    columns: new Map(),
    checks: [],
    unused: [],
    related: true,
  };
  const ground: Ground = {
    unused: [...new Set(tables.flatMap(({ unused }) => unused))],
    // A column may have another name in the view.
    checksOf: () => tables.flatMap(({ checks }) => checks),
    ask: condition => possible(tx, { table: view, alias: 'v', parts: [condition] }),
  };
  // Of a view that never shows anything, all would be proved.
  return (await ground.ask('true')).is === 'proved' ? undefined : ground;
}
