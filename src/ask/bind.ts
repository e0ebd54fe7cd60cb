import { type Column, type Relation, columnOf } from '../catalog/relation.ts';
import { type Tx, ask, quote } from '../db/pool.ts';
import { mirrorName } from '../declare/from.ts';
import { definitionHash } from '../declare/hash.ts';
import type { Invariant } from '../declare/invariant.ts';
import type { Remedy } from '../declare/remedy.ts';
import { EvenkeelError } from '../errors.ts';
import { SqlMistake, parseSelect } from '../watch/scope/parse.ts';
import { type Scope, readScope } from '../watch/scope/scope.ts';
import { type Costs, estimate } from './cost.ts';
import { explain } from './mistake.ts';
import { governed, keyColumns, touched } from './named.ts';
import { alike, resultColumns } from './result.ts';
import { appendTables, requireGiven, requireOneRow, requireOwn, setColumns } from './writable.ts';

/** An invariant that has met its database: names resolved, columns known, forms of the question priced. */
export interface Bound {
  readonly invariant: Invariant;
  readonly name: string;
  readonly hash: string;
  readonly table: Relation;
  readonly key: readonly Column[];
  /** Of each key column: the result gives it in a type that has to be cast before it can be compared. */
  readonly recast: readonly boolean[];
  /** Result columns besides the key. */
  readonly columns: readonly ResultColumn[];
  /** Columns that `set` writes. */
  readonly sets: readonly Column[];
  readonly appends: readonly Append[];
  /** Tables, besides its own, that the heal may write. */
  readonly touches: readonly Relation[];
  readonly scope: Scope;
  readonly costs: Costs;
  /** Undefined: it has no timer. */
  readonly everyMs: number | undefined;
  /** Schemas that unqualified names mean. */
  readonly schemas: readonly string[];
}

export interface ResultColumn {
  readonly name: string;
  /** The table's column of the same name: compared, or written; undefined: evidence only. */
  readonly own: Column | undefined;
  /** The oid of the result's type. */
  readonly family: number;
}

export interface Append {
  readonly remedy: Extract<Remedy, { do: 'append' }>;
  readonly table: Relation;
  readonly key: readonly string[];
}

/**
 * @throws bad-sql, query-failed, key-missing, no-key, key-not-unique, unknown-table, unknown-column, not-writable,
 * row-security, no-rights
 */
export async function bind(tx: Tx, invariant: Invariant, schemas: readonly string[]): Promise<Bound> {
  const table = await governed(tx, invariant);
  const key = keyColumns(invariant, table);
  try {
    parseSelect(invariant.sql);
  } catch (error) {
    throw error instanceof SqlMistake ? error.toError(invariant.sql, invariant.place) : error;
  }
  if (invariant.source) await requireRead(tx, invariant);
  const results = await resultColumns(tx, invariant);
  const names = results.map(({ name }) => name);
  for (const { name } of key) {
    if (names.includes(name)) continue;
    throw new EvenkeelError(
      'key-missing',
      `the result has no column ${quote(name)}, which is part of the key`,
      {
        place: invariant.place,
      },
    );
  }
  const columns = names
    .filter(name => !key.some(column => column.name === name))
    .map(name => ({
      name,
      own: columnOf(table, name),
      family: results.find(one => one.name === name)?.family ?? 0,
    }));
  if (invariant.form === 'should') requireOwn(invariant, table, columns);
  const sets = setColumns(invariant, table, columns);
  requireGiven(invariant, names);
  const appends = await appendTables(tx, invariant, columns, key);
  requireOneRow(invariant, table, key);
  const recast = key.map(
    column =>
      !alike(
        column,
        results.find(({ name }) => name === column.name),
      ),
  );
  const scope = await bothScopes(tx, invariant, table, key, recast, names);
  const touches = await touched(tx, invariant);
  const draft = {
    invariant,
    name: invariant.name,
    hash: definitionHash(invariant).slice(0, 16),
    table,
    key,
    recast,
  };
  const rest = {
    columns,
    sets,
    appends,
    touches,
    scope,
    schemas,
    everyMs: invariant.everyMs ?? (scope.clock ? 60_000 : undefined),
  };
  try {
    return { ...draft, ...rest, costs: await estimate(tx, { ...draft, ...rest }) };
  } catch (error) {
    throw explain(error, invariant);
  }
}

/** @throws not-read-yet */
async function requireRead(tx: Tx, { name, place }: Invariant): Promise<void> {
  const rows = await ask(tx, 'select to_regclass($1) is not null', [`evenkeel.${quote(mirrorName(name))}`]);
  if (rows[0]?.[0] !== 't')
    throw new EvenkeelError('not-read-yet', `what '${name}' reads was not read to its end yet`, { place });
}

/** The scope of the user's query and of the governed rows together. */
async function bothScopes(
  tx: Tx,
  invariant: Invariant,
  table: Relation,
  key: readonly Column[],
  recast: readonly boolean[],
  results: readonly string[],
): Promise<Scope> {
  const names = key.map(({ name }) => name);
  const mine = await readScope(
    tx,
    invariant.sql,
    key.map(({ name, family }, i) => ({ name, family: recast[i] ? undefined : family })),
    // Rows that a condition takes out of what is governed, and NULL keys, aren't counted.
    invariant.on.where || recast.includes(true) || key.some(({ notNull }) => !notNull)
      ? undefined
      : { form: invariant.form, table, key: names, compared: results.filter(name => !names.includes(name)) },
  );
  const condition = invariant.on.where ? ` where (${invariant.on.where}\n)` : '';
  const list = names.map(quote).join(', ');
  const rows = await readScope(tx, `select ${list} from ${table.quoted}${condition}`, key);
  const reads = new Map([...mine.reads, ...rows.reads].map(relation => [relation.oid, relation]));
  return {
    reads: [...reads.values()],
    paths: [...mine.paths, ...rows.paths],
    blind: [...mine.blind, ...rows.blind],
    names: mine.names && rows.names && new Set([...mine.names, ...rows.names, ...results]),
    clock: mine.clock || rows.clock,
    injections: mine.injections,
    balance: mine.balance,
    inlined: mine.inlined,
  };
}

/** The schemas that unqualified names mean for this role: pinned in every transaction. */
export async function searchPath(tx: Tx): Promise<string[]> {
  const rows = await ask(tx, 'select unnest(current_schemas(false))');
  return rows.map(row => row[0] as string);
}
