import {
  type Column,
  type Relation,
  columnOf,
  namesOneRow,
  primaryKey,
  readRelations,
  resolve,
} from '../catalog/relation.ts';
import type { Tx } from '../db/pool.ts';
import { ask, quote } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import type { Remedy } from '../declare/remedy.ts';
import { definitionHash } from '../declare/hash.ts';
import { EvenkeelError } from '../errors.ts';
import { guess as closest } from '../declare/guess.ts';
import { SqlMistake, parseSelect } from '../watch/scope/parse.ts';
import { sameEquality } from '../watch/scope/graph.ts';
import { type Scope, readScope } from '../watch/scope/scope.ts';
import { type Costs, estimate } from './cost.ts';
import { explain } from './mistake.ts';

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
    .map(name => ({ name, own: columnOf(table, name) }));
  if (invariant.form === 'should') requireOwn(invariant, table, columns);
  const sets = setColumns(invariant, table, columns);
  const appends = await appendTables(tx, invariant, columns, key);
  requireOneRow(invariant, table, key);
  const recast = key.map(
    column =>
      !alike(
        column,
        results.find(({ name }) => name === column.name),
      ),
  );
  const scope = await bothScopes(tx, invariant, table, key, recast);
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

async function relationNamed(tx: Tx, invariant: Invariant, name: string): Promise<Relation> {
  const oid = await resolve(tx, name).catch(error => {
    throw explain(error, invariant);
  });
  const relation = oid === undefined ? undefined : (await readRelations(tx, [oid])).get(oid);
  if (relation) return relation;
  const { rows } = await tx.query<{ name: string }>(
    `select relname as name from pg_class where relkind in ('r', 'p', 'v') and relnamespace::regnamespace::text !~ '^pg_'`,
  );
  const guess = closest(
    name,
    rows.map(row => row.name),
  );
  throw new EvenkeelError(
    'unknown-table',
    `there is no table ${name}${guess ? `; did you mean ${guess}?` : ''}`,
    {
      place: invariant.place,
    },
  );
}

async function governed(tx: Tx, invariant: Invariant): Promise<Relation> {
  const table = await relationNamed(tx, invariant, invariant.on.table);
  if (table.hidden) {
    throw new EvenkeelError(
      'row-security',
      `row-level security hides rows of ${table.quoted} from this role`,
      {
        place: invariant.place,
      },
    );
  }
  if (invariant.heal.some(remedy => remedy.do !== 'park') && !['r', 'p'].includes(table.kind)) {
    throw new EvenkeelError('not-writable', `${table.quoted} is not a table, so its rows can't be healed`, {
      place: invariant.place,
    });
  }
  return table;
}

function keyColumns(invariant: Invariant, table: Relation): Column[] {
  const names = invariant.key ?? primaryKey(table);
  if (!names) {
    throw new EvenkeelError('no-key', `${table.quoted} has no primary key`, { place: invariant.place });
  }
  return names.map(name => existing(invariant, table, name));
}

function existing(invariant: Invariant, table: Relation, name: string): Column {
  const column = columnOf(table, name);
  if (column) return column;
  const guess = closest(
    name,
    table.columns.map(one => one.name),
  );
  throw new EvenkeelError(
    'unknown-column',
    `${table.quoted} has no column ${quote(name)}${guess ? `; did you mean ${quote(guess)}?` : ''}`,
    { place: invariant.place },
  );
}

interface Result {
  readonly name: string;
  readonly family: number;
  /** As format_type prints it. */
  readonly type: string;
}

/** The result's columns, as Postgres sees them. */
async function resultColumns(tx: Tx, invariant: Invariant): Promise<Result[]> {
  let results: Result[];
  try {
    const { fields } = await tx.query(`select * from (\n${invariant.sql}\n) w limit 0`);
    const types = await ask(
      tx,
      'select format_type(o, m) from unnest($1::oid[], $2::int[]) with ordinality t(o, m, n) order by n',
      [fields.map(field => field.dataTypeID), fields.map(field => field.dataTypeModifier)],
    );
    results = fields.map(({ name, dataTypeID }, i) => ({
      name,
      family: dataTypeID,
      type: types[i]?.[0] ?? '',
    }));
  } catch (error) {
    throw explain(error, invariant);
  }
  const names = results.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new EvenkeelError('bad-sql', `two columns of the result are named ${quote(twice)}`, {
      place: invariant.place,
    });
  }
  return results;
}

/** Comparing the two as they are, and comparing after a cast, is the same; where it isn't, casting costs the index. */
function alike(column: Column, result: Result | undefined): boolean {
  if (!result || !sameEquality(column.family, result.family)) return false;
  // numeric(10,2) and timestamp(0) round; a text that is too long for varchar(10) equals none of its values.
  const rounds = column.base.includes('(') && ![1042, 1043].includes(column.family);
  return !rounds || result.type === column.base;
}

