/** What the model says of heals, held against what they really do to the rows of a real table. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Key, askKeys } from '../../../src/ask/ask.ts';
import { type Bound, bind } from '../../../src/ask/bind.ts';
import { type Group, look, together } from '../../../src/check/heals/group.ts';
import { localOf } from '../../../src/check/heals/local.ts';
import type { Step } from '../../../src/check/heals/paths.ts';
import { type Tx, sqlState, transaction } from '../../../src/db/pool.ts';
import { parse } from '../../../src/declare/parse.ts';
import { planFor } from '../../../src/heal/plan.ts';
import { removeRows, setRows } from '../../../src/heal/write.ts';
import { freshDatabase } from '../../support/database.ts';

const number = fc.constantFrom('0', '1', '2');
const numeric = fc.constantFrom('n', 'm');
const word = fc.constantFrom("'x'", "'y'", "'z'");
const leaf = fc.oneof(
  fc
    .tuple(numeric, fc.constantFrom('=', '<>', '<', '<=', '>', '>='), fc.oneof(number, numeric))
    .map(parts => parts.join(' ')),
  fc
    .tuple(fc.constantFrom('t', 'u'), fc.constantFrom('=', '<>'), fc.oneof(word, fc.constantFrom('t', 'u')))
    .map(parts => parts.join(' ')),
  fc
    .tuple(fc.constantFrom('n', 't', 'b', 'e', 'at'), fc.constantFrom('is null', 'is not null'))
    .map(parts => parts.join(' ')),
  fc.constantFrom(
    'b',
    'not b',
    "e = 'one'",
    "e <> 'two'",
    'b is not true',
    "at < now() - interval '1 hour'",
    "upper(t) = 'X'",
    'n + m > 40',
    'n in (0, 2)',
  ),
);
const condition = fc
  .array(fc.array(leaf, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 })
  .map(all => all.map(arms => (arms.length > 1 ? `(${arms.join(' or ')})` : arms[0])).join(' and '));
const writes = fc.oneof(
  fc.tuple(
    fc.constantFrom('n', 'm'),
    fc.oneof(
      number,
      fc.constantFrom('n', 'm', 'null::int', 'case when b then 1 else 2 end', 'coalesce(n, 0)', 'n + 1'),
    ),
  ),
  fc.tuple(
    fc.constantFrom('t', 'u'),
    fc.constantFrom("'x'", "'y'", "'z'", 't', 'null::text', "coalesce(t, 'x')", 'lower(u)', "'toolong'"),
  ),
  fc.tuple(fc.constant('b'), fc.constantFrom('true', 'false', 'not b', 'null::boolean', "e = 'one'")),
  fc.tuple(fc.constant('e'), fc.constantFrom("'one'", "'two'", "case when b then 'one' else 'two' end")),
  fc.tuple(fc.constant('at'), fc.constantFrom('now()', 'null::timestamptz', 'at')),
);
/** Values of a column, and what heals write to it. */
const moves = {
  t: [
    ["'x'", "'y'", 'null'],
    ["'x'", "'y'", 'null::text', 'u', "coalesce(u, 'x')"],
  ],
  u: [
    ["'x'", "'y'", 'null'],
    ["'x'", "'y'", 'null::text', 't'],
  ],
  n: [
    ['0', '1', 'null'],
    ['0', '1', 'null::int', 'm'],
  ],
  b: [
    ['true', 'false', 'null'],
    ['true', 'false', 'not b'],
  ],
  e: [
    ["'one'", "'two'", 'null'],
    ["'one'", "'two'"],
  ],
  at: [['null'], ['now()']],
} as const;
type Heal = { where: string; sets: [string, string][]; removes: boolean };
/** One that moves a value of this column on, as heals do: so that they meet. */
const move = (name: keyof typeof moves): fc.Arbitrary<Heal> =>
  fc
    .tuple(
      fc.constantFrom<string>(...moves[name][0]),
      fc.constantFrom<string>(...moves[name][1]),
      fc.option(leaf, { freq: 1 }),
      fc.option(writes, { freq: 1 }),
    )
    .filter(([is, to]) => !to.startsWith(is))
    .map(([is, to, more, also]) => ({
      where: `${is === 'null' ? `${name} is null` : `${name} = ${is}`}${more === null ? '' : ` and ${more}`}`,
      sets: [[name, to], ...(also === null || also[0] === name ? [] : [also])],
      removes: false,
    }));
const heal: fc.Arbitrary<Heal> = fc.record({
  where: condition,
  sets: fc.uniqueArray(writes, { minLength: 1, maxLength: 2, selector: ([name]) => name }),
  removes: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
});
const several = fc
  .constantFrom(...(Object.keys(moves) as (keyof typeof moves)[]))
  .chain(name =>
    fc.array(fc.oneof({ weight: 4, arbitrary: move(name) }, heal), { minLength: 2, maxLength: 4 }),
  );
