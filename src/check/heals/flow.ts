import type { Bound } from '../../ask/bind.ts';
import { type Relation, readRelations, resolve } from '../../catalog/relation.ts';
import { type Tx, quote } from '../../db/pool.ts';
import { writes as isWritten } from '../../declare/remedy.ts';
import { commonTables, parseSelect, rangeVars } from '../../watch/scope/parse.ts';
import { literal } from '../expression.ts';
import { possible } from '../prove.ts';
import { type Site, sitesOf } from '../site.ts';
import { isNull } from './assignment.ts';
import type { Local } from './local.ts';
import { targetsOf } from './piece.ts';
import { disturbing } from './triggers.ts';

/**
 * One heal writes what another invariant reads, column by column. An edge is dropped where no row that the heal writes can be
 * one that the other looks at, before or after (the refined triggering graph of Karadimce and Urban).
 */
export interface Edge {
  readonly from: Bound;
  readonly to: Bound;
  readonly table: Relation;
  /** Undefined: rows come or go. */
  readonly columns: readonly string[] | undefined;
  /** A group of row-local heals knows of it, and says what comes of it. */
  readonly known?: true;
}

/** What a heal writes of one table; `columns` undefined: rows come or go, or it isn't known which. */
interface Written {
  readonly table: Relation;
  readonly columns: readonly string[] | undefined;
}

export async function edgesOf(
  tx: Tx,
  bounds: readonly Bound[],
  locals: ReadonlyMap<string, Local>,
  late: () => boolean,
): Promise<Edge[]> {
  const edges: Edge[] = [];
  for (const from of bounds) {
    const written = await writtenBy(tx, from);
    for (const to of bounds) {
      if (to === from) continue;
      for (const { table, columns } of written) {
        // Their group knows, or nothing that they share is written.
        if (table.oid === from.table.oid && locals.has(from.name) && locals.has(to.name)) continue;
        const met = meeting(to, table, columns);
        if (met === undefined) continue;
        if (
          columns &&
          table.oid === from.table.oid &&
          !late() &&
          (await passesBy(tx, from, to, table, columns))
        )
          continue;
        edges.push({ from, to, table, columns: columns && met });
      }
    }
  }
  return edges;
}

export const acts = ({ invariant }: Bound): boolean => invariant.heal.some(isWritten);

/** Of each table; cascades of foreign keys included, and what it says that triggers write. */
async function writtenBy(tx: Tx, bound: Bound): Promise<Written[]> {
  if (!acts(bound)) return [];
  const { invariant, table, sets, appends, touches } = bound;
  const does = (verb: string) => invariant.heal.some(remedy => remedy.do === verb);
  const found: Written[] = [];
  if (does('insert') || does('remove')) found.push({ table, columns: undefined });
  else if (sets.length > 0) {
    const names = sets.map(({ name }) => name);
    const derived = table.columns.filter(({ generated }) => generated).map(({ name }) => name);
    found.push({ table, columns: [...names, ...derived] });
  }
  for (const append of appends) found.push({ table: append.table, columns: undefined });
  for (const touched of touches) found.push({ table: touched, columns: undefined });
  if (does('remove'))
    for (const child of await cascades(tx, table)) found.push({ table: child, columns: undefined });
  return [...new Map(found.map(one => [`${one.table.oid} ${one.columns === undefined}`, one])).values()];
}

/** Tables of which rows go, or lose their reference, when rows of this one go. */
export async function cascades(tx: Tx, table: Relation): Promise<Relation[]> {
  const found = new Map<string, Relation>();
  for (let list: readonly Relation[] = [table]; list.length > 0;) {
    const oids = list
      .flatMap(({ children }) => children)
      .filter(({ onDelete, child }) => ['c', 'n', 'd'].includes(onDelete) && !found.has(String(child)))
      .map(({ child }) => String(child));
    const next = await readRelations(tx, [...new Set(oids)]);
    for (const [oid, relation] of next) found.set(oid, relation);
    list = [...next.values()];
  }
  return [...found.values()];
}

