import { type Relation, readRelations, resolve } from '../../catalog/relation.ts';
import { type Tx, quote } from '../../db/pool.ts';
import { type Derived, type Path, derive } from './derive.ts';
import { Graph } from './graph.ts';
import { type SelectStmt, calls, parseSelect, rangeVars } from './parse.ts';
import { Reader } from './read.ts';
import { type Injection, injections } from './restrict.ts';

/** What a query reads, and how each change of it leads to keys. */
export interface Scope {
  readonly reads: readonly Relation[];
  /** One for each table occurrence that leads to the key. */
  readonly paths: readonly Path[];
  /** The occurrences that don't, and why; empty: every change can be followed. */
  readonly blind: readonly { table: string; why: string }[];
  /** The answer changes while no row does. */
  readonly clock: boolean;
  /** Where a key range can be written into the query's text. */
  readonly injections: readonly Injection[];
}

/** Reads `sql` and derives the scope of its output columns `key`. @throws SqlMistake */
export async function readScope(tx: Tx, sql: string, key: readonly string[]): Promise<Scope> {
  const select = parseSelect(sql);
  const relations = await readTables(tx, select);
  const functions = await readFunctions(tx, select);
  const graph = new Graph();
  const reader = new Reader(graph, functions.aggregates, range => relations.get(written(range)));
  const { outputs, missed } = reader.query(select);
  const keys = key.map(name => outputs.find(output => output.name === name) ?? { name, at: undefined });
  const derived = graph.occurrences.map(occurrence => derive(graph, occurrence, keys));
  const blind = [...derived.flatMap(blindness), ...functions.blind];
  if (missed) blind.push({ table: missed, why: 'it is mentioned in a place that is not followed' });
  for (const { relation } of graph.occurrences) {
    if (!['r', 'p'].includes(relation.kind)) blind.push({ table: relation.quoted, why: 'it is not a table' });
  }
  return {
    reads: [...new Map(graph.occurrences.map(({ relation }) => [relation.oid, relation])).values()],
    paths: derived.flatMap(one => ('path' in one ? [one.path] : [])),
    blind,
    clock: functions.clock,
    injections: injections(graph, derived, keys, sql),
  };
}

const blindness = (one: Derived) => ('why' in one ? [{ table: one.relation.quoted, why: one.why }] : []);

const written = (range: { schemaname?: string; relname?: string }): string =>
  (range.schemaname ? `${quote(range.schemaname)}.` : '') + quote(range.relname ?? '');

/** Every relation that the query mentions, views' bodies included, by the name as written. */
async function readTables(tx: Tx, root: SelectStmt): Promise<Map<string, Relation>> {
  const found = new Map<string, Relation>();
  const queue: SelectStmt[] = [root];
  for (const select of queue) {
    const names = [...new Set(rangeVars(select).map(written))].filter(name => !found.has(name));
    const oids = new Map<string, string>();
    for (const name of names) {
      const oid = await resolve(tx, name);
      if (oid) oids.set(name, oid);
    }
    const relations = await readRelations(tx, [...new Set(oids.values())]);
    for (const [name, oid] of oids) {
      const relation = relations.get(oid);
      if (!relation) continue;
      found.set(name, relation);
      if (relation.kind === 'v' && relation.viewdef) queue.push(parseSelect(relation.viewdef));
    }
  }
  return found;
}

interface Functions {
  aggregates: Set<string>;
  clock: boolean;
  blind: { table: string; why: string }[];
}

/** What the catalog says of the functions that a query calls. Unknown overloads count as the worst of their name. */
async function readFunctions(tx: Tx, select: SelectStmt): Promise<Functions> {
  const { functions, clock } = calls(select);
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
