import { callOf, writes } from '../declare/remedy.ts';
import type { Need } from '../catalog/grants.ts';
import { type Relation, readRelations, resolve } from '../catalog/relation.ts';
import { type Tx, quote } from '../db/pool.ts';
import type { Bound } from '../ask/bind.ts';
import { parseSelect, rangeVars } from '../watch/scope/parse.ts';

/** What healing these invariants, and undoing that, takes: one row for each relation. */
export async function needsOf(tx: Tx, bounds: readonly Bound[]): Promise<Need[]> {
  const needs = new Map<string, Draft>();
  for (const bound of bounds) {
    for (const relation of [...bound.scope.reads, ...(await named(tx, bound))]) draft(needs, relation, bound);
    write(draft(needs, bound.table, bound), bound);
    for (const { table, remedy } of bound.appends) add(draft(needs, table, bound).insert, remedy.columns);
    for (const table of bound.touches) draft(needs, table, bound).everything = true;
  }
  return [...needs.values()];
}

interface Draft extends Need {
  readonly update: Set<string>;
  readonly insert: Set<string>;
  readonly for: Set<string>;
  remove: boolean;
  everything: boolean;
}

function draft(needs: Map<string, Draft>, relation: Relation, { name }: Bound): Draft {
  const need = needs.get(relation.oid) ?? {
    relation,
    update: new Set<string>(),
    insert: new Set<string>(),
    for: new Set<string>(),
    remove: false,
    everything: false,
  };
  need.for.add(name);
  needs.set(relation.oid, need);
  return need;
}

function write(need: Draft, { invariant, table, key, columns, sets }: Bound): void {
  const verbs = new Set<string>(invariant.heal.filter(writes).map(remedy => remedy.do));
  // A handler says what to write when it has asked.
  if (callOf(invariant.heal)) {
    const own = table.columns.filter(one => !one.generated && !key.includes(one));
    return add(
      need.update,
      own.map(({ name }) => name),
    );
  }
  if (verbs.size === 0) return;
  const own = columns.flatMap(({ own }) => (own ? [own.name] : []));
  add(
    need.update,
    sets.map(({ name }) => name),
  );
  if (verbs.has('insert')) add(need.insert, [...key.map(({ name }) => name), ...own]);
  // Undo takes back what was inserted, and brings back what was removed, whole.
  if (verbs.has('remove'))
    add(
      need.insert,
      table.columns.filter(one => !one.generated).map(({ name }) => name),
    );
  if (verbs.has('insert') || verbs.has('remove')) need.remove = true;
  // Rows are locked before they are written, or looked at again, and SELECT … FOR UPDATE wants the right to UPDATE some column.
  if (need.update.size === 0) add(need.update, [own[0] ?? key[0]?.name ?? '']);
}

const add = (to: Set<string>, names: Iterable<string>) => {
  for (const name of names) to.add(name);
};

/** Views are not among what a query reads in the end, but have to be readable too. */
async function named(tx: Tx, { invariant }: Bound): Promise<Relation[]> {
  const oids: string[] = [];
  for (const { schemaname, relname } of rangeVars(parseSelect(invariant.sql))) {
    const name = (schemaname ? `${quote(schemaname)}.` : '') + quote(relname ?? '');
    const oid = await resolve(tx, name);
    if (oid !== undefined) oids.push(oid);
  }
  return [...(await readRelations(tx, [...new Set(oids)])).values()];
}