function requireOwn(invariant: Invariant, table: Relation, columns: readonly ResultColumn[]): void {
  for (const { name, own } of columns) if (!own) existing(invariant, table, name);
}

function setColumns(invariant: Invariant, table: Relation, columns: readonly ResultColumn[]): Column[] {
  const remedy = invariant.heal.find(one => one.do === 'set');
  const inserts = invariant.heal.some(one => one.do === 'insert');
  const all = columns.flatMap(({ own }) => (own ? [own] : []));
  const named = remedy && remedy.columns !== 'all' ? remedy.columns : undefined;
  if (named) {
    for (const name of named) {
      existing(invariant, table, name);
      if (!columns.some(column => column.name === name)) {
        throw new EvenkeelError('unknown-column', `set ${quote(name)}: the result has no such column`, {
          place: invariant.place,
        });
      }
    }
  }
  const sets = remedy ? all.filter(column => !named || named.includes(column.name)) : [];
  const fixed = [...sets, ...(inserts ? all : [])].find(
    column => column.generated || column.identity === 'a',
  );
  if (fixed) {
    throw new EvenkeelError(
      'not-writable',
      `${table.quoted}.${quote(fixed.name)} is generated by the database`,
      {
        place: invariant.place,
      },
    );
  }
  if (remedy && sets.length === 0) {
    throw new EvenkeelError('bad-remedy', 'set has nothing to write: the result has only key columns', {
      place: invariant.place,
    });
  }
  return sets;
}

async function appendTables(
  tx: Tx,
  invariant: Invariant,
  columns: readonly ResultColumn[],
  key: readonly Column[],
): Promise<Append[]> {
  const found: Append[] = [];
  for (const remedy of invariant.heal) {
    if (remedy.do !== 'append') continue;
    const table = await relationNamed(tx, invariant, remedy.table);
    for (const name of remedy.columns) {
      const column = existing(invariant, table, name);
      if (column.generated) {
        throw new EvenkeelError('not-writable', `${table.quoted}.${quote(name)} is generated`, {
          place: invariant.place,
        });
      }
      if (![...columns, ...key].some(one => one.name === name)) {
        throw new EvenkeelError('unknown-column', `insert … ${quote(name)}: the result has no such column`, {
          place: invariant.place,
        });
      }
    }
    const own = primaryKey(table);
    if (!own)
      throw new EvenkeelError('no-key', `${table.quoted} has no primary key`, { place: invariant.place });
    found.push({ remedy, table, key: own });
  }
  return found;
}

function requireOneRow(invariant: Invariant, table: Relation, key: readonly Column[]): void {
  if (invariant.heal.every(remedy => remedy.do === 'park')) return;
  if (
    namesOneRow(
      table,
      key.map(column => column.name),
    )
  )
    return;
  const names = key.map(column => quote(column.name)).join(', ');
  throw new EvenkeelError(
    'key-not-unique',
    `the key (${names}) can name several rows of ${table.quoted}, or none: it has no unique index over NOT NULL columns`,
    { place: invariant.place },
  );
}

async function touched(tx: Tx, invariant: Invariant): Promise<Relation[]> {
  const found: Relation[] = [];
  for (const name of invariant.touches) found.push(await relationNamed(tx, invariant, name));
  return found;
}

/** The scope of the user's query and of the governed rows together. */
async function bothScopes(
  tx: Tx,
  invariant: Invariant,
  table: Relation,
  key: readonly Column[],
  recast: readonly boolean[],
): Promise<Scope> {
  const names = key.map(column => column.name);
  // A column that has to be cast is a computed one.
  const mine = await readScope(
    tx,
    invariant.sql,
    names.map((name, i) => (recast[i] ? undefined : name)),
  );
  const condition = invariant.on.where ? ` where (${invariant.on.where}\n)` : '';
  const list = names.map(quote).join(', ');
  const rows = await readScope(tx, `select ${list} from ${table.quoted}${condition}`, names);
  const reads = new Map([...mine.reads, ...rows.reads].map(relation => [relation.oid, relation]));
  return {
    reads: [...reads.values()],
    paths: [...mine.paths, ...rows.paths],
    blind: [...mine.blind, ...rows.blind],
    clock: mine.clock || rows.clock,
    injections: mine.injections,
  };
}

/** The schemas that unqualified names mean for this role: pinned in every transaction. */
export async function searchPath(tx: Tx): Promise<string[]> {
  const rows = await ask(tx, 'select unnest(current_schemas(false))');
  return rows.map(row => row[0] as string);
}
