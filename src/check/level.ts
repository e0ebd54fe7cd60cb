import { type Tx, ask, quote } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import { fields } from '../watch/scope/ast.ts';
import { type Node, type SelectStmt, commonTables, parseSelect } from '../watch/scope/parse.ts';
import { type Table, readTable } from './table.ts';
import { type Piece, type Token, extent, fromOf, pieceOf, withOf, words } from './text.ts';

/** A base table in a FROM. */
export interface Item {
  readonly table: Table;
  readonly alias: string;
  /** An outer join may put NULLs in place of its row. */
  readonly nullable: boolean;
}

/** One SELECT of a query: itself, an arm of it, a CTE, a sub-select. */
export interface Level {
  readonly select: SelectStmt;
  readonly outer: Level | undefined;
  readonly items: readonly Item[];
  /** There is more in its FROM than base tables under names of their own. */
  readonly open: boolean;
  /** What stands behind FROM; undefined: nothing, or it couldn't be told apart. */
  readonly from: string | undefined;
  /** The kind of sub-select that it is, as the parser calls it (EXISTS_SUBLINK and so on); undefined: none. */
  readonly as: string | undefined;
}

/** A query taken apart. */
export interface Query {
  readonly invariant: Invariant;
  readonly levels: readonly Level[];
  readonly words: readonly Token[];
  /** `with …`, in force everywhere. */
  readonly ctes: string;
}

export async function readQuery(tx: Tx, invariant: Invariant): Promise<Query> {
  const { sql } = invariant;
  const root = parseSelect(sql);
  const all = words(sql);
  const own = new Set(commonTables(root).map(({ ctename }) => ctename));
  const levels: Level[] = [];
  await enter(root, undefined, undefined);
  return { invariant, levels, words: all, ctes: withOf(sql, all, root) };

  async function enter(select: SelectStmt, outer: Level | undefined, as: string | undefined): Promise<void> {
    const items: Item[] = [];
    let open = false;
    for (const item of select.fromClause ?? []) await collect(item, false);
    const level = { select, outer, items, open, from: fromOf(sql, all, select), as };
    levels.push(level);
    const { larg, rarg, ...rest } = select;
    for (const arm of [larg, rarg]) if (arm) await enter(arm, outer, as);
    await inside(rest, level);

    async function collect(item: Node, nullable: boolean): Promise<void> {
      if ('JoinExpr' in item) {
        const { jointype, larg, rarg, alias } = item.JoinExpr;
        if (alias) open = true;
        const full = nullable || jointype === 'JOIN_FULL';
        if (larg) await collect(larg, full || jointype === 'JOIN_RIGHT');
        if (rarg) await collect(rarg, full || jointype === 'JOIN_LEFT');
      } else if ('RangeVar' in item) {
        const { schemaname, relname = '', alias } = item.RangeVar;
        const plain = !alias?.colnames?.length && (schemaname !== undefined || !own.has(relname));
        const written = schemaname ? `${quote(schemaname)}.${quote(relname)}` : quote(relname);
        const table = plain ? await readTable(tx, written) : undefined;
        if (table) items.push({ table, alias: alias?.aliasname ?? relname, nullable });
        else open = true;
      } else open = true;
    }
  }

  async function inside(value: unknown, level: Level): Promise<void> {
    if (Array.isArray(value)) for (const one of value) await inside(one, level);
    else if (value !== null && typeof value === 'object') {
      for (const [name, below] of Object.entries(value)) {
        if (name === 'SelectStmt') await enter(below as SelectStmt, level, undefined);
        else if (name === 'SubLink') {
          const { subselect, subLinkType, ...rest } = below as { subselect?: Node; subLinkType?: string };
          await inside(rest, level);
          if (subselect && 'SelectStmt' in subselect)
            await enter(subselect.SelectStmt, level, String(subLinkType));
        } else await inside(below, level);
      }
    }
  }
}

/** Every node of a level, those of its sub-selects left out. */
export function* nodesAt(root: unknown): Generator<Node> {
  if (Array.isArray(root)) for (const item of root) yield* nodesAt(item);
  else if (root !== null && typeof root === 'object') {
    for (const [name, value] of Object.entries(root)) {
      if (name === 'SelectStmt' || name === 'larg' || name === 'rarg') continue;
      if (/^[A-Z]/.test(name) && value !== null && typeof value === 'object') yield { [name]: value } as Node;
      yield* nodesAt(value);
    }
  }
}

/** The base table that a column is of, at this level; undefined: none, or it isn't certain. */
export function ownerOf({ items, open }: Level, node: Node): Item | undefined {
  const path = fields(node);
  const name = path.at(-1) ?? '';
  if (path.length === 0 || path.length > 2) return undefined;
  const [alias] = path.length === 2 ? path : [undefined];
  if (alias === undefined && open) return undefined;
  const found = items.filter(
    one => (alias === undefined || one.alias === alias) && one.table.columns.has(name),
  );
  return found.length === 1 ? found[0] : undefined;
}

/** An expression as it is written; where that can't be told, the place alone. */
export function shown({ invariant: { sql }, words }: Query, node: Node): Piece {
  const piece = pieceOf(sql, words, node);
  if (piece) return piece;
  const { first } = extent(node, sql);
  const word = words.find(({ start }) => start === first);
  return word ? { text: sql.slice(word.start, word.end), start: word.start } : { text: '', start: 0 };
}

/** A statement that puts expressions of a level where their names mean what they mean there; it is planned, never run. */
export function inPlace({ ctes }: Query, level: Level, list: readonly string[]): string {
  let text = `select ${list.map((one, i) => `(${one}\n) as c${i}`).join(', ')}${level.from === undefined ? '' : ` from ${level.from}`} offset 0`;
  for (let { outer } = level; outer; outer = outer.outer) {
    if (outer.from !== undefined)
      text = `select evenkeel_inner.* from ${outer.from} cross join lateral (${text}) evenkeel_inner offset 0`;
  }
  return `${ctes}${text}`;
}

/** The oids of the types of expressions, below domains; undefined: Postgres could not tell. */
export async function typesOf(
  tx: Tx,
  query: Query,
  level: Level,
  texts: readonly string[],
): Promise<readonly number[] | undefined> {
  await tx.query('savepoint types');
  try {
    const { fields } = await tx.query(`${inPlace(query, level, texts)} limit 0`);
    const rows = await ask(
      tx,
      `with recursive t (n, oid) as (select n, o from unnest($1::oid[]) with ordinality u (o, n)
         union all select t.n, p.typbasetype from t join pg_type p on p.oid = t.oid and p.typtype = 'd')
       select distinct on (n) t.oid from t join pg_type p on p.oid = t.oid and p.typtype <> 'd' order by n`,
      [fields.map(({ dataTypeID }) => dataTypeID)],
    );
    await tx.query('release savepoint types');
    return rows.map(([oid]) => Number(oid));
  } catch (error) {
    await tx.query('rollback to savepoint types');
    if ((error as { code?: string }).code === undefined) throw error;
    return undefined;
  }
}
