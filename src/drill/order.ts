import type { ForeignKey, Table } from './tables.ts';

/** In which order tables can be filled, parents first, and what has to be done where they lead in a circle. */
export interface Order {
  readonly tables: readonly Table[];
  /** Foreign keys that are left NULL at first, and set once their parents are there. */
  readonly late: ReadonlySet<ForeignKey>;
  /** Foreign keys that are looked at when the transaction ends: they may be told what will be there. */
  readonly deferred: ReadonlySet<ForeignKey>;
  /** Oid → why it can't be filled. */
  readonly impossible: ReadonlyMap<string, string>;
}

export function orderOf(tables: readonly Table[]): Order {
  const left = new Map(tables.map(table => [table.relation.oid, table]));
  const ordered: Table[] = [];
  const late = new Set<ForeignKey>();
  const deferred = new Set<ForeignKey>();
  const impossible = new Map<string, string>();
  const binding = (table: Table) =>
    table.parents.filter(
      key =>
        key.parent !== table.relation.oid && left.has(key.parent) && !late.has(key) && !deferred.has(key),
    );
  while (left.size > 0) {
    const ready = [...left.values()].filter(table => binding(table).length === 0);
    for (const table of ready) {
      left.delete(table.relation.oid);
      ordered.push(table);
    }
    if (ready.length > 0) continue;
    const circle = circleIn(left, binding);
    const keys = circle.flatMap((table, i) =>
      binding(table)
        .filter(({ parent }) => parent === circle[(i + 1) % circle.length]?.relation.oid)
        .map(key => ({ key, table })),
    );
    const open = keys.find(({ key, table }) => key.columns.some(name => isNullable(table, name)));
    const deferrable = keys.find(({ key }) => key.deferrable);
    if (open) late.add(open.key);
    else if (deferrable) deferred.add(deferrable.key);
    else {
      const names = [...circle, circle[0]].map(table => table?.relation.quoted).join(' → ');
      for (const { relation } of circle) {
        left.delete(relation.oid);
        impossible.set(
          relation.oid,
          `foreign keys lead in a circle, ${names}, and none of them may be NULL or is deferrable: no first row can be inserted`,
        );
      }
    }
  }
  return { tables: ordered, late, deferred, impossible };
}

function circleIn(
  left: ReadonlyMap<string, Table>,
  binding: (table: Table) => readonly ForeignKey[],
): Table[] {
  const way: Table[] = [];
  let at = [...left.values()][0];
  while (at && !way.includes(at)) {
    way.push(at);
    at = left.get(binding(at)[0]?.parent ?? '');
  }
  return at ? way.slice(way.indexOf(at)) : way;
}

export const isNullable = ({ relation }: Table, name: string): boolean =>
  relation.columns.some(column => column.name === name && !column.notNull);
