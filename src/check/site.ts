import { type Tx, quote } from '../db/pool.ts';
import { conjuncts as conjunctsIn } from '../watch/scope/ast.ts';
import { type Node, type SelectStmt, commonTables, parseSelect } from '../watch/scope/parse.ts';
import type { Source } from './constraint.ts';
import { columnRefs, nodesOf, parseCondition } from './expression.ts';
import type { Condition } from './prove.ts';
import { type Conjunct, conjunctsOf } from './split.ts';
import { pieceOf, words } from './text.ts';
import { readTable } from './table.ts';

/** One WHERE of a query, with the tables whose rows it is asked of. */
export interface Site {
  readonly conjuncts: readonly Conjunct[];
  readonly sources: readonly Source[];
  /** The one table that all of the text speaks of; undefined: there is none, and nothing is asked. */
  about(text: string): Source | undefined;
  /** All that can be asked of several tables together, with what joins them; undefined: nothing joins them. */
  across(): Condition | undefined;
}

export type { Source };

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
    const joins: string[] = [];
    const all = words(sql);
    for (const item of select.fromClause ?? []) await collect(item);
    if (sources.length === 0) unread.push('no base table stands in the FROM of a WHERE');
    sites.push({
      conjuncts,
      sources,
      about: text => about(sources, text),
      across: () => across(sources, [...joins, ...conjuncts.map(({ text }) => text)]),
    });

    // The side of an outer join that may be filled up with NULLs has rows that no constraint speaks of.
    async function collect(item: Node): Promise<void> {
      if ('JoinExpr' in item) {
        const { jointype, larg, rarg, alias, quals } = item.JoinExpr;
        // `(a join b) as j (x, y)` gives columns other names.
        if (alias) return;
        if (jointype === 'JOIN_INNER' && quals)
          for (const node of conjunctsIn(quals)) joins.push(pieceOf(sql, all, node)?.text ?? '');
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

/** The tables that conditions join, directly or by way of others, and these conditions. */
function across(sources: readonly Source[], texts: readonly string[]): Condition | undefined {
  const spoken = texts.flatMap(text => {
    const of = text === '' ? undefined : ownersOf(sources, text);
    return of && of.length > 0 ? [{ text, of }] : [];
  });
  const [joined] = spoken.filter(({ of }) => of.length > 1);
  if (!joined) return undefined;
  const met = new Set(joined.of);
  for (let before = -1; before !== met.size;) {
    before = met.size;
    for (const { of } of spoken) if (of.some(one => met.has(one))) of.forEach(one => met.add(one));
  }
  const [first, ...beside] = [...met];
  const parts = spoken.filter(({ of }) => of.every(one => met.has(one))).map(({ text }) => text);
  return first && { ...first, beside, parts };
}

/** The tables that a text speaks of; undefined: it speaks of something else, too. */
function ownersOf(sources: readonly Source[], text: string): Source[] | undefined {
  const node = parseCondition(text);
  if ([...nodesOf(node)].some(one => 'SubLink' in one || 'A_Star' in one)) return undefined;
  const owners = columnRefs(node).map(([first = '', second, ...rest]) => {
    const [alias, name] = second === undefined ? [undefined, first] : [first, second];
    const found = sources.filter(
      one => (alias === undefined || one.alias === alias) && one.table.columns.has(name),
    );
    return rest.length === 0 && found.length === 1 ? found[0] : undefined;
  });
  return owners.includes(undefined) ? undefined : [...new Set(owners as Source[])];
}

function about(sources: readonly Source[], text: string): Source | undefined {
  const [owner, ...more] = ownersOf(sources, text) ?? [];
  return more.length === 0 ? owner : undefined;
}
