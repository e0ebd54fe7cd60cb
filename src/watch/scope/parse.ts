import {
  type CommonTableExpr,
  type Node,
  type RangeVar,
  type SelectStmt,
  hasSqlDetails,
  loadModule,
  parseSync,
  scanSync,
} from 'libpg-query';
import { EvenkeelError } from '../../errors.ts';

export type { Node, RangeVar, SelectStmt };

await loadModule();

/**
 * Parses one SELECT with Postgres's own parser.
 * @throws bad-sql with `offset`, a character position in `sql`, in its cause
 */
export function parseSelect(sql: string): SelectStmt {
  let stmts: ReturnType<typeof parseSync>['stmts'];
  try {
    stmts = parseSync(sql).stmts;
  } catch (error) {
    if (!hasSqlDetails(error)) throw error;
    throw new SqlMistake(error.sqlDetails?.message ?? 'syntax error', error.sqlDetails?.cursorPosition ?? 0);
  }
  if (!stmts || stmts.length !== 1) {
    throw new SqlMistake(stmts?.length ? 'there is more than one statement' : 'there is no statement', 0);
  }
  const node = stmts[0]?.stmt;
  if (!node || !('SelectStmt' in node)) throw new SqlMistake('it is not a SELECT', 0);
  const select = node.SelectStmt;
  refuse(select, sql);
  return select;
}

/** A fault in a query's text; `offset` counts characters. */
export class SqlMistake extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
  toError(sql: string, place: { file: string; sqlLine?: number }): EvenkeelError {
    const before = sql.slice(0, this.offset).split('\n');
    const line = (place.sqlLine ?? 1) + before.length - 1;
    const column = (before.at(-1)?.length ?? 0) + 1;
    const shown = `${sql.split('\n')[before.length - 1] ?? ''}\n${' '.repeat(column - 1)}^`;
    return new EvenkeelError('bad-sql', `${this.message}\n${shown}`, {
      place: { file: place.file, line, column },
    });
  }
}

function refuse(select: SelectStmt, sql: string): void {
  if (select.intoClause) throw new SqlMistake('SELECT INTO writes', 0);
  for (const node of nodes(select)) {
    const kind = Object.keys(node)[0];
    if (kind === 'ParamRef') throw new SqlMistake('parameters ($1) have no value here', at(node, sql));
    if (kind === 'LockingClause') throw new SqlMistake('it locks rows (FOR UPDATE)', 0);
    if (kind === 'InsertStmt' || kind === 'UpdateStmt' || kind === 'DeleteStmt' || kind === 'MergeStmt') {
      throw new SqlMistake('it writes', 0);
    }
  }
}

const at = (node: object, sql: string): number => {
  const inner = Object.values(node)[0] as { location?: number };
  return Buffer.from(sql)
    .subarray(0, inner?.location ?? 0)
    .toString().length;
};

/** Every node below `root`, itself included, in the order of the text; sub-selects too. */
function* nodes(root: unknown): Generator<Record<string, unknown>> {
  if (Array.isArray(root)) {
    for (const item of root) yield* nodes(item);
  } else if (root !== null && typeof root === 'object') {
    for (const [name, value] of Object.entries(root)) {
      if (/^[A-Z]/.test(name) && value !== null && typeof value === 'object') yield { [name]: value };
      yield* nodes(value);
    }
  }
}

/** The functions that a query calls, by (possibly qualified) name, and whether it looks at the clock by keyword. */
export function calls(root: unknown): { functions: string[]; clock: boolean } {
  const functions = new Set<string>();
  let clock = false;
  for (const node of nodes(root)) {
    const call = node['FuncCall'] as { funcname?: { String?: { sval?: string } }[] } | undefined;
    if (call) functions.add((call.funcname ?? []).map(part => part.String?.sval ?? '').join('.'));
    const value = node['SQLValueFunction'] as { op?: string } | undefined;
    if (value && /DATE|TIME/.test(value.op ?? '')) clock = true;
    // 'today'::date, and also where the cast isn't written. A status of that name only costs a timer.
    const text = (node['A_Const'] as { sval?: { sval?: string } } | undefined)?.sval?.sval;
    if (text && /^\s*(now|today|tomorrow|yesterday)\b/i.test(text)) clock = true;
  }
  return { functions: [...functions], clock };
}

/** Every relation that a query names; CTE references are told apart later. */
export function rangeVars(root: unknown): RangeVar[] {
  return [...nodes(root)].flatMap(node => (node['RangeVar'] ? [node['RangeVar'] as RangeVar] : []));
}

/**
 * Names under which columns are read anywhere in a query; undefined: any column may be. Whole rows and renamed columns
 * have no names of their own.
 */
export function columnNames(root: unknown): ReadonlySet<string> | undefined {
  const found = new Set<string>();
  const tables = new Set<string>();
  for (const node of nodes(root)) {
    const [[kind, value]] = Object.entries(node) as [[string, Mention]];
    const last = kind === 'ColumnRef' ? value.fields?.at(-1) : undefined;
    if ((last && 'A_Star' in last) || value.isNatural || value.alias?.colnames?.length) return undefined;
    if (last?.String) found.add(last.String.sval ?? '');
    for (const name of [value.relname, value.alias?.aliasname]) if (name !== undefined) tables.add(name);
    for (const name of value.usingClause ?? []) found.add(name.String?.sval ?? '');
  }
  return [...found].some(name => tables.has(name) || systemColumns.has(name)) ? undefined : found;
}
/** They change with every change of a row. */
const systemColumns = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

interface Mention {
  readonly fields?: readonly { String?: { sval?: string }; A_Star?: unknown }[];
  readonly relname?: string;
  readonly alias?: { readonly aliasname?: string; readonly colnames?: readonly unknown[] };
  readonly isNatural?: boolean;
  readonly usingClause?: readonly { String?: { sval?: string } }[];
}

/** Every CTE that a query defines, at any depth. */
export function commonTables(root: unknown): CommonTableExpr[] {
  return [...nodes(root)].flatMap(node =>
    node['CommonTableExpr'] ? [node['CommonTableExpr'] as CommonTableExpr] : [],
  );
}

/** The words and signs of a query's text; positions in bytes, as in its nodes. */
export const tokens = (sql: string): readonly { start: number; end: number; text: string }[] =>
  scanSync(sql).tokens;
