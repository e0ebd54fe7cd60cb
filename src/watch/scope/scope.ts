import { type Relation, readRelations } from '../../catalog/relation.ts';
import { type Tx, ask, quote, sqlState } from '../../db/pool.ts';
import type { Balance, Term } from './balance.ts';
import { type Governs, readBalance } from './sums.ts';
import { type Derived, type Path, derive } from './derive.ts';
import { Graph, sameEquality } from './graph.ts';
import { inline } from './inline.ts';
import { type RangeVar, type SelectStmt, calls, columnNames, parseSelect, rangeVars } from './parse.ts';
import { opaque } from './names.ts';
import { Reader } from './read.ts';
import { type Injection, injections, restrict } from './restrict.ts';

/** What a query reads, and how each change of it leads to keys. */
export interface Scope {
  readonly reads: readonly Relation[];
  /** One for each table occurrence that leads to the key. */
  readonly paths: readonly Path[];
  /** The occurrences that don't, and why; empty: every change can be followed. */
  readonly blind: readonly { table: string; why: string }[];
  /** Names of all columns that are read, of whichever table; undefined: any column may be. */
  readonly names: ReadonlySet<string> | undefined;
  /** The answer changes while no row does. */
  readonly clock: boolean;
  /** Where a key range can be written into the query's text. */
  readonly injections: readonly Injection[];
  /** Sums whose differences have to be zero, where that is all that it says. */
  readonly balance: Balance | undefined;
  /** The query's text so that a key gets into CTEs that are used more than once. */
  readonly inlined: string;
}

/** An output column that is part of the key. */
export interface KeyColumn {
  readonly name: string;
  /** Oid of the type that it is compared in as it is; undefined: it has to be cast first. */
  readonly family: number | undefined;
}

/** Reads `sql` and derives the scope of its output columns `key`. @throws SqlMistake */
export async function readScope(
  tx: Tx,
  sql: string,
  key: readonly KeyColumn[],
  governs?: Governs,
): Promise<Scope> {
  const select = parseSelect(sql);
  const { relations, selects } = await readTables(tx, select);
  const functions = await readFunctions(tx, selects);
  const graph = new Graph();
  const find = (range: RangeVar) => relations.get(written(range));
  const reader = new Reader(graph, functions.aggregates, find);
  const { outputs, missed } = reader.query(select);
  const keys = key.map(({ name, family }) => {
    const output = outputs.list.find(one => one.name === name);
    // Cast, or merged from columns of several types, it no longer prints as the column that it came from.
    const alike =
      output?.at !== undefined && family !== undefined && sameEquality(graph.family(output.at), family);
    return output && alike ? output : { name, ...opaque };
  });
  const families = key.map(({ family }) => family);
  const derived = graph.occurrences.map(occurrence => derive(graph, occurrence, keys, families));
  const reads = new Map(
    [...graph.occurrences.map(one => one.relation), ...missed].map(one => [one.oid, one]),
  );
  const blind = [...derived.flatMap(blindness), ...functions.blind, ...(await odd(tx, [...reads.values()]))];
  for (const { quoted } of missed)
    blind.push({ table: quoted, why: 'it is mentioned in a place that is not followed' });
  const paths = derived.flatMap(one => ('path' in one ? [one.path] : []));
  const balance = governs && readBalance(select, governs, find);
  return {
    reads: [...reads.values()],
    paths,
    blind,
    names: columnNames(selects),
    clock: functions.clock,
    injections: await accepted(tx, sql, injections(graph, keys[0], sql)),
    // Rows have to be told with the keys that they held.
    balance: balance?.terms.every(term => paths.some(path => holds(path, term))) ? balance : undefined,
    inlined: inline(sql, select),
  };
}

/** What changes without a change of a row of its own. */
async function odd(tx: Tx, reads: readonly Relation[]): Promise<Scope['blind']> {
  const parents = await ask(
    tx,
    `select distinct inhparent::int8 from pg_inherits join pg_class c on c.oid = inhparent and c.relkind = 'r'
      where inhparent = any($1::oid[])`,
    [reads.map(({ oid }) => oid)],
  );
  return reads.flatMap(({ oid, kind, schema, quoted }) => {
    if (schema === 'pg_catalog')
      return [{ table: quoted, why: 'it is the catalog, of which no changes are told' }];
    if (!['r', 'p'].includes(kind)) return [{ table: quoted, why: 'it is not a table' }];
    return parents.some(([parent]) => parent === oid)
      ? [{ table: quoted, why: 'other tables inherit from it' }]
      : [];
  });
}

