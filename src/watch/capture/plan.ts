import { type Relation, type ReplicaIdentity, columnOf, primaryKey } from '../../catalog/relation.ts';
import { quote } from '../../db/pool.ts';
import type { Bound } from '../../ask/bind.ts';
import { balances, form } from '../../ask/cost.ts';
import { columnsOf } from '../scope/balance.ts';
import type { Capture, Watched } from './capture.ts';

/**
 * What capture has to tell of a table so that every invariant that reads it can be followed. Where an old row's path
 * columns aren't told, a row that moves or goes leaves the key that it came from unasked; the others are followed still.
 */
export interface TablePlan extends Watched {
  /** Of `columns`: those whose old values a slot doesn't tell as things are. Triggers tell all. */
  readonly untold: readonly string[];
  /** False: a slot can't tell of it, or publishing it would make the application's UPDATE and DELETE fail. */
  readonly publishable: boolean;
  /** What would make a slot tell all of it. Only `evenkeel install` may run them. */
  readonly ddl: readonly string[];
}

/** A change that can't be followed to the keys that it touches, or isn't: then only a sweep finds what it broke. */
export interface Unfollowed {
  /** `"schema"."table"`, or a function. */
  readonly table: string;
  readonly why: string;
}

/** Every table that one of the invariants reads, ordered by name; the columns in the table's own order. */
export function capturePlan(bounds: readonly Bound[]): TablePlan[] {
  const relations = new Map(
    bounds.flatMap(({ scope }) => scope.reads).map(relation => [relation.oid, relation] as const),
  );
  const plans: TablePlan[] = [];
  for (const relation of relations.values()) {
    if (!['r', 'p'].includes(relation.kind) || relation.schema === 'pg_catalog') continue;
    const paths = bounds
      .flatMap(({ scope }) => scope.paths)
      .filter(path => path.relation.oid === relation.oid);
    const needed = new Set(paths.flatMap(path => path.columns));
    const columns = relation.columns.map(({ name }) => name).filter(name => needed.has(name));
    const told = columns.filter(name => !columnOf(relation, name)?.generated);
    const wanting = relation.identities.filter(
      identity => !publishable(identity) || told.some(name => !tells(identity, name)),
    );
    plans.push({
      relation,
      columns,
      extra: extras(relation, bounds, columns),
      summed: summed(relation, bounds, columns),
      untold: columns.filter(
        name => !told.includes(name) || relation.identities.some(identity => !tells(identity, name)),
      ),
      publishable: unpublished(relation) === undefined,
      ddl: wanting
        .filter(({ logged, kind }) => logged && kind !== 'f')
        .map(({ table }) => `alter table ${table} replica identity full`),
    });
  }
  return plans.sort((a, b) => (a.relation.quoted < b.relation.quoted ? -1 : 1));
}

/** What conditions look at; and all that an invariant reads, where old rows are told completely enough to see that none changed. */
function extras(relation: Relation, bounds: readonly Bound[], columns: readonly string[]): readonly string[] {
  const wanted = new Set(
    bounds
      .filter(({ scope }) => scope.reads.some(({ oid }) => oid === relation.oid))
      .flatMap(({ scope, costs }) => {
        const terms = (balances(costs) && scope.balance?.terms) || [];
        const added = terms.filter(term => term.relation.oid === relation.oid).flatMap(columnsOf);
        const used = usedColumns(relation, scope.names);
        const seen = used?.every(name => relation.identities.every(identity => tells(identity, name)));
        const paths = scope.paths.filter(path => path.relation.oid === relation.oid);
        const tested = paths.flatMap(path => path.where.map(({ column }) => column));
        return [...((seen && used) || []), ...tested, ...added];
      }),
  );
  return beyond(columns, relation, wanted);
}

/** What has to be known of each row to keep sums and counts, as soon as those are dear to ask for; undefined: of this table nothing. */
function summed(
  relation: Relation,
  bounds: readonly Bound[],
  columns: readonly string[],
): readonly string[] | undefined {
  const kept = bounds.flatMap(({ scope }) => scope.balance ?? []);
  const terms = kept.flatMap(balance => balance.terms).filter(term => term.relation.oid === relation.oid);
  if (terms.length === 0 && kept.every(({ table }) => table.oid !== relation.oid)) return undefined;
  return beyond(columns, relation, new Set(terms.flatMap(columnsOf)));
}

/** Of those that are wanted, the ones that aren't told yet, and can be. */
const beyond = (
  told: readonly string[],
  relation: Relation,
  wanted: ReadonlySet<string>,
): readonly string[] =>
  relation.columns
    .filter(({ name, generated }) => !generated && wanted.has(name) && !told.includes(name))
    .map(({ name }) => name);

/** Columns of which a change may matter; undefined: any. */
export const usedColumns = (
  relation: Relation,
  names: ReadonlySet<string> | undefined,
): readonly string[] | undefined =>
  names && relation.columns.map(({ name }) => name).filter(name => names.has(name));

/** Why changes of what an invariant reads can't all be followed with this kind of capture; none: all of them can. */
export function unfollowed(
  bound: Bound,
  plans: readonly TablePlan[],
  kind: Capture['kind'],
): readonly Unfollowed[] {
  const seen: Unfollowed[] = [...bound.scope.blind];
  if (form(bound.costs) === 'sweep')
    seen.push({ table: bound.table.quoted, why: 'to ask of one key costs about as much as to ask of all' });
  if (kind === 'triggers') return seen;
  const found = plans.flatMap(({ relation, untold }): Unfollowed[] => {
    if (!bound.scope.reads.some(({ oid }) => oid === relation.oid)) return [];
    const table = relation.quoted;
    const left = unpublished(relation);
    if (left !== undefined) return [{ table, why: left }];
    const paths = bound.scope.paths.filter(path => path.relation.oid === relation.oid);
    const missing = untold.filter(name => paths.some(path => path.columns.includes(name)));
    const generated = missing.filter(name => columnOf(relation, name)?.generated);
    const old = missing.filter(name => !generated.includes(name));
    return [
      ...(generated.length > 0 ? [{ table, why: `${list(generated)} is generated, and not told` }] : []),
      ...(old.length > 0
        ? [{ table, why: `the old ${list(old)} of a row that moves or goes is not told (replica identity)` }]
        : []),
    ];
  });
  return [...seen, ...found];
}

const list = (names: readonly string[]): string => names.map(quote).join(', ');

const tells = ({ kind, columns }: ReplicaIdentity, name: string): boolean =>
  kind === 'f' || columns.includes(name);

const publishable = ({ kind, columns, logged }: ReplicaIdentity): boolean =>
  logged && (kind === 'f' || columns.length > 0);

/** Why a slot has to leave the table out; undefined: it needn't. */
function unpublished(relation: Relation): string | undefined {
  if (relation.identities.some(({ logged }) => !logged)) return 'it is unlogged: a slot tells nothing of it';
  // Of a partition made tomorrow nothing but the primary key is told, whatever those of today say.
  if (relation.kind === 'p' && !primaryKey(relation))
    return 'it has no primary key: once published, UPDATE and DELETE of a new partition would fail';
  return relation.identities.every(publishable)
    ? undefined
    : 'it has no replica identity: once published, its UPDATEs and DELETEs would fail';
}