const schema = fc.record({
  checks: fc.array(
    condition.filter(one => !one.includes('now()')),
    { maxLength: 2 },
  ),
  required: fc.subarray(['n', 't', 'b']),
});

const columns = ['n', 'm', 't', 'u', 'b', 'e', 'at'] as const;
const future = '2999-01-01 00:00:00+00';
const one = { n: '1', m: '1', t: "'x'", u: "'x'", b: 'true', e: "'one'", at: `'${future}'` };
type Values = readonly (string | null)[];

test('what is not reported never happens on real rows; what is reported happens', async () => {
  const db = await freshDatabase();
  await db.sql(`create type e as enum ('one', 'two');
    create table grid as select row_number() over ()::int as id, n, m, t, u::varchar(4) as u, b, e, at
      from unnest(array[null, -3, 0, 1, 2, 50]) n, unnest(array[null, -3, 0, 1, 2, 50]) m,
        unnest(array[null, 'x', 'y', 'q']) t, unnest(array[null, 'x', 'q']) u, unnest(array[null, true, false]) b,
        unnest(array[null, 'one', 'two']::e[]) e, unnest(array[null, '2000-01-01', '${future}']::timestamptz[]) at`);
  const counts = {
    sure: 0,
    doubtful: 0,
    rejected: 0,
    ineffective: 0,
    rounds: 0,
    forks: 0,
    breaks: 0,
    replayed: 0,
  };
  await fc.assert(
    fc.asyncProperty(schema, several, async ({ checks, required }, heals) => {
      await db.sql(`drop table if exists c; create table c (id int primary key, n int, m int, t text, u varchar(4), b boolean, e e, at timestamptz
        ${checks.map(one => `, check (${one})`).join('')})`);
      for (const name of required) await db.sql(`alter table c alter ${name} set not null`);
      const valid = [...checks, ...required.map(one => `${one} is not null`)].map(
        one => ` and (${one}) is not false`,
      );
      // Of columns that nobody speaks of, one value will do.
      const spoken = JSON.stringify([checks, heals]);
      const mute = columns
        .filter(name => !new RegExp(`\\b${name}\\b`).test(spoken))
        .map(name => ` and ${name} = ${one[name]}`);
      await db.sql(`insert into c select * from grid where true${mute.join('')}${valid.join('')}`);
      const invariants = heals.map(({ where, sets, removes }, i) => {
        const list = sets.map(([name, value]) => `${value} as ${name}`).join(', ');
        const text = `-- evenkeel: broken\n-- says: A case\n-- on: c\n-- heal: ${removes ? 'remove' : `set ${sets.map(([name]) => name).join(', ')}`}\nselect id, ${list} from c where ${where}`;
        const parsed = parse(text, `h${i}.sql`);
        if (parsed.is !== 'invariant') throw new Error(text);
        return parsed.invariant;
      });
      const limits = { statement: 20_000, lock: 5_000, schemas: ['public'] };
      await transaction(db.pool, limits, async tx => {
        await tx.query(`set local timezone = 'UTC'`);
        const bounds: Bound[] = [];
        for (const one of invariants) bounds.push(await bind(tx, one, ['public']));
        const locals = [];
        for (const bound of bounds) {
          const local = await localOf(tx, bound);
          if (typeof local === 'string') throw new Error(local);
          locals.push(local);
        }
        const groups: Group[] = [];
        for (const members of together(locals)) groups.push(await look(tx, members));
        const real = await really(tx, bounds);
        compare(bounds, groups, real, counts);
        for (const group of groups) counts.replayed += await replay(tx, group);
      });
    }),
    { numRuns: Number(process.env['RUNS'] ?? 60) },
  );
  // What is tried has to happen, or nothing is tried.
  expect(counts.sure).toBeGreaterThan(20);
  expect(counts.rejected + counts.ineffective, JSON.stringify(counts)).toBeGreaterThan(3);
  expect(counts.rounds + counts.forks + counts.breaks, JSON.stringify(counts)).toBeGreaterThan(3);
  expect(counts.replayed, JSON.stringify(counts)).toBeGreaterThan(3);
  if (process.env['RUNS']) console.log(counts);
}, 600_000);

interface Real {
  readonly bad: readonly ReadonlySet<number>[];
  readonly next: readonly ReadonlyMap<number, number | 'rejected' | 'outside' | 'gone'>[];
}