/**
 * The places that Postgres takes a sub-select in: it has no system columns, no primary key by which other columns may
 * be selected beside `group by`, and no schema to be named by.
 */
async function accepted(tx: Tx, sql: string, places: readonly Injection[]): Promise<readonly Injection[]> {
  const takes = async (some: readonly Injection[]) => {
    await tx.query('savepoint injection');
    try {
      await tx.query(`explain ${restrict(sql, some, column => `${column} is not null`)}`);
      return true;
    } catch (error) {
      if (!sqlState(error)?.startsWith('42')) throw error;
      return false;
    } finally {
      await tx.query('rollback to savepoint injection');
    }
  };
  if (places.length === 0 || (await takes(places))) return places;
  const good: Injection[] = [];
  for (const place of places) if (await takes([...good, place])) good.push(place);
  return good;
}

const blindness = (one: Derived) => ('why' in one ? [{ table: one.relation.quoted, why: one.why }] : []);

const holds = (path: Path, { relation, key }: Term): boolean =>
  path.relation.oid === relation.oid &&
  path.joins.length === 0 &&
  key.every(name => path.columns.includes(name));

const written = (range: { schemaname?: string; relname?: string }): string =>
  (range.schemaname ? `${quote(range.schemaname)}.` : '') + quote(range.relname ?? '');

/** Every relation that the query mentions, views' bodies included, by the name as written. */
async function readTables(
  tx: Tx,
  root: SelectStmt,
): Promise<{ relations: Map<string, Relation>; selects: readonly SelectStmt[] }> {
  const found = new Map<string, Relation>();
  const queue: SelectStmt[] = [root];
  for (const select of queue) {
    const names = [...new Set(rangeVars(select).map(written))].filter(name => !found.has(name));
    // Changes of a partition are known as changes of its root, so reading one counts as reading the whole.
    const oids = new Map(
      (await ask(
        tx,
        `select n, coalesce(pg_partition_root(to_regclass(n)), to_regclass(n))::oid::int8
           from unnest($1::text[]) n where to_regclass(n) is not null`,
        [names],
      )) as [string, string][],
    );
    const relations = await readRelations(tx, [...new Set(oids.values())]);
    for (const [name, oid] of oids) {
      const relation = relations.get(oid);
      if (!relation) continue;
      found.set(name, relation);
      if (relation.kind === 'v' && relation.viewdef) queue.push(parseSelect(relation.viewdef));
    }
  }
  return { relations: found, selects: queue };
}

interface Functions {
  aggregates: Set<string>;
  clock: boolean;
  blind: { table: string; why: string }[];
}

/** What the catalog says of the functions that a query calls. Unknown overloads count as the worst of their name. */
async function readFunctions(tx: Tx, selects: readonly SelectStmt[]): Promise<Functions> {
  const { functions, clock } = calls(selects);
  const names = functions.map(name => name.split('.').at(-1) ?? name);
  const { rows } = await tx.query<{ name: string; kind: string; volatility: string; own: boolean }>(
    `select proname as name, prokind as kind, provolatile as volatility,
            pronamespace <> 'pg_catalog'::regnamespace as own
       from pg_proc where proname = any($1)`,
    [names],
  );
  const clocks = new Set(['now', 'transaction_timestamp', 'statement_timestamp', 'age', 'clock_timestamp']);
  const blind = rows.flatMap(({ name, volatility, own, kind }) => {
    if (kind === 'a' || clocks.has(name)) return [];
    if (volatility === 'v') return [{ table: `${name}()`, why: 'it is volatile' }];
    if (own && volatility === 's') return [{ table: `${name}()`, why: 'it may read tables' }];
    return [];
  });
  return {
    aggregates: new Set(rows.filter(row => row.kind === 'a').map(row => row.name)),
    clock: clock || names.some(name => clocks.has(name)),
    blind,
  };
}
