import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { type Condition, possible } from '../../src/check/prove.ts';
import { readTable } from '../../src/check/table.ts';
import type { Verdict } from '../../src/check/verdict.ts';
import { transaction } from '../../src/db/pool.ts';
import { type FreshDatabase, freshDatabase } from '../support/database.ts';

/** Columns that are put in, with their types; `g` and `h` are generated from them. */
const types = {
  n: 'int',
  m: 'smallint',
  p: 'p',
  q: 'numeric(3,1)',
  r: 'numeric',
  f: 'float8',
  d: 'date',
  t: 'text',
  u: 'varchar(4)',
  b: 'boolean',
  e: 'e',
  k: 'int',
};
const names = Object.keys(types);
const of = <T>(...items: T[]) => fc.constantFrom(...items);
const joined = (...parts: fc.Arbitrary<string | number>[]) => fc.tuple(...parts).map(list => list.join(' '));

const order = of('=', '<>', '<', '<=', '>', '>=', 'is distinct from');
const number = of(
  'n',
  'm',
  'p',
  'q',
  'r',
  'g',
  'k',
  'coalesce(n, 0)',
  'nullif(m, 1)',
  'case when b then n else m end',
);
const constant = of('-2', '-1', '0', '1', '2', '3', '0.5', '1.25', '99.9', '32767');
const day = of("'2020-01-01'", "date '2020-01-02'", "'infinity'");
const leaf = fc.oneof(
  { weight: 4, arbitrary: joined(number, order, fc.oneof(number, constant)) },
  joined(of('f'), order, fc.oneof(of('f'), constant)),
  joined(of('d'), order, fc.oneof(of('d'), day)),
  joined(of('t', 'u', 'h'), of('=', '<>'), fc.oneof(of("'x'", "'y'", "'z'"), of('t', 'u'))),
  joined(of(...names, 'g', 'h'), of('is null', 'is not null')),
  joined(number, of('between'), constant, of('and'), constant),
  joined(of('t', 'u'), of('in', 'not in'), of("('x', 'y')", "('x', 'y', 'z', 'q')", "('x', null)")),
  of(
    'b',
    'not b',
    "e = 'one'",
    "e <> 'two'",
    "e > 'one'",
    'b is not true',
    "t ~ '^q'",
    'n + m > 40',
    'length(u) = 4',
  ),
  of("upper(t) = 'Q'", "lower(t) in ('x', 'y')", 'abs(n) in (1, 2)', "t < 'y'", "(b = (e = 'one'))"),
);
const { condition } = fc.letrec<{ condition: string }>(tie => ({
  condition: fc.oneof(
    { maxDepth: 2 },
    leaf,
    fc.tuple(tie('condition'), of('and', 'or'), tie('condition')).map(([a, op, b]) => `(${a}) ${op} (${b})`),
    tie('condition').map(one => `not (${one})`),
    tie('condition').map(one => `(${one}) is null`),
  ),
}));
const above = of('k > 0', 'k <> 1', 'k in (1, 2, 3)', "s in ('x', 'y')", "k < 3 or s = 'x'");
const schema = fc.record({
  checks: fc.array(condition, { maxLength: 3 }),
  required: fc.subarray(['n', 'm', 't', 'b', 'e', 'k', 'q', 'd']),
  above: fc.array(above, { maxLength: 2 }),
  unique: fc.subarray(['n', 't', 'k']),
});
type Schema = typeof schema extends fc.Arbitrary<infer T> ? T : never;

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  const pick = (list: string, type: string) =>
    `(array[null, ${list}]::${type}[])[1 + floor(random() * ${list.split(',').length + 1})]`;
  const numbers = '-40, -3, -2, -1, 0, 1, 2, 3, 4, 50';
  await db.sql("create type e as enum ('one', 'two'); create domain p as int check (value > -2)");
  await db.sql(
    `select setseed(0.5); create table pool as select ${[
      [numbers, 'int', 'n'],
      [`${numbers}, 32767`, 'smallint', 'm'],
      ['-1, 0, 1, 2, 60', 'int', 'p'],
      ["-99.9, -2, 0, 0.1, 0.5, 0.6, 1, 1.2, 1.3, 2, 3, 99.9, 'NaN'", 'numeric(3,1)', 'q'],
      ["-2, 0, 0.5, 0.50001, 1, 1.25, 1.2501, 2, 99.9, 'NaN', 'Infinity', '-Infinity'", 'numeric', 'r'],
      ["-2, 0, 0.5, 0.50001, 1, 1.25, 2, 99.9, 'NaN', 'Infinity', '-Infinity'", 'float8', 'f'],
      ["'2019-12-31', '2020-01-01', '2020-01-02', '2020-01-03', 'infinity', '-infinity'", 'date', 'd'],
      ["'x', 'y', 'z', 'q', 'qq'", 'text', 't'],
      ["'x', 'y', 'z', 'long', 'q'", 'text', 'u'],
      ['true, false', 'boolean', 'b'],
      ["'one', 'two'", 'e', 'e'],
      ['-1, 0, 1, 2, 3, 4', 'int', 'k'],
    ]
      .map(([list = '', type = '', name]) => `${pick(list, type)} as ${name}`)
      .join(', ')} from generate_series(1, 6000)`,
  );
});

