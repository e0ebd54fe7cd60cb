import { literal, same } from '../check/expression.ts';
import { names } from '../watch/scope/ast.ts';
import { type Node, parseSelect } from '../watch/scope/parse.ts';
import { type Word, Words } from './words.ts';

/** The query with one small mistake in it. */
export interface Mutant {
  readonly kind: 'comparison' | 'and/or' | 'dropped' | 'not' | 'join' | 'constant' | 'null';
  readonly sql: string;
  /** Of the query, from 1. */
  readonly line: number;
  /** The line as it is, and as the mutant has it. */
  readonly was: string;
  readonly now: string;
}

/** What is written into the text, and what that has to make of the tree. */
interface Edit {
  readonly kind: Mutant['kind'];
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly change: (tree: unknown) => void;
}

type Path = readonly (string | number)[];
type Fields = Record<string, unknown>;

const most = 48;

/**
 * Mutants of a query, made in its text. Each is parsed again and held against the syntax tree that it was meant to have: what is
 * not exactly that is left out.
 * @param mayBeNull of what can't be, NULL tells nothing
 */
export function mutantsOf(sql: string, mayBeNull: (node: Node) => boolean): Mutant[] {
  const tree = parseSelect(sql);
  const words = new Words(sql);
  const made = new Map<string, Mutant>();
  for (const edit of edits(tree, [], { words, mayBeNull })) {
    const mutant = sql.slice(0, edit.start) + edit.text + sql.slice(edit.end);
    const expected = structuredClone(tree);
    edit.change(expected);
    try {
      if (!same(parseSelect(mutant), expected)) continue;
    } catch {
      continue;
    }
    const { line, text } = words.line(edit.start);
    made.set(mutant, {
      kind: edit.kind,
      sql: mutant,
      line,
      was: text,
      now: words.line(edit.start, mutant).text,
    });
  }
  return spread([...made.values()]).slice(0, most);
}

/** Of each kind some, where there are too many. */
function spread(mutants: readonly Mutant[]): Mutant[] {
  const seen = new Map<string, number>();
  const ranked = mutants.map(mutant => {
    const i = seen.get(mutant.kind) ?? 0;
    seen.set(mutant.kind, i + 1);
    return { mutant, i };
  });
  return ranked.sort((a, b) => a.i - b.i).map(({ mutant }) => mutant);
}

interface Query {
  readonly words: Words;
  readonly mayBeNull: (node: Node) => boolean;
}

function* edits(node: unknown, path: Path, query: Query): Generator<Edit> {
  const { words } = query;
  if (node === null || typeof node !== 'object') return;
  for (const [name, value] of Object.entries(node)) {
    const here = [...path, Array.isArray(node) ? Number(name) : name];
    if (name === 'A_Expr') yield* ofOperator(value as Operator, here, query);
    else if (name === 'BoolExpr') yield* ofBoolean(value as Bool, here, words);
    else if (name === 'NullTest') yield* ofNullTest(value as NullTest, here, words);
    else if (name === 'JoinExpr') yield* ofJoin(value as Join, here, words);
    else if (name === 'A_Const') yield* ofNumber(value as Const, here, words);
    else if (name === 'TypeCast') yield* ofInterval(value as Cast, here, words);
    else if (
      (name === 'whereClause' || name === 'havingClause') &&
      !Object.hasOwn(value as object, 'BoolExpr')
    ) {
      const span = words.span(value);
      if (span) yield { kind: 'dropped', ...span, text: 'true', change: put(here, constant(true)) };
    }
    if (!passedOver.has(name)) yield* edits(value, here, query);
  }
}
/** Numbers there are places, or belong to a type. */
const passedOver = new Set([
  'sortClause',
  'groupClause',
  'limitCount',
  'limitOffset',
  'typeName',
  'A_Indirection',
]);

interface Operator {
  kind?: string;
  name?: Node[];
  lexpr?: Node;
  rexpr?: Node;
  location?: number;
}

