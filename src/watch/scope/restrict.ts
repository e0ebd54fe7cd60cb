import { quote } from '../../db/pool.ts';
import { type Graph, vertex } from './graph.ts';
import type { Output } from './names.ts';

/**
 * A place in a query's text where a table's name can be replaced by that table restricted to a key range. It is sound
 * wherever the table's own column holds the first column of the key: rows outside the range then matter only to keys outside
 * it, and those are filtered away above. The planner does this by itself for equality, not for ranges.
 */
export interface Injection {
  /** Bytes in the query's text. */
  readonly from: number;
  readonly to: number;
  readonly table: string;
  /** Column that holds the first key column. */
  readonly column: string;
  readonly alias: string;
}

export function injections(graph: Graph, first: Output | undefined, sql: string): Injection[] {
  const text = Buffer.from(sql);
  const target = first?.at;
  if (target === undefined) return [];
  return graph.occurrences.flatMap(occurrence => {
    const { relation } = occurrence;
    if (!occurrence.text || !['r', 'p'].includes(relation.kind)) return [];
    const column = relation.columns.find(({ name }) => graph.reach(vertex(occurrence, name)).has(target));
    // Where the key comes straight from this table the planner moves the range there by itself; and a sub-select in
    // its place would lose the primary key by which other columns may be selected beside `group by`.
    if (!column || target === vertex(occurrence, column.name)) return [];
    const { from, bare } = occurrence.text;
    const length = nameLength(text.subarray(from).toString());
    if (length === undefined) return [];
    return [
      {
        from,
        to: from + length,
        table: relation.quoted,
        column: column.name,
        alias: bare ? quote(bare) : '',
      },
    ];
  });
}

/** Bytes of the (qualified, perhaps quoted) name at the start of `text`. */
function nameLength(text: string): number | undefined {
  const part = String.raw`(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)`;
  const match = new RegExp(String.raw`^${part}(?:\s*\.\s*${part})*`, 'u').exec(text);
  return match ? Buffer.byteLength(match[0]) : undefined;
}

/** The query's text with `condition(column)` laid on every injection. */
export function restrict(
  sql: string,
  places: readonly Injection[],
  condition: (column: string) => string,
): string {
  let text = Buffer.from(sql);
  for (const { from, to, table, column, alias } of places.toSorted((a, b) => b.from - a.from)) {
    const inner = `(select * from ${table} where ${condition(quote(column))})${alias ? ` as ${alias}` : ''}`;
    text = Buffer.concat([text.subarray(0, from), Buffer.from(inner), text.subarray(to)]);
  }
  return text.toString();
}