async function build({ checks, required, above, unique }: Schema): Promise<void> {
  const list = (items: readonly string[]) => items.map(one => `, check (${one})`).join('');
  await db.sql(`drop table if exists c; drop table if exists a;
    create table a (k int primary key, s text not null ${list(above)});
    create table c (${Object.entries(types)
      .map(column => column.join(' '))
      .join(', ')},
      g int generated always as (n + 1) stored, h text generated always as (case when b then t else 'x' end) stored,
      foreign key (k) references a ${list(checks)} ${unique.length > 0 ? `, unique (${unique.join(', ')})` : ''})`);
  for (const name of required) await db.sql(`alter table c alter ${name} set not null`);
}

/** Fills both tables with all rows of the pool that they take. */
async function fill(schema: Schema): Promise<void> {
  const met = (checks: readonly string[]) =>
    ['true', ...checks.map(one => `(${one}) is not false`)].join(' and ');
  await db.sql(`insert into a select * from (values (-1, 'x'), (0, 'y'), (1, 'x'), (2, 'y'), (3, 'z'), (4, 'x')) v (k, s)
    where ${met(schema.above)}`);
  await db.sql(`insert into c (${names.join(', ')}) select ${names.join(', ')} from ${source()}
    where ${met([...schema.checks, ...schema.required.map(one => `${one} is not null`)])} and (k is null or k in (select k from a))
    on conflict do nothing`);
}
const source = (fixed: Readonly<Record<string, string | null>> = {}) =>
  `(select *, n + 1 as g, case when b then t else 'x' end as h from (select ${names
    .map(name => (name in fixed ? `${text(fixed[name])}::${types[name as 'n']} as ${name}` : name))
    .join(', ')} from pool) x) y`;
const text = (value: string | null | undefined) =>
  value == null ? 'null' : `'${value.replaceAll("'", "''")}'`;

/** Puts a row in, with what is not told of it from the pool; false: nothing there goes with it. */
async function insert(schema: Schema, fixed: Readonly<Record<string, string | null>>): Promise<boolean> {
  const met = [...schema.checks, ...schema.required.map(one => `${one} is not null`)].map(
    one => `(${one}) is not false`,
  );
  const all = ['true', ...met].join(' and ');
  const parents = 'k' in fixed ? '' : 'and (k is null or k in (select k from a))';
  const rows = await db.sql(
    `select ${names.map(name => `${name}::text as ${name}`).join(', ')} from ${source(fixed)} where ${all} ${parents} limit 1`,
  );
  if (rows.length === 0) return false;
  await db.sql(
    `insert into c (${names.join(', ')}) values (${names.map(name => text(rows[0][name])).join(', ')}) on conflict do nothing`,
  );
  return true;
}

async function parent(schema: Schema, k: string | null | undefined, s?: string | null): Promise<boolean> {
  if (k == null) return true;
  const words = s === undefined ? "('x'), ('y'), ('z')" : `(${text(s)})`;
  const met = ['true', ...schema.above.map(one => `(${one}) is not false`)].join(' and ');
  const rows = await db.sql(
    `select s from (select ${text(k)}::int as k, s from (values ${words}) v (s)) x where ${met} limit 1`,
  );
  if (rows.length === 0) return false;
  await db.sql(`insert into a values (${text(k)}, ${text(rows[0].s)}) on conflict do nothing`);
  return true;
}

async function ask(parts: readonly string[], ...aliases: ('c' | 'a' | 'c1' | 'c2')[]): Promise<Verdict> {
  const limits = { readOnly: true, statement: 20_000, schemas: ['public'] };
  return transaction(db.pool, limits, async tx => {
    const sources = [];
    for (const alias of aliases) {
      const table = await readTable(tx, alias[0] ?? '');
      if (!table) throw new Error('there is no table');
      sources.push({ table, alias });
    }
    const [{ table, alias }, ...beside] = sources as [Condition, ...Condition[]];
    return possible(tx, { table, alias, parts, beside });
  });
}

/** Part of a witness, by column. */
const part = (row: Readonly<Record<string, string | null>>, alias: string) =>
  Object.fromEntries(
    Object.entries(row).flatMap(([name, value]) =>
      name.startsWith(`${alias}.`) ? [[name.slice(alias.length + 1), value]] : [],
    ),
  );