/** The written columns that it reads; undefined: none, and the table is nothing to it. */
function meeting(to: Bound, table: Relation, columns: readonly string[] | undefined): string[] | undefined {
  if (!to.scope.reads.some(({ oid }) => oid === table.oid)) return undefined;
  if (!columns) return [];
  const { names } = to.scope;
  const met = columns.filter(name => !names || names.has(name));
  return met.length > 0 ? met : undefined;
}

/** No row is looked at by `to` that `from` writes: not as it was, and not as it is then. */
async function passesBy(
  tx: Tx,
  from: Bound,
  to: Bound,
  table: Relation,
  columns: readonly string[],
): Promise<boolean> {
  const { invariant } = to;
  if (to.table.oid === table.oid && (invariant.form === 'should' || invariant.on.where !== undefined))
    return false;
  // A function may look at any row.
  if (to.scope.blind.some(one => one.table.endsWith('()')) || !to.scope.names) return false;
  const writing = {
    oid: table.oid,
    columns,
    removes: false,
    used: [...to.scope.names],
    shared: from.touches.some(({ oid }) => oid === table.oid),
  };
  if ((await disturbing(tx, writing)) !== undefined) return false;
  const after = afterwards(from);
  if (
    !after ||
    from.invariant.form === 'should' ||
    columns.some(name => !from.sets.some(one => one.name === name))
  )
    return false;
  const theirs = await lookingAt(tx, invariant.sql, table);
  const ours = await lookingAt(tx, from.invariant.sql, table);
  if (!theirs || ours?.length !== 1 || !ours[0]) return false;
  for (const { source, parts } of theirs) {
    const condition = { table: source.table, alias: source.alias };
    const values = after.map(one => one(source.alias));
    if ((await possible(tx, { ...condition, parts: [...parts, ...values] })).is !== 'proved') return false;
    // Two names for the row can't stand in one question: then Postgres doesn't know one of them, and it stays undecided.
    if ((await possible(tx, { ...condition, parts: [...ours[0].parts, ...parts] })).is !== 'proved')
      return false;
  }
  return true;
}

/** What is true of a row after the heal, where it writes constants; `alias` is what the row is called. */
export function afterwards({ invariant, sets }: Bound): ((alias: string) => string)[] | undefined {
  const targets = targetsOf(invariant.sql);
  const made: ((alias: string) => string)[] = [];
  for (const { name, base } of sets) {
    const value = targets.find(one => one.name === name)?.value;
    const text = literal(value);
    if (!value || (text === undefined && !isNull(value))) return undefined;
    const is = text === undefined ? 'is null' : `= '${text.replaceAll("'", "''")}'::${base}`;
    made.push(alias => `${quote(alias)}.${quote(name)} ${is}`);
  }
  return made.length > 0 ? made : undefined;
}

interface Looking {
  readonly source: Site['sources'][number];
  readonly parts: readonly string[];
}

/** Each place where a query reads the table, with the conditions on its rows there; undefined: there are others too. */
export async function lookingAt(tx: Tx, sql: string, table: Relation): Promise<Looking[] | undefined> {
  const root = parseSelect(sql);
  const own = new Set(commonTables(root).map(({ ctename }) => ctename));
  let places = 0;
  for (const { schemaname, relname = '' } of rangeVars(root)) {
    if (!schemaname && own.has(relname)) continue;
    const oid = await resolve(tx, schemaname ? `${quote(schemaname)}.${quote(relname)}` : quote(relname));
    const relation = oid === undefined ? undefined : (await readRelations(tx, [oid])).get(oid);
    if (!relation || relation.kind !== 'r') return undefined;
    if (oid === table.oid) places++;
  }
  const { sites } = await sitesOf(tx, sql);
  const found = sites.flatMap(site =>
    site.sources
      .filter(source => source.table.oid === table.oid)
      .map(source => ({
        source,
        parts: site.conjuncts.filter(({ text }) => site.about(text) === source).map(({ text }) => text),
      })),
  );
  return found.length === places ? found : undefined;
}