const swaps: Readonly<Record<string, readonly string[]>> = {
  '=': ['<>'],
  '<>': ['=', 'is distinct from'],
  '<': ['<=', '>'],
  '<=': ['<', '>='],
  '>': ['>=', '<'],
  '>=': ['>', '<='],
};

function* ofOperator(
  { kind, name, lexpr, rexpr, location }: Operator,
  path: Path,
  { words, mayBeNull }: Query,
): Generator<Edit> {
  const word = words.at(location);
  const operator = names(name).join();
  if (!word) return;
  if (kind === 'AEXPR_OP' && [operator, '!='].includes(word.word)) {
    // What rows meet by is no comparison with a wrong sign, but another query.
    if (operator === '=' && [lexpr, rexpr].every(side => side && 'ColumnRef' in side)) return;
    for (const text of swaps[operator] ?? []) {
      const distinct = text === 'is distinct from';
      if (distinct && ![lexpr, rexpr].some(side => side && mayBeNull(side))) continue;
      yield {
        ...edit(distinct ? 'null' : 'comparison', word, text),
        change: tree => {
          const fields = get(tree, path) as Fields;
          fields['name'] = [{ String: { sval: distinct ? '=' : text } }];
          if (distinct) fields['kind'] = 'AEXPR_DISTINCT';
        },
      };
    }
  } else if (kind === 'AEXPR_IN') {
    const flipped = operator === '=' ? '<>' : '=';
    yield {
      ...edit('not', word, operator === '=' ? `not ${word.word}` : ''),
      change: put([...path, 'name'], [{ String: { sval: flipped } }]),
    };
    const items = rexpr && 'List' in rexpr ? (rexpr.List.items ?? []) : [];
    for (const [i, item] of items.entries()) {
      const other = items[(i + 1) % items.length];
      const [from, to] = [item, other].map(one =>
        one && 'A_Const' in one ? words.at(one.A_Const.location) : undefined,
      );
      if (items.length > 1 && from && to && other)
        yield {
          ...edit('constant', from, words.text(to)),
          change: put([...path, 'rexpr', 'List', 'items', i], structuredClone(other)),
        };
    }
  }
}

interface Bool {
  boolop?: string;
  args?: Node[];
  location?: number;
}

function* ofBoolean({ boolop, args = [], location }: Bool, path: Path, words: Words): Generator<Edit> {
  if (boolop === 'NOT_EXPR') {
    const word = words.at(location);
    const [arg] = args;
    if (word?.word === 'not' && arg)
      yield { ...edit('not', word, ''), change: put(path.slice(0, -1), structuredClone(arg)) };
    return;
  }
  const sign = boolop === 'AND_EXPR' ? 'and' : 'or';
  const reaches = args.map(arg => words.reach(arg));
  const signs = reaches.slice(1).map(({ first }, i) => {
    const between = words.all.filter(
      ({ word, start }) => word === sign && start > (reaches[i]?.last ?? 0) && start < first,
    );
    return between.length === 1 ? between[0] : undefined;
  });
  if (signs.includes(undefined)) return;
  for (const [i, arg] of args.entries()) {
    const span = words.span(arg, signs[i - 1]?.end, signs[i]?.start);
    if (span)
      yield {
        kind: 'dropped',
        ...span,
        text: String(sign === 'and'),
        change: put([...path, 'args', i], constant(sign === 'and')),
      };
  }
  const [only, ...rest] = signs;
  if (!only || rest.length > 0) return;
  yield {
    ...edit('and/or', only, sign === 'and' ? 'or' : 'and'),
    change: put([...path, 'boolop'], sign === 'and' ? 'OR_EXPR' : 'AND_EXPR'),
  };
}

interface NullTest {
  nulltesttype?: string;
  location?: number;
}