const runs = Number(process.env['CHECK_RUNS'] ?? 1);

test('one table: what is proved stays empty under thousands of valid rows; each witness goes in and meets the condition', async () => {
  let [proved, shown, odd] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(schema, condition, async (schema, condition) => {
      await build(schema);
      const verdict = await ask([condition], 'c');
      if (verdict.is === 'proved') {
        proved++;
        await fill(schema);
        expect(await db.sql(`select * from c where ${condition} limit 1`)).toEqual([]);
      } else if (verdict.is === 'witness') {
        shown++;
        if (!(await parent(schema, verdict.row['k'])))
          throw new Error(`no parent for ${JSON.stringify(verdict.row)}`);
        if (!('k' in verdict.row)) for (const k of ['1', '2', '3', '4', '-1']) await parent(schema, k);
        // Columns that nothing ties to the question may have no value at all.
        if (!(await insert(schema, verdict.row))) return void odd++;
        expect(await db.sql(`select from c where ${condition}`)).toHaveLength(1);
      }
    }),
    { numRuns: 150 * runs },
  );
  expect(proved).toBeGreaterThan(5);
  expect(shown).toBeGreaterThan(40);
  expect(odd).toBeLessThan(shown / 4);
});

const beside = fc.oneof(
  of(
    'c.n > a.k',
    'c.m = a.k',
    'c.t = a.s',
    'c.t <> a.s',
    "a.s = 'x'",
    "a.s <> 'y'",
    'a.k < 2',
    'a.k = 1',
    'c.k is null',
    'c.g <= a.k',
    'c.q > a.k',
    'c.n < 2',
    "c.u = 'x'",
  ),
);

test('a join by a foreign key: the same', async () => {
  let [proved, shown] = [0, 0];
  await fc.assert(
    fc.asyncProperty(
      schema,
      fc.array(beside, { minLength: 2, maxLength: 4 }),
      fc.boolean(),
      async (schema, list, joins) => {
        await build(schema);
        const parts = [...(joins ? ['c.k = a.k'] : []), ...list];
        const verdict = await ask(parts, 'c', 'a');
        if (verdict.is === 'proved') {
          proved++;
          await fill(schema);
          expect(await db.sql(`select * from c, a where ${parts.join(' and ')} limit 1`)).toEqual([]);
        } else if (verdict.is === 'witness') {
          const [c, a] = [part(verdict.row, 'c'), part(verdict.row, 'a')];
          const k = a['k'] ?? (c['k'] == null ? '1' : null);
          if (k === null || !(await parent(schema, k, a['s']))) return;
          if (!(await parent(schema, c['k'])))
            throw new Error(`no parent for ${JSON.stringify(verdict.row)}`);
          if (!(await insert(schema, c))) return;
          shown++;
          expect((await db.sql(`select from c, a where ${parts.join(' and ')}`)).length).toBeGreaterThan(0);
        }
      },
    ),
    { numRuns: 60 * runs },
  );
  expect(proved).toBeGreaterThan(1);
  expect(shown).toBeGreaterThan(5);
});

const twin = of(
  'c1.n = c2.n',
  'c1.t = c2.t',
  'c1.k = c2.k',
  'c1.b',
  'not c2.b',
  'c1.b <> c2.b',
  'c1.n > c2.n',
  'c1.m < c2.m',
  "c1.t = 'x'",
  "c2.t = 'x'",
  'c1.e = c2.e',
  'c1.n < 2',
  'c1.k is null',
  'c2.k is null',
);

test('a table beside itself, under a unique key: the same', async () => {
  let [proved, shown] = [0, 0];
  await fc.assert(
    fc.asyncProperty(schema, fc.array(twin, { minLength: 2, maxLength: 4 }), async (schema, parts) => {
      await build(schema);
      const verdict = await ask(parts, 'c1', 'c2');
      if (verdict.is === 'proved') {
        proved++;
        await fill(schema);
        expect(await db.sql(`select * from c c1, c c2 where ${parts.join(' and ')} limit 1`)).toEqual([]);
      } else if (verdict.is === 'witness') {
        for (const k of ['1', '2', '3', '4', '-1']) await parent(schema, k);
        for (const alias of ['c1', 'c2']) {
          const row = part(verdict.row, alias);
          if (!(await parent(schema, row['k'])))
            throw new Error(`no parent for ${JSON.stringify(verdict.row)}`);
          if (!(await insert(schema, row))) return;
        }
        shown++;
        expect((await db.sql(`select from c c1, c c2 where ${parts.join(' and ')}`)).length).toBeGreaterThan(
          0,
        );
      }
    }),
    { numRuns: 60 * runs },
  );
  expect(proved).toBeGreaterThan(1);
  expect(shown).toBeGreaterThan(5);
});
