import fc from 'fast-check';
import { type Pool, type Tx, ask, sqlState, transaction } from '../../src/db/pool.ts';
import type { Invariant } from '../../src/declare/invariant.ts';
import { type Bound, bind } from '../../src/ask/bind.ts';
import { EvenkeelError } from '../../src/errors.ts';
import { type Row, type Table, type World, domains, fill, world } from './tables.ts';
import { Writer } from './select.ts';
import { Tape } from './tape.ts';

/** A random database of a few rows, and an invariant over it. */
export interface Case {
  readonly world: World;
  /** Everything that has to be run first. */
  readonly ddl: string;
  readonly form: 'should' | 'broken';
  readonly key: readonly string[];
  readonly where: string | undefined;
  readonly sql: string;
  /** Choices of the test's own. */
  readonly tape: Tape;
}

const list = (length: number) =>
  fc.noBias(fc.array(fc.nat(9999), { minLength: length, maxLength: length, size: 'max' }));

/** For the tables and the query, for the rows, and for what is done with them; shrunk one after the other. */
export const numbers = fc.tuple(list(240), list(260), list(120));

export function randomCase([shape, rows, deeds]: readonly [number[], number[], number[]]): Case {
  const tape = new Tape(shape);
  const made = world(tape);
  const tidy = tape.chance(60);
  const views = tape.chance(30)
    ? [{ name: 'w0', wants: new Writer(tape, made).wants() }].map(view => ({
        ...view,
        body: new Writer(tape, made).select(view.wants, 1, undefined),
      }))
    : [];
  const writer = new Writer(tape, made, views, tidy);
  const [governed] = made.tables as [Table];
  const form = tape.pick(['broken', 'should'] as const);
  const others = governed.columns.filter(({ name }) => !governed.key.includes(name));
  const given = form === 'should' ? tape.some(others, 60) : tape.some(others, 30);
  const wants = [...governed.columns.filter(({ name }) => governed.key.includes(name)), ...given];
  const where = tape.chance(25)
    ? tape.pick(['v is not null', 'exists (select from t1 where t1.k is not null and t1.v = t0.v)'])
    : undefined;
  const sql = writer.select(wants, 2, undefined);
  const ddl = [
    made.ddl,
    ...views.map(({ name, body }) => `create view ${name} as ${body};`),
    fill(new Tape(rows), made),
  ].join('\n');
  return { world: made, ddl, form, key: governed.key, where, sql, tape: new Tape(deeds) };
}

const invariantOf = ({ form, key, where, sql }: Pick<Case, 'form' | 'key' | 'where' | 'sql'>): Invariant => ({
  name: 'random',
  says: 'Random',
  form,
  sql,
  on: { table: 't0', where },
  key,
  heal: [],
  mode: 'observe',
  guard: null,
  graceMs: 0,
  everyMs: undefined,
  touches: [],
  place: { file: 'random.sql' },
});

/** The case as SQL that a person can run. */
export const told = (one: Pick<Case, 'ddl' | 'form' | 'key' | 'where' | 'sql'>): string =>
  `${domains}\n${one.ddl}\n-- ${one.form} on t0 (${one.key.join(', ')}) where ${one.where ?? 'true'}\n${one.sql}`;

const limits = { statement: 10_000, lock: 10_000, idle: 60_000, schemas: ['p'] };

class Undo extends Error {}

/** Runs `work` in a transaction that is rolled back: a schema costs milliseconds, and nothing has to be tidied up. */
export async function rolledBack<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  await transaction(pool, limits, async tx => {
    result = { value: await work(tx) };
    throw new Undo();
  }).catch((error: unknown) => {
    if (!(error instanceof Undo)) throw error;
  });
  return (result as { value: T }).value;
}

/** What a transaction under test begins with: the case's tables, its rows, and its invariant bound to them. */
export async function setUp(tx: Tx, one: Omit<Case, 'world' | 'tape'>): Promise<Bound | 'refused'> {
  try {
    await tx.query(one.ddl);
    await tx.query(one.sql);
  } catch (error) {
    if (isRefusal(error)) return 'refused';
    throw error;
  }
  return bind(tx, invariantOf(one), ['p']).catch((error: unknown) => {
    throw new Error(told(one), { cause: error });
  });
}

/** Postgres doesn't take the query, or its values: the generator's fault, not ours. */
export function isRefusal(error: unknown): boolean {
  const cause = error instanceof EvenkeelError ? error.cause : error;
  const state = sqlState(cause);
  return state !== undefined && /^(42|22|21|0A|23)/.test(state);
}

/** Rows of every table as they are, with all columns as text. */
export async function snapshot(tx: Tx, { tables }: World): Promise<Map<string, Row[]>> {
  const found = new Map<string, Row[]>();
  for (const { name, columns } of tables) {
    const rows = await ask(tx, `select ${columns.map(one => `${one.name}::text`).join(', ')} from ${name}`);
    found.set(
      name,
      rows.map(row => Object.fromEntries(columns.map((one, i) => [one.name, row[i] ?? null]))),
    );
  }
  return found;
}

/** Rows that only one of two snapshots holds, by table: the old and the new images of what changed. */
export function images(before: Map<string, Row[]>, after: Map<string, Row[]>): Map<string, Row[]> {
  const found = new Map<string, Row[]>();
  for (const [name, rows] of before) {
    const left = new Map<string, number>();
    const count = (row: Row, n: number) =>
      left.set(JSON.stringify(row), (left.get(JSON.stringify(row)) ?? 0) + n);
    for (const row of rows) count(row, -1);
    for (const row of after.get(name) ?? []) count(row, 1);
    const changed = [...left].filter(([, n]) => n !== 0).map(([text]) => JSON.parse(text) as Row);
    if (changed.length) found.set(name, changed);
  }
  return found;
}

/** Equal values may print differently: 1 and 1.0, 0 and -0. */
export const plain = (value: string | null): string | null =>
  value !== null && /^-?\d+(\.\d+)?$/.test(value) ? String(Number(value) + 0) : value;