function* ofNullTest({ nulltesttype, location }: NullTest, path: Path, words: Words): Generator<Edit> {
  // The place may be that of what is tested.
  const from = words.all.findIndex(one => one === words.at(location));
  const is = words.all.findIndex(({ word }, i) => i >= from && word === 'is');
  const [word, next] = [words.all[is], words.all[is + 1]];
  if (from < 0 || !word || !next) return;
  const not = nulltesttype === 'IS_NOT_NULL';
  if (not && next.word !== 'not') return;
  yield {
    ...(not ? edit('not', next, '') : edit('not', word, 'is not')),
    change: put([...path, 'nulltesttype'], not ? 'IS_NULL' : 'IS_NOT_NULL'),
  };
}

interface Join {
  jointype?: string;
  quals?: Node;
  usingClause?: Node[];
  rarg?: Node;
}

function* ofJoin({ jointype, quals, usingClause, rarg }: Join, path: Path, words: Words): Generator<Edit> {
  if (!quals && !usingClause) return;
  const { first } = words.reach(rarg);
  const at = words.all.findLastIndex(({ word, start }) => word === 'join' && start < first);
  const join = words.all[at];
  if (!join) return;
  const before = words.all[at - 1]?.word === 'outer' ? at - 2 : at - 1;
  const side = words.all[before];
  const change = (to: string) => put([...path, 'jointype'], to);
  if (jointype === 'JOIN_INNER') {
    const start = side?.word === 'inner' ? side.start : join.start;
    yield { kind: 'join', start, end: join.end, text: 'left join', change: change('JOIN_LEFT') };
  } else if (side) {
    yield { kind: 'join', start: side.start, end: join.end, text: 'join', change: change('JOIN_INNER') };
  }
}

interface Const {
  ival?: { ival?: number };
  fval?: { fval?: string };
  location?: number;
}

function* ofNumber({ ival, fval, location }: Const, path: Path, words: Words): Generator<Edit> {
  const word = words.at(location);
  if (!word || !(ival || fval) || !/^\d+(\.\d+)?$/.test(word.word)) return;
  const [whole = '', part] = word.word.split('.');
  for (const by of [1n, -1n]) {
    const next = BigInt(whole) + by;
    if (next < 0n) continue;
    const text = part === undefined ? String(next) : `${next}.${part}`;
    const value = ival ? { ival: next === 0n ? {} : { ival: Number(next) } } : { fval: { fval: text } };
    yield {
      ...edit('constant', word, text),
      change: tree => {
        const fields = get(tree, path) as Fields;
        delete fields['ival'];
        delete fields['fval'];
        Object.assign(fields, value);
      },
    };
  }
}

interface Cast {
  arg?: Node;
  typeName?: { names?: Node[] };
}

function* ofInterval({ arg, typeName }: Cast, path: Path, words: Words): Generator<Edit> {
  if (!arg || !('A_Const' in arg) || names(typeName?.names).at(-1) !== 'interval') return;
  const word = words.at(arg.A_Const.location);
  const text = literal(arg);
  const number = text === undefined ? undefined : /\d+/.exec(text)?.[0];
  if (!word?.word.startsWith("'") || text === undefined || number === undefined) return;
  for (const next of [Number(number) * 2, Math.floor(Number(number) / 2)]) {
    const changed = text.replace(/\d+/, String(next));
    yield {
      ...edit('constant', word, `'${changed}'`),
      change: put([...path, 'arg', 'A_Const', 'sval'], { sval: changed }),
    };
  }
}

const edit = (kind: Mutant['kind'], { start, end }: Word, text: string) => ({ kind, start, end, text });

const constant = (value: boolean) => ({ A_Const: { boolval: value ? { boolval: true } : {} } });

const get = (tree: unknown, path: Path): unknown =>
  path.reduce((at: unknown, key) => (at as Fields)[key], tree);

const put =
  (path: Path, value: unknown) =>
  (tree: unknown): void => {
    const last = path.at(-1);
    if (last !== undefined) (get(tree, path.slice(0, -1)) as Fields)[last] = value;
  };
