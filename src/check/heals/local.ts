import { resolve } from '../../catalog/relation.ts';
import type { Bound } from '../../ask/bind.ts';
import { type Tx, ask, quote } from '../../db/pool.ts';
import { writes } from '../../declare/remedy.ts';
import { fields, names } from '../../watch/scope/ast.ts';
import { type Node, type SelectStmt, parseSelect, tokens } from '../../watch/scope/parse.ts';
import { columnRefs, nodesOf, parseCondition, same } from '../expression.ts';
import { conjunctsOf, leavesOf } from '../split.ts';
import type { Piece } from '../text.ts';
import { type Table, readTable } from '../table.ts';

/**
 * An invariant whose violation and whose heal depend on nothing but one row of its own table: `broken`, one table, no
 * joins, no sub-selects, no aggregates. What it does to a row can be tried on made-up rows, by its own text.
 */
export interface Local {
  readonly bound: Bound;
  readonly name: string;
  readonly table: Table;
  /** Conditions, cut as finely as the text allows. */
  readonly leaves: readonly Leaf[];
  /** Written column → its expression. */
  readonly sets: ReadonlyMap<string, Node>;
  /** `set` of no columns: all that it writes stands elsewhere. */
  readonly does: 'set' | 'remove' | 'nothing';
  /** Its text over made-up rows: `"evenkeel n"`, then the result; leaves for which `name` gives one are replaced by that column. */
  text(name: (leaf: Leaf) => string | undefined): string;
}

export interface Leaf {
  /** As it is written. */
  readonly text: string;
  readonly node: Node;
  readonly columns: readonly string[];
}

/** What made-up rows are called in the text. */
export const states = '"evenkeel states"';

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A text is why it isn't one. */
export async function localOf(tx: Tx, bound: Bound): Promise<Local | string> {
  const { invariant, name } = bound;
  const { sql, heal, on } = invariant;
  if (invariant.form !== 'broken' || invariant.source) return 'it says how it should be';
  const select = parseSelect(sql);
  const plain = shapeOf(select);
  if (typeof plain === 'string') return plain;
  const { range, alias } = plain;
  const read = await readTable(tx, bound.table.quoted);
  if (!read) return 'it governs no table';
  const table = asWritten(read);
  const named = range.schemaname
    ? `${quote(range.schemaname)}.${quote(range.relname ?? '')}`
    : quote(range.relname ?? '');
  if ((await resolve(tx, named)) !== bound.table.oid) return 'it reads another table than it governs';
  const targets = new Map<string, Node>();
  for (const target of select.targetList ?? []) {
    if (!('ResTarget' in target) || !target.ResTarget.val) return 'its result could not be read';
    const { val, name } = target.ResTarget;
    targets.set(name ?? fields(val).at(-1) ?? '', val);
  }
  for (const { name } of bound.key) {
    const from = targets.get(name);
    if (!from || fields(from).at(-1) !== name) return `its ${name} is computed`;
  }
  const odd = await unplain(tx, select);
  if (odd !== undefined) return odd;
  const own = leavesIn(sql, select);
  const governed = on.where === undefined ? [] : leavesIn(`select where ${on.where}\n`);
  if (!own || !governed) return 'its conditions could not be told apart in the text';
  const sets = new Map<string, Node>();
  for (const { name } of bound.sets) {
    const expression = targets.get(name);
    if (!expression) return `what it writes to ${name} could not be read`;
    sets.set(name, unqualified(expression));
  }
  const base = rewrite(sql, select, range, alias);
  if (base === undefined) return 'its text could not be laid over made-up rows';
  const acts = heal.filter(writes);
  return {
    bound,
    name,
    table,
    leaves: [...own, ...governed].map(({ leaf }) => leaf),
    sets,
    does: acts.some(one => one.do === 'remove') ? 'remove' : acts.length > 0 ? 'set' : 'nothing',
    text: replaced => {
      const swap = (list: readonly Placed[], as: string): Edit[] =>
        list.flatMap(({ leaf, start, end }) => {
          const column = replaced(leaf);
          return column === undefined ? [] : [{ start, end, text: ` ${quote(as)}.${quote(column)} ` }];
        });
      const inner = edited(sql, [...base, ...swap(own, alias)]);
      if (on.where === undefined) return inner;
      const relation = bound.table.name;
      const where = edited(`select where ${on.where}\n`, swap(governed, relation)).slice('select '.length);
      return `select w.* from (\n${inner}\n) w join (select ${quote(relation)}."evenkeel n" as n from ${states} as ${quote(relation)} ${where}) g on g.n = w."evenkeel n"`;
    },
  };
}

export const generated = 'it is generated';

