import { type Tx, quote } from '../db/pool.ts';
import { literal, nodesOf } from './expression.ts';
import { possible } from './prove.ts';
import { type Table, readTable } from './table.ts';

/** All values that a column can hold, as text, by proof; NULL is null. Undefined: there is no end to them, or that can't be proved. */
export async function closedValues(
  tx: Tx,
  table: Table,
  name: string,
): Promise<readonly (string | null)[] | undefined> {
  const column = table.columns.get(name);
  if (!column) return undefined;
  const nothing = column.nullable ? [null] : [];
  if (column.kind === 'boolean') return ['true', 'false', ...nothing];
  if (column.kind === 'enum') return [...column.labels, ...nothing];
  if (column.kind !== 'text' && column.kind !== 'integer') return undefined;
  const literals = await mentioned(tx, table, name);
  if (literals.length === 0) return undefined;
  const asked = (text: string) => possible(tx, { table, alias: 'evenkeel_t', parts: [text] });
  const own = `evenkeel_t.${quote(name)}`;
  const list = literals.map(one => `'${one.replaceAll("'", "''")}'`).join(', ');
  if ((await asked(`${own} is not null and ${own} not in (${list})`)).is !== 'proved') return undefined;
  const held: string[] = [];
  for (const one of literals) {
    if ((await asked(`${own} = '${one.replaceAll("'", "''")}'`)).is !== 'proved') held.push(one);
  }
  return [...held, ...nothing];
}

/** The constants of the checks on a column, and of those on what it refers to. */
export async function mentioned(tx: Tx, table: Table, name: string, depth = 3): Promise<string[]> {
  const found = table.checks
    .filter(({ columns }) => columns.includes(name))
    .flatMap(({ node }) => [...nodesOf(node)].flatMap(one => ('A_Const' in one ? (literal(one) ?? []) : [])));
  for (const { columns, parent, parentColumns } of depth > 0 ? table.references : []) {
    const above = columns.includes(name) ? await readTable(tx, parent) : undefined;
    if (above)
      found.push(...(await mentioned(tx, above, parentColumns[columns.indexOf(name)] ?? '', depth - 1)));
  }
  const integer = table.columns.get(name)?.kind === 'integer';
  return [...new Set(found)].filter(one => !integer || /^-?\d{1,18}$/.test(one));
}
