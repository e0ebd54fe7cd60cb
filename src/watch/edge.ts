import type { Tx } from '../db/pool.ts';
import { ask, quote } from '../db/pool.ts';
import type { Bound } from '../ask/bind.ts';
import { nextKey } from '../ask/question.ts';

/**
 * Where the next chunk ends: the n-th key after the last one. A key that the governed table lacks still has rows in the
 * tables whose column holds it: where a small chunk was slow nevertheless, those domains are walked beside it and the
 * nearest edge wins; otherwise a million missing rows in one gap could never be cut.
 * @returns undefined where the rest fits into one chunk
 */
export async function nextEdge(
  tx: Tx,
  bound: Bound,
  after: readonly string[] | undefined,
  rows: number,
): Promise<string[] | undefined> {
  const [own] = await ask(tx, nextKey(bound, after !== undefined), [rows, ...(after ?? [])]);
  const edges = own ? [own as string[]] : [];
  const first = bound.key[0];
  if (bound.key.length > 1 || !first || rows > small) return edges[0];
  for (const { table, column, indexed } of domains(bound)) {
    if (!indexed) continue;
    // Several of its rows share a key: twenty to one is a guess that only sets the size of a chunk.
    const [other] = await ask(
      tx,
      `select d.${quote(column)}::${first.type}::text from ${table} d
        where d.${quote(column)} ${after ? `> $2::text::${first.type}` : 'is not null'}
        order by d.${quote(column)} offset 20 * $1::bigint - 1 limit 1`,
      [rows, ...(after ?? [])],
    );
    if (other?.[0] != null) edges.push([other[0]]);
  }
  if (edges.length < 2) return edges[0];
  const [least] = await ask(tx, `select min(e::${first.type})::text from unnest($1::text[]) e`, [
    edges.map(edge => edge[0]),
  ]);
  return least?.[0] == null ? undefined : [least[0]];
}

/** Keys of a chunk below which slowness must come from a gap. */
const small = 100;

function domains(bound: Bound): { table: string; column: string; indexed: boolean }[] {
  const seen = new Map<string, { table: string; column: string; indexed: boolean }>();
  for (const { table, column } of bound.scope.injections) {
    const relation = bound.scope.reads.find(one => one.quoted === table);
    const indexed = Boolean(relation?.indexes.some(index => index.columns[0] === column && !index.partial));
    seen.set(`${table} ${column}`, { table, column, indexed });
  }
  return [...seen.values()];
}
