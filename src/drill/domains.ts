import { literal, nodesOf } from '../check/expression.ts';
import { type ColumnId, type Kind, type Table, columnId } from './tables.ts';
import type { JsonPath, Terms } from './terms.ts';
import { type Spans, arrayValue, fits, jsonValue, valueOf } from './values.ts';

/**
 * The values that a drill gives to columns. Columns that are compared with one another, or lead to one another by a foreign key, share
 * theirs, so that rows meet; what a query or a constraint names comes first, with its neighbours.
 */
export class Domains {
  readonly #root = new Map<ColumnId, ColumnId>();
  readonly #classes = new Map<ColumnId, Class>();
  readonly #columns = new Map<ColumnId, { table: Table; name: string }>();
  readonly #paths: ReadonlyMap<ColumnId, readonly JsonPath[]>;
  readonly #spans: Spans;

  constructor(tables: readonly Table[], terms: Terms, now: number) {
    this.#paths = terms.paths;
    this.#spans = { now, ms: [...terms.spans] };
    for (const table of tables)
      for (const name of table.kinds.keys()) this.#columns.set(columnId(table, name), { table, name });
    for (const [a, b] of terms.equal) this.#join(a, b);
    for (const table of tables)
      for (const { columns, parent, parentColumns } of table.parents)
        columns.forEach((name, i) => this.#join(columnId(table, name), `${parent}.${parentColumns[i]}`));
    for (const [id, { table, name }] of this.#columns) this.#gather(id, table, name, terms);
  }

  /** A few: what was named, then some of its type. */
  values(id: ColumnId): readonly string[] {
    const made = this.#class(id);
    return (made.values ??= this.#valuesOf(id, made));
  }

  /** One after the other, all different, where the type has so many. */
  nth(id: ColumnId, n: number): string | undefined {
    const values = this.values(id);
    return values[n] ?? this.#typed(id, n);
  }

  /** Ages, in ms, that tell a limit of time from one a little longer or shorter; no row stays that old for long. */
  fleeting(id: ColumnId): readonly number[] {
    const { table, name } = this.#columns.get(id) as { table: Table; name: string };
    if (!/^(timestamp|timestamptz|date)$/.test(table.kinds.get(name)?.name ?? '')) return [];
    return this.#spans.ms.flatMap(span => [span, 1.5 * span, 0.75 * span]);
  }

  #valuesOf(id: ColumnId, { constants, members }: Class): string[] {
    const near = [...constants].flatMap(one =>
      members.some(member => this.#isWhole(member)) && /^-?\d{1,15}$/.test(one)
        ? [one, String(BigInt(one) + 1n), String(BigInt(one) - 1n)]
        : [one],
    );
    const given = near.filter(one => members.every(member => this.#takes(member, one)));
    const more = Array.from({ length: 6 }, (_, n) => this.#typed(id, n)).filter(one => one !== undefined);
    return [...new Set([...given, ...more])];
  }

  /** Of the narrowest type in the class: a number can stand in a text, not the other way round. */
  #typed(id: ColumnId, n: number): string | undefined {
    const { members } = this.#class(id);
    const narrow =
      members.toSorted((a, b) => rank(this.#kind(a).category) - rank(this.#kind(b).category))[0] ?? id;
    const { table, name } = this.#columns.get(narrow) as { table: Table; name: string };
    const kind = this.#kind(narrow);
    const labels = table.checks.columns.get(name)?.labels ?? [];
    if (labels.length > 0) return labels[n];
    if (/^jsonb?$/.test(kind.name)) return jsonValue(this.#leaves(id), n);
    if (kind.category === 'A') return arrayValue(kind, n, this.#spans);
    return valueOf(kind, n, this.#spans);
  }

  #leaves(id: ColumnId): { steps: JsonPath['steps']; values: readonly string[] }[] {
    const leaves = new Map<string, { steps: JsonPath['steps']; values: Set<string> }>();
    for (const { steps, constants, like } of this.#paths.get(id) ?? []) {
      const leaf = leaves.get(JSON.stringify(steps)) ?? { steps, values: new Set() };
      leaves.set(JSON.stringify(steps), leaf);
      const alike = like.filter(one => one !== id).flatMap(one => this.values(one).slice(0, 6));
      for (const value of [...constants, ...alike]) leaf.values.add(value);
    }
    return [...leaves.values()].map(({ steps, values }) => ({ steps, values: [...values] }));
  }

  #kind(id: ColumnId): Kind {
    const { table, name } = this.#columns.get(id) as { table: Table; name: string };
    return table.kinds.get(name) ?? { category: 'X', name: 'unknown', element: undefined };
  }

  #isWhole(id: ColumnId): boolean {
    return /^int[248]$/.test(this.#kind(id).name);
  }

  #takes(id: ColumnId, value: string): boolean {
    const { table, name } = this.#columns.get(id) as { table: Table; name: string };
    return fits(this.#kind(id), table.checks.columns.get(name), value);
  }

  #gather(id: ColumnId, table: Table, name: string, terms: Terms): void {
    const own = this.#class(id);
    own.members.push(id);
    for (const one of terms.constants.get(id) ?? []) own.constants.add(one);
    for (const one of table.bounds.get(name) ?? []) own.constants.add(one);
    for (const check of table.checks.checks) {
      if (!check.columns.includes(name)) continue;
      for (const node of nodesOf(check.node)) {
        const constant = 'A_Const' in node ? literal(node) : undefined;
        if (constant !== undefined) own.constants.add(constant);
      }
    }
  }

  #class(id: ColumnId): Class {
    const root = this.#find(id);
    const found = this.#classes.get(root);
    if (found) return found;
    const made: Class = { members: [], constants: new Set(), values: undefined };
    this.#classes.set(root, made);
    return made;
  }

  #find(id: ColumnId): ColumnId {
    let at = id;
    for (let up = this.#root.get(at); up !== undefined; up = this.#root.get(at)) at = up;
    return at;
  }

  #join(a: ColumnId, b: ColumnId): void {
    if (!this.#columns.has(a) || !this.#columns.has(b)) return;
    const [x, y] = [this.#find(a), this.#find(b)];
    if (x !== y) this.#root.set(x, y);
  }
}

interface Class {
  readonly members: ColumnId[];
  readonly constants: Set<string>;
  values: readonly string[] | undefined;
}

const rank = (category: string): number => {
  const at = ['E', 'B', 'N', 'U', 'D', 'T', 'I', 'R', 'A', 'S'].indexOf(category);
  return at < 0 ? 5 : at;
};
