import { fields } from '../watch/scope/ast.ts';
import { type Node, parseSelect } from '../watch/scope/parse.ts';

/** A condition as Postgres's parser reads it. */
export function parseCondition(text: string): Node {
  const { whereClause } = parseSelect(`select where ${text}\n`);
  if (!whereClause) throw new Error('the parser lost a condition');
  return whereClause;
}

/** Every node below, itself included. */
export function* nodesOf(root: unknown): Generator<Node> {
  if (Array.isArray(root)) for (const item of root) yield* nodesOf(item);
  else if (root !== null && typeof root === 'object') {
    for (const [name, value] of Object.entries(root)) {
      if (/^[A-Z]/.test(name) && value !== null && typeof value === 'object') yield { [name]: value } as Node;
      yield* nodesOf(value);
    }
  }
}

/** The columns that it names, as their parts; a star or a whole row has other counts of parts, or none. */
export const columnRefs = (root: unknown): string[][] =>
  [...nodesOf(root)].flatMap(node => ('ColumnRef' in node ? [fields(node)] : []));

/** The same expression, wherever it stands. */
export const same = (a: unknown, b: unknown): boolean => shape(a) === shape(b);

const shape = (root: unknown): string =>
  JSON.stringify(root, (key, value: unknown) =>
    /location$|^(list|rexpr_list)_(start|end)$/.test(key) ? undefined : value,
  );

/** A constant's text: of a number, a string or a boolean, perhaps cast; undefined: none, or NULL. */
export function literal(node: Node | undefined): string | undefined {
  if (!node) return undefined;
  if ('TypeCast' in node) return literal(node.TypeCast.arg);
  if (!('A_Const' in node) || node.A_Const.isnull) return undefined;
  const { ival, fval, sval, boolval } = node.A_Const;
  if (ival) return String(ival.ival ?? 0);
  if (boolval) return String(boolval.boolval ?? false);
  return fval?.fval ?? (sval ? (sval.sval ?? '') : undefined);
}
