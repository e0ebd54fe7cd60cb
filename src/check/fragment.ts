import { fields, names } from '../watch/scope/ast.ts';
import type { Node } from '../watch/scope/parse.ts';
import { uuid } from './candidates.ts';
import type { Column } from './columns.ts';
import { type Comparison, asWritten, castOf, comparison, constantTypes, lists } from './comparison.ts';
import { columnRefs, literal, nodesOf } from './expression.ts';
import { fromDecimal, fromMoment } from './lattice.ts';

/**
 * Whether finitely many candidates speak for all values. They do where each column with endless values is only compared, with columns and
 * constants of its kind: numbers and moments in any way, text and uuids for equality. Columns of finitely many values may stand in any
 * expression that is immutable. Columns are named by their id.
 */
export class Fragment {
  readonly #columns: ReadonlyMap<string, Column>;
  /** Columns whose every value is a candidate. */
  readonly #finite: ReadonlySet<string>;
  /** Functions all of whose namesakes are immutable. */
  readonly #immutable: ReadonlySet<string>;
  /** Columns for which there is no candidate but NULL. */
  readonly #untried: ReadonlySet<string>;

  /** @param constraints what is certain of the columns, in the same words */
  constructor(
    columns: ReadonlyMap<string, Column>,
    constraints: readonly Node[],
    immutable: ReadonlySet<string>,
    untried: ReadonlySet<string>,
  ) {
    this.#columns = columns;
    this.#immutable = immutable;
    this.#untried = untried;
    this.#finite = new Set(
      [...columns]
        .filter(
          ([id, { kind }]) =>
            ['boolean', 'enum'].includes(kind) || constraints.some(node => lists(node, id, kind)),
        )
        .map(([id]) => id),
    );
  }

  isFinite(column: string): boolean {
    return this.#finite.has(column);
  }

  /** What stands in the way; undefined: nothing. */
  obstacle(node: Node | undefined): string | undefined {
    if (!node) return 'an empty condition';
    if ('BoolExpr' in node) return this.#first(node.BoolExpr.args ?? []);
    if ('NullTest' in node) {
      const { arg } = node.NullTest;
      return arg ? this.#nullness(arg) : this.obstacle(arg);
    }
    if ('BooleanTest' in node) return this.obstacle(node.BooleanTest.arg);
    if ('A_Const' in node) return undefined;
    if ('ColumnRef' in node && this.#column(node)?.kind === 'boolean') return this.#opaque(node);
    const compared = comparison(node);
    if (compared && this.#compares(compared)) return undefined;
    // `(a = 'x') = (b is not null)`
    if (compared?.operands.every(one => this.#isTruth(one))) return this.#first(compared.operands);
    return this.#general(node);
  }

  /** What stands in the way of telling whether it is NULL: of what is chosen from, only that matters, whatever its kind. */
  #nullness(node: Node): string | undefined {
    if ('ColumnRef' in node) return this.#opaque(node);
    if ('CoalesceExpr' in node) return this.#nulls(node.CoalesceExpr.args ?? []);
    if ('CaseExpr' in node && !node.CaseExpr.arg) {
      const { args = [], defresult } = node.CaseExpr;
      const whens = args.flatMap(one => ('CaseWhen' in one ? [one.CaseWhen] : []));
      const results = [...whens.map(({ result }) => result), defresult];
      return (
        this.#first(whens.flatMap(({ expr }) => expr ?? [])) ?? this.#nulls(results.flatMap(one => one ?? []))
      );
    }
    if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF') {
      // It compares, as `=` does.
      const operands = [node.A_Expr.lexpr, node.A_Expr.rexpr].flatMap(one => one ?? []);
      return this.#compares({ operator: '=', operands }) ? undefined : this.#general(node);
    }
    return this.#kinds(node).includes('?') ? this.obstacle(node) : undefined;
  }

  #nulls(list: readonly Node[]): string | undefined {
    return list.map(one => this.#nullness(one)).find(one => one !== undefined);
  }

  #isTruth(node: Node): boolean {
    if ('BoolExpr' in node || 'NullTest' in node || 'BooleanTest' in node) return true;
    return comparison(node) !== undefined || this.#column(node)?.kind === 'boolean';
  }

  #first(list: readonly Node[]): string | undefined {
    for (const node of list) {
      const found = this.obstacle(node);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Every value compared is of one kind, in which its candidates tell every order, or every equality, apart. */
  #compares({ operator, operands }: Comparison): boolean {
    const kinds = new Set(operands.flatMap(operand => this.#kinds(operand)));
    kinds.delete('null');
    const all = (...allowed: string[]) => [...kinds].every(kind => allowed.includes(kind));
    if (all('integer', 'number', 'decimal', 'cast')) return true;
    if (all('float', 'decimal', 'cast')) return true;
    for (const type of ['date', 'timestamp without time zone', 'timestamp with time zone'])
      if (kinds.has(type) && all(type, 'string')) return [...operands].every(one => momentOf(one, type));
    if (!['=', '<>'].includes(operator)) return false;
    if (all('text', 'decimal', 'string')) return true;
    return all('uuid', 'string', 'cast') && operands.every(isUuid);
  }

  /**
   * What a value may be that is compared: a column, a constant, or one of several that a COALESCE or CASE chooses from. `cast`
   * besides, where a constant is perhaps another text than is written.
   */
  #kinds(node: Node): string[] {
    if ('A_Const' in node && node.A_Const.isnull) return ['null'];
    if ('CoalesceExpr' in node) return (node.CoalesceExpr.args ?? []).flatMap(one => this.#kinds(one));
    if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF') {
      const { lexpr, rexpr } = node.A_Expr;
      return [lexpr, rexpr].flatMap(one => (one ? this.#kinds(one) : ['?']));
    }
    if ('CaseExpr' in node && !node.CaseExpr.arg) {
      const { args = [], defresult } = node.CaseExpr;
      const whens = args.flatMap(one => ('CaseWhen' in one ? [one.CaseWhen] : []));
      if (whens.some(({ expr }) => this.obstacle(expr) !== undefined)) return ['?'];
      const results = [...whens.map(({ result }) => result), ...(defresult ? [defresult] : [])];
      return results.flatMap(one => (one ? this.#kinds(one) : ['?']));
    }
    const constant = literal(node);
    if (constant !== undefined) {
      const moment = momentTypes[castTo(node) ?? ''];
      if (moment) return fromMoment(constant, moment) === undefined ? ['?'] : [moment];
      if (castOf(node, ['float8']))
        return 'TypeCast' in node ? ['float'] : [decimal(constant) ? 'decimal' : 'string'];
      if (!castOf(node, [...constantTypes, 'uuid'])) return ['?'];
      const kind = decimal(constant) && exactly(node, constant) ? 'decimal' : 'string';
      return asWritten(node) ? [kind] : [kind, 'cast'];
    }
    const column = this.#column(node);
    if (!column || column.kind === 'other' || column.opaque !== undefined || this.#isUntried(node))
      return ['?'];
    const plain = castOf(node, casts[column.kind] ?? []);
    return plain ? [column.kind === 'moment' ? column.type : column.kind] : ['?'];
  }

  #column(node: Node): Column | undefined {
    if ('TypeCast' in node && node.TypeCast.arg) return this.#column(node.TypeCast.arg);
    return this.#columns.get(fields(node).join('.'));
  }

  #isUntried(node: Node): boolean {
    return columnRefs(node).some(path => this.#untried.has(path.join('.')));
  }

  #opaque(node: Node): string | undefined {
    const id = fields(node).join('.');
    const column = this.#columns.get(id);
    if (!column) return `${nameOf(id)} is no column`;
    if (this.#untried.has(id)) return `values of type ${column.type} are not tried (${column.name})`;
    return column.opaque && `${column.name}: ${column.opaque}`;
  }

  /** Anything that always gives the same, over columns of finitely many values. */
  #general(root: Node): string | undefined {
    for (const node of nodesOf(root)) {
      const [kind = ''] = Object.keys(node);
      if ('ColumnRef' in node) {
        const found = this.#opaque(node);
        if (found !== undefined) return found;
        const id = fields(node).join('.');
        if (!this.#finite.has(id))
          return `${nameOf(id)} has endless values, and stands in more than a comparison that can be decided`;
      } else if ('FuncCall' in node) {
        const called = names(node.FuncCall.funcname).at(-1) ?? '';
        if (!this.#immutable.has(called)) return `${called}() may not always give the same`;
      } else if ('TypeCast' in node) {
        const type = names(node.TypeCast.typeName?.names).at(-1) ?? '';
        const own = [...this.#columns.values()].some(
          ({ kind, type: known }) => kind === 'enum' && known.split('.').at(-1) === type,
        );
        if (!own && ![...constantTypes, 'bool'].includes(type))
          return `a cast to ${type} may not always give the same`;
      } else if ('A_Expr' in node) {
        const operator = names(node.A_Expr.name).join('.');
        if (!operators.has(operator)) return `the operator ${operator} is not known to always give the same`;
      } else if (!plain.has(kind)) return `${kind} is not followed`;
    }
    return undefined;
  }
}

/** Casts that change no value. */
const casts: Readonly<Partial<Record<Column['kind'], string[]>>> = {
  integer: ['int8', 'numeric'],
  number: ['numeric'],
  float: ['float8'],
  text: ['text', 'varchar'],
};
/** A decimal that was cast to a whole number has been rounded. */
const exactly = (node: Node, constant: string): boolean =>
  !constant.includes('.') || !('TypeCast' in node) || castOf(node, ['numeric', 'text', 'varchar']);

const decimal = (text: string): boolean => fromDecimal(text, 0) !== undefined;
const momentTypes: Readonly<Record<string, string>> = {
  date: 'date',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
};
/** The type that a constant is cast to, once and without limits. */
const castTo = (node: Node): string | undefined =>
  'TypeCast' in node &&
  node.TypeCast.arg &&
  'A_Const' in node.TypeCast.arg &&
  !node.TypeCast.typeName?.typmods?.length
    ? names(node.TypeCast.typeName?.names).at(-1)
    : undefined;

const nameOf = (id: string): string => id.replace(/^\d+\./, '');

/** A constant that is one of these moments beyond doubt, or no constant. */
function momentOf(node: Node, type: string): boolean {
  return [...nodesOf(node)].every(one => {
    if (!('A_Const' in one) || one.A_Const.isnull) return true;
    const text = literal(one);
    return (
      text === 'infinity' ||
      text === '-infinity' ||
      (text !== undefined && fromMoment(text, type) !== undefined)
    );
  });
}

/** Its constants are uuids as Postgres prints them, or in capitals: others are not tried. */
const isUuid = (node: Node): boolean =>
  [...nodesOf(node)].every(
    one =>
      !('A_Const' in one) || one.A_Const.isnull === true || uuid.test((literal(one) ?? '').toLowerCase()),
  );

const operators = new Set([
  '=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  '/',
  '%',
  '||',
  '~',
  '~*',
  '!~',
  '!~*',
  '~~',
  '!~~',
  '~~*',
  '!~~*',
  'BETWEEN',
  'NOT BETWEEN',
]);
const plain = new Set([
  'A_Const',
  'BoolExpr',
  'NullTest',
  'BooleanTest',
  'CaseExpr',
  'CaseWhen',
  'CoalesceExpr',
  'A_ArrayExpr',
  'List',
  'String',
  'Integer',
  'TypeName',
]);