/** Every heal on every row, by the statements that the engine uses. */
async function really(tx: Tx, bounds: readonly Bound[]): Promise<Real> {
  const before = await rowsOf(tx);
  const ids = new Map([...before].map(([id, values]) => [JSON.stringify(values), id]));
  const keys = [...before.keys()].map((id): Key => [String(id)]);
  const bad: Set<number>[] = [];
  const next: Map<number, number | 'rejected' | 'outside' | 'gone'>[] = [];
  for (const bound of bounds) {
    const found = [...(await askKeys(tx, bound, keys)).values()];
    bad.push(new Set(found.map(({ key }) => Number(key[0]))));
    const to = new Map<number, number | 'rejected' | 'outside' | 'gone'>();
    await tx.query('savepoint heal');
    const write = async (some: typeof found): Promise<void> => {
      if (some.length === 0) return;
      await tx.query('savepoint part');
      try {
        const list = some.map(({ key }) => key);
        expect(some.every(one => planFor(bound, one).do === 'write')).toBe(true);
        if (bound.sets.length === 0) await removeRows(tx, bound.table, bound.key, list);
        else
          await setRows(
            tx,
            bound.table,
            bound.key,
            bound.sets,
            list,
            some.map(({ wanted }) => wanted),
          );
      } catch (error) {
        expect(sqlState(error)).toMatch(/^(23|22)/);
        await tx.query('rollback to savepoint part');
        if (some.length === 1) return void to.set(Number(some[0]?.key[0]), 'rejected');
        const half = Math.ceil(some.length / 2);
        await write(some.slice(0, half));
        await write(some.slice(half));
      }
    };
    await write(found);
    const after = await rowsOf(tx);
    for (const { key } of found) {
      const id = Number(key[0]);
      if (to.has(id)) continue;
      const values = after.get(id);
      to.set(id, values === undefined ? 'gone' : (ids.get(JSON.stringify(values)) ?? 'outside'));
    }
    await tx.query('rollback to savepoint heal');
    next.push(to);
  }
  return { bad, next };
}

async function rowsOf(tx: Tx): Promise<Map<number, Values>> {
  const { rows } = await tx.query<(string | null)[]>({
    text: `select id, ${columns.map(name => `${name}::text`).join(', ')} from c`,
    rowMode: 'array',
  });
  // Any later time is like the one that the grid has.
  return new Map(
    rows.map(([id, ...values]) => [
      Number(id),
      values.map((value, i) => (columns[i] === 'at' && value !== null && value > '2020' ? future : value)),
    ]),
  );
}

/** What happens on real rows stands in the judgement of a group without doubt. */
function compare(
  bounds: readonly Bound[],
  groups: readonly Group[],
  real: Real,
  counts: Record<string, number>,
): void {
  const indexOf = (name: string) => bounds.findIndex(one => one.name === name);
  const edges = (from: number) =>
    bounds.flatMap((_, by) => {
      const to = real.next[by]?.get(from);
      return typeof to === 'number' && !real.bad[by]?.has(to)
        ? [{ by, to }]
        : to === 'gone'
          ? [{ by, to: -1 }]
          : [];
    });
  for (const group of groups) {
    if (group.doubt !== undefined || !group.proof) {
      counts['doubtful']!++;
      continue;
    }
    counts['sure']!++;
    const { judgement } = group.proof;
    for (const [i, member] of group.members.entries()) {
      const by = indexOf(member.name);
      const ends = [...(real.next[by] ?? [])];
      if (ends.some(([, to]) => to === 'rejected')) {
        counts['rejected']!++;
        expect(judgement.rejected.map(one => one.by)).toContain(i);
      }
      if (ends.some(([, to]) => typeof to === 'number' && real.bad[by]?.has(to))) {
        counts['ineffective']!++;
        expect(judgement.ineffective.map(one => one.by)).toContain(i);
      }
    }
    const mine = new Set(group.members.map(({ name }) => indexOf(name)));
    const own = (from: number) => edges(from).filter(({ by }) => mine.has(by));
    const seen = explore(own, [
      ...(real.next[0]?.keys() ?? []),
      ...real.next.flatMap(one => [...one.keys()]),
    ]);
    if (seen.round) {
      counts['rounds']!++;
      expect(judgement.rounds.length).toBeGreaterThan(0);
    } else if (seen.fork) {
      counts['forks']!++;
      expect(judgement.forks.length).toBeGreaterThan(0);
    }
  }
  const sure = groups.every(({ doubt }) => doubt === undefined);
  const met = new Set<string>();
  for (const [by] of bounds.entries()) {
    for (const [from, to] of real.next[by] ?? []) {
      if (typeof to !== 'number' || real.bad[by]?.has(to)) continue;
      for (const [other] of bounds.entries()) {
        if (
          other === by ||
          met.has(`${by},${other}`) ||
          real.bad[other]?.has(from) ||
          !real.bad[other]?.has(to)
        )
          continue;
        const group = groups.find(({ members }) => members.some(({ name }) => indexOf(name) === by));
        if (!group?.proof) continue;
        met.add(`${by},${other}`);
        counts['breaks']!++;
        const pair = group.proof.judgement.breaks.map(one =>
          [one.by, one.breaks].map(n => group.members[n]?.name).join(),
        );
        expect(pair).toContain([bounds[by]?.name, bounds[other]?.name].join());
      }
    }
  }
  if (sure && groups.length > 1) {
    const all = explore(
      edges,
      real.next.flatMap(one => [...one.keys()]),
    );
    if (all.round) expect(groups.some(({ proof }) => (proof?.judgement.rounds.length ?? 0) > 0)).toBe(true);
    else if (all.fork)
      expect(groups.some(({ proof }) => (proof?.judgement.forks.length ?? 0) > 0)).toBe(true);
  }
}