/** The table as a heal meets it: nobody writes what is generated, and NULL of a domain is refused like any other. */
const asWritten = (table: Table): Table => ({
  ...table,
  columns: new Map(
    [...table.columns].map(([name, column]) => [
      name,
      {
        ...column,
        nullable: column.nullable && !column.required,
        opaque: column.opaque ?? (column.generated && generated),
      },
    ]),
  ),
});

/** There is one table only: its columns go by their bare names. */
function unqualified(node: Node): Node {
  const bare = structuredClone(node);
  for (const one of nodesOf(bare)) {
    if ('ColumnRef' in one) one.ColumnRef.fields = one.ColumnRef.fields?.slice(-1) ?? [];
  }
  return bare;
}

interface Shape {
  readonly range: {
    schemaname?: string;
    relname?: string;
    location?: number;
    alias?: { aliasname?: string };
  };
  readonly alias: string;
}

function shapeOf(select: SelectStmt): Shape | string {
  const { fromClause = [], withClause, groupClause, havingClause, distinctClause, windowClause } = select;
  if (select.larg || select.rarg || select.valuesLists) return 'it is more than one SELECT';
  if (withClause || groupClause || havingClause || distinctClause || windowClause || select.groupDistinct)
    return 'it groups rows, or names sub-queries';
  if (select.limitCount || select.limitOffset) return 'it has a LIMIT';
  const [item, ...others] = fromClause;
  if (!item || others.length > 0 || !('RangeVar' in item)) return 'it reads more than one table';
  const range = item.RangeVar;
  if (range.alias?.colnames?.length) return 'its table has other column names';
  return { range, alias: range.alias?.aliasname ?? range.relname ?? '' };
}

/** What looks further than at one row. */
async function unplain(tx: Tx, select: SelectStmt): Promise<string | undefined> {
  const called = new Set<string>();
  for (const node of nodesOf(select)) {
    if ('SubLink' in node) return 'it has a sub-select';
    if ('A_Star' in node) return 'its result has a *';
    if ('FuncCall' in node) {
      if (node.FuncCall.over) return 'it has a window';
      called.add(names(node.FuncCall.funcname).at(-1) ?? '');
    }
  }
  const rows = await ask(
    tx,
    `select proname from pg_proc where proname = any($1) and (prokind <> 'f' or proretset) limit 1`,
    [[...called]],
  );
  return rows[0] ? `${rows[0][0]}() is no function of one row` : undefined;
}

interface Placed {
  readonly leaf: Leaf;
  readonly start: number;
  readonly end: number;
}

function leavesIn(sql: string, select: SelectStmt = parseSelect(sql)): readonly Placed[] | undefined {
  if (!select.whereClause) return [];
  const conjuncts = conjunctsOf(sql, select);
  return conjuncts?.flatMap(({ arms }) => arms.flatMap(leavesOf)).map(placed);
}

function placed({ text, start }: Piece): Placed {
  const node = unqualified(parseCondition(text));
  const columns = [...new Set(columnRefs(node).map(parts => parts.at(-1) ?? ''))];
  return { leaf: { text, node, columns }, start, end: start + text.length };
}

/** Puts the made-up rows in the table's place, and their number in front of the result. */
function rewrite(
  sql: string,
  select: SelectStmt,
  range: Shape['range'],
  alias: string,
): readonly Edit[] | undefined {
  const bytes = Buffer.from(sql);
  const at = (n: number) => bytes.subarray(0, n).toString().length;
  const words = tokens(sql).filter(({ text }) => !/^(--|\/\*)/.test(text));
  const [first] = words;
  const from = words.findIndex(({ start }) => start === range.location);
  if (!first || from < 0) return undefined;
  let last = from;
  while (bytes.subarray(words[last + 1]?.start ?? 0, words[last + 1]?.end ?? 0).toString() === '.') last += 2;
  const as = range.alias ? '' : ` as ${quote(range.relname ?? '')}`;
  const edits = [
    { start: at(first.end), end: at(first.end), text: ` ${quote(alias)}."evenkeel n", ` },
    { start: at(range.location ?? 0), end: at(words[last]?.end ?? 0), text: `${states}${as}` },
  ];
  try {
    const again = parseSelect(edited(sql, edits));
    const [item] = again.fromClause ?? [];
    const sound =
      same((again.targetList ?? []).slice(1), select.targetList) &&
      (again.whereClause === undefined || same(again.whereClause, select.whereClause)) &&
      item !== undefined &&
      'RangeVar' in item &&
      item.RangeVar.relname === 'evenkeel states' &&
      again.fromClause?.length === 1;
    return sound ? edits : undefined;
  } catch {
    return undefined;
  }
}

function edited(text: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((now, { start, end, text: put }) => now.slice(0, start) + put + now.slice(end), text);
}
