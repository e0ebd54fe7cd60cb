import { type Tx, quote } from '../db/pool.ts';
import { type Node, type SelectStmt, commonTables, parseSelect } from '../watch/scope/parse.ts';
import { columnRefs, nodesOf, parseCondition } from './expression.ts';
import type { Condition } from './prove.ts';
import { type Conjunct, conjunctsOf } from './split.ts';
import { type Table, readTable } from './table.ts';

/** One WHERE of a query, with the tables whose rows it is asked of. */
export interface Site {
  readonly conjuncts: readonly Conjunct[];
  readonly sources: readonly Source[];
  /** The one table that all of the text speaks of; undefined: there is none, and nothing is asked. */
  about(text: string): Source | undefined;
}

export interface Source {
  readonly table: Table;
  readonly alias: string;
}

export const asked = ({ table, alias }: Source, ...parts: string[]): Condition => ({ table, alias, parts });

/** Every WHERE of a query, those of its sub-selects and CTEs too; `unread` says which could not be asked, and why. */
export async function sitesOf(tx: Tx, sql: string): Promise<{ sites: Site[]; unread: string[] }> {
  const root = parseSelect(sql);
  const inner = [...nodesOf(root)].flatMap(node => ('SelectStmt' in node ? [node.SelectStmt] : []));
  const own = new Set(commonTables(root).map(({ ctename }) => ctename));
  const sites: Site[] = [];
  const unread: string[] = [];
  for (const select of [...arms(root), ...inner.flatMap(arms)]) {
    if (!select.whereClause) continue;
    const conjuncts = conjunctsOf(sql, select);
    if (!conjuncts) {
      unread.push('a WHERE could not be told apart in the text');
      continue;
    }
    const sources: Source[] = [];
    for (const item of select.fromClause ?? []) await collect(item);
    if (sources.length === 0) unread.push('no base table stands in the FROM of a WHERE');
    sites.push({ conjuncts, sources, about: text => about(sources, text) });

    // The side of an outer join that may be filled up with NULLs has rows that no constraint speaks of.
    async function collect(item: Node): Promise<void> {
      if ('JoinExpr' in item) {
        const { jointype, larg, rarg, alias } = item.JoinExpr;
        // `(a join b) as j (x, y)` gives columns other names.
        if (alias) return;
        if (larg && (jointype === 'JOIN_INNER' || jointype === 'JOIN_LEFT')) await collect(larg);
        if (rarg && (jointype === 'JOIN_INNER' || jointype === 'JOIN_RIGHT')) await collect(rarg);
      } else if ('RangeVar' in item) {
        const { schemaname, relname = '', alias } = item.RangeVar;
        if (alias?.colnames?.length || (!schemaname && own.has(relname))) return;
        const table = await readTable(
          tx,
          schemaname ? `${quote(schemaname)}.${quote(relname)}` : quote(relname),
        );
        if (table) sources.push({ table, alias: alias?.aliasname ?? relname });
      }
    }
  }
  return { sites, unread };
}

/** The plain SELECTs of a UNION and its like. */
function arms(select: SelectStmt): SelectStmt[] {
  return [select.larg, select.rarg].some(Boolean)
    ? [...(select.larg ? arms(select.larg) : []), ...(select.rarg ? arms(select.rarg) : [])]
    : [select];
}

function about(sources: readonly Source[], text: string): Source | undefined {
  const node = parseCondition(text);
  if ([...nodesOf(node)].some(one => 'SubLink' in one || 'A_Star' in one)) return undefined;
  const refs = columnRefs(node);
  const owners = refs.map(([first = '', second, ...rest]) => {
    if (rest.length > 0) return undefined;
    const [alias, name] = second === undefined ? [undefined, first] : [first, second];
    const found = sources.filter(
      one => (alias === undefined || one.alias === alias) && one.table.columns.has(name),
    );
    return found.length === 1 ? found[0] : undefined;
  });
  const [owner] = owners;
  return owner && owners.every(one => one === owner) ? owner : undefined;
}