/** By brute force: can a row come back, or end in two ways? */
function explore(
  edges: (from: number) => { to: number }[],
  starts: readonly number[],
): { round: boolean; fork: boolean } {
  const ends = new Map<number, Set<number>>();
  let [round, fork] = [false, false];
  const walk = (row: number, above: ReadonlySet<number>): Set<number> => {
    const known = ends.get(row);
    if (known) return known;
    if (above.has(row)) {
      round = true;
      return new Set();
    }
    const next = edges(row);
    const found = new Set(
      next.length === 0 ? [row] : next.flatMap(({ to }) => [...walk(to, new Set([...above, row]))]),
    );
    if (found.size > 1) fork = true;
    ends.set(row, found);
    return found;
  };
  for (const row of new Set(starts)) walk(row, new Set());
  return { round, fork };
}

/** What was shown on made-up rows happens to such a row in the table. */
async function replay(tx: Tx, { shown, members }: Group): Promise<number> {
  if (!shown) return 0;
  const { model, judgement } = shown;
  const traces: (readonly Step[])[] = [
    ...judgement.rounds.map(({ steps }) => steps),
    ...judgement.forks.flatMap(({ ways }) => ways),
    ...judgement.breaks.map(({ step }) => [step]),
  ];
  let done = 0;
  for (const steps of traces) {
    const [first] = steps;
    if (!first || !(await put(tx, model.row(first.from)))) continue;
    for (const { by, to } of steps) {
      const bound = members[by]?.bound as Bound;
      const [violation] = (await askKeys(tx, bound, [['0']])).values();
      expect(violation).toBeDefined();
      if (!violation) continue;
      if (to === model.gone) await removeRows(tx, bound.table, bound.key, [['0']]);
      else await setRows(tx, bound.table, bound.key, bound.sets, [['0']], [violation.wanted]);
      expect(await askKeys(tx, bound, [['0']])).toEqual(new Map());
      if (to === model.gone) continue;
      const { rows } = await tx.query<Record<string, string | null>>(
        `select ${columns.map(name => `${name}::text`).join(', ')} from c where id = 0`,
      );
      for (const { name, loose } of model.space.dimensions) {
        const [is, said] = [rows[0]?.[name], model.row(to)[name]];
        if (loose) expect(is === null).toBe(said === null);
        else expect(is).toBe(said);
      }
    }
    done++;
  }
  for (const { by, row } of judgement.rejected) {
    const bound = members[by]?.bound as Bound;
    if (!(await put(tx, model.row(row)))) continue;
    const [violation] = (await askKeys(tx, bound, [['0']])).values();
    await tx.query('savepoint refused');
    await expect(
      setRows(tx, bound.table, bound.key, bound.sets, [['0']], [violation?.wanted ?? {}]),
    ).rejects.toThrow(/violates/);
    await tx.query('rollback to savepoint refused');
    done++;
  }
  return done;
}

/** False: other columns keep it from being a row. */
async function put(tx: Tx, row: Readonly<Record<string, string | null>>): Promise<boolean> {
  await tx.query('delete from c where id = 0');
  await tx.query('savepoint row');
  try {
    const casts = { n: 'int', m: 'int', t: 'text', u: 'text', b: 'boolean', e: 'e', at: 'timestamptz' };
    await tx.query(
      `insert into c (id, ${columns.join(', ')}) values (0, ${columns.map((name, i) => `$${i + 1}::text::${casts[name]}`).join(', ')})`,
      columns.map(name => row[name] ?? null),
    );
    return true;
  } catch (error) {
    expect(sqlState(error)).toMatch(/^23/);
    await tx.query('rollback to savepoint row');
    return false;
  }
}
