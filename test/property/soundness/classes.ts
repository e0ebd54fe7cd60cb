import type { Pieces } from './pieces.ts';
import { type Rows, nested } from './rows.ts';
import type { World } from './world.ts';

/**
 * A query of each class that is asked by key. Each gives the key as `k0`, `k1` …, at most one row a key, and a number `v`.
 * Below its own shape it is as random as `Pieces` makes it.
 */
export const classes: Readonly<Record<string, (p: Pieces) => string>> = {
  'group by … having': p => p.grouped(p.rows(1), 1),
  'join, grouped': p => {
    const [a, b] = [p.governed, p.rows(1)];
    const side = p.tape.pick(['', 'left ']);
    const by = side && !p.wild ? a.key : p.tape.pick([a.key, b.key]);
    return `select ${as(by)}, ${p.aggregate(b)} as v from ${a.from} ${side}join ${nested(b)} on ${p.link(a, b)}${p.where(a, 1)} group by ${by.join(', ')}${p.having(b)}`;
  },
  'left join of a grouped sub-query': p => {
    const a = p.governed;
    const b = p.derived(p.grouped(p.rows(1), 1));
    return `select ${as(a.key)}, ${b.numbers[0]} as v from ${a.from} left join ${b.from} on ${p.link(a, b)} where ${a.numbers[0]} is distinct from coalesce(${b.numbers[0]}, 0)`;
  },
  'correlated sub-selects': p => {
    const a = p.governed;
    const b = p.rows(1);
    const c = p.rows(1);
    return `select ${as(a.key)}, (select ${p.aggregate(b)} from ${b.from}${p.where(b, 1, [p.link(b, a)])}) as v from ${a.from} where ${a.numbers[0]} ${p.tape.pick(['<>', 'is distinct from', '>='])} (select ${p.aggregate(c)} from ${c.from}${p.where(c, 1, [p.link(c, a)])})`;
  },
  exists: p => filtered(p, a => `exists (${p.correlated(a, 1, '1')})`),
  'not exists': p => filtered(p, a => `not exists (${p.correlated(a, 1, '')})`),
  'an orphan': p => {
    const [a, b] = [p.rows(0), p.governed];
    return `select ${as(a.key)}, count(*) as v from ${a.from}${p.where(a, 0, [`not exists (select from ${b.from} where ${p.link(b, a)})`])} group by ${a.key.join(', ')}`;
  },
  'in a grouped sub-query': p =>
    filtered(p, a => {
      const b = p.rows(1);
      return `${p.list(a.key)} in (select ${b.key.join(', ')} from ${b.from}${p.where(b, 1)} group by ${b.key.join(', ')}${p.having(b)})`;
    }),
  union: p => bare(p, 'union'),
  'union all': p =>
    `select ${p.keyNames.join(', ')}, sum(v) as v from (${p.operation('union all', 1)}) u group by ${p.keyNames.join(', ')}`,
  intersect: p => bare(p, p.tape.pick(['intersect', 'intersect all'])),
  except: p => bare(p, p.tape.pick(['except', 'except all'])),
  'cte once': p => {
    const [a, b] = [p.governed, p.derived(undefined, 'q')];
    return `with q as ${hint(p)}(${unique(p)}) select ${as(a.key)}, ${b.numbers[0]} as v from ${a.from} ${p.tape.pick(['', 'left '])}join ${b.from} on ${p.link(a, b)}${p.where(a, 0)}`;
  },
  'cte twice': p => {
    const [a, b, c] = [p.governed, p.derived(undefined, 'q'), p.derived(undefined, 'q')];
    return `with q as ${hint(p)}(${unique(p)}) select ${as(a.key)}, ${b.numbers[0]} as v from ${a.from} left join ${b.from} on ${p.link(a, b)} where not exists (select from ${c.from} where ${p.link(c, a)} and ${c.numbers[0]} > 1)`;
  },
  'window by the key': p => p.windowed(p.rows(1), 1),
  'distinct on': p => {
    const rows = p.rows(1);
    return `select distinct on (${rows.key.join(', ')}) ${as(rows.key)}, ${p.number(rows)} as v from ${rows.from}${p.where(rows, 1)} order by ${rows.key.join(', ')}, v`;
  },
  'lateral … limit 1': p => {
    const [a, b] = [p.governed, p.rows(1)];
    const n = p.number(b);
    const body = `select ${n} as v from ${b.from}${p.where(b, 0, [p.link(b, a)])} order by 1 ${p.tape.pick(['', 'desc'])} limit 1`;
    return p.tape.pick([
      `select ${as(a.key)}, l.v from ${a.from} left join lateral (${body}) l on true where l.v is distinct from ${a.numbers[0]}`,
      `select ${as(a.key)}, l.v from ${a.from}, lateral (${body}) l${p.where(a, 0)}`,
    ]);
  },
  'self-join': p => {
    const name =
      p.world.key[0] === 'c'
        ? p.tape.pick(['acct', 'entry', 'event'] as const)
        : p.tape.pick(['entry', 'hold', 'event'] as const);
    const [a, b] = [p.table(name), p.table(name)];
    return `select ${as(a.key)}, count(*) as v from ${a.from} ${p.tape.pick(['', 'left '])}join ${b.from} on ${p.link(a, b)} and ${a.numbers[0]} < ${b.numbers[0]}${p.where(b, 0)} group by ${a.key.join(', ')}${p.having(a)}`;
  },
  'one table in many places': p => {
    const name = p.world.key[0] === 'c' ? 'entry' : p.tape.pick(['entry', 'hold', 'event'] as const);
    const a = p.governed;
    const [b, c, d] = [p.table(name), p.table(name), p.table(name)];
    return `select ${as(a.key)}, (select count(*) from ${b.from} where ${p.link(a, b)}) as v from ${a.from} where exists (select from ${c.from} where ${p.link(a, c)} and ${p.condition(c, 0)}) or ${p.list(a.key)} ${p.tape.pick(['in', '= any'])} (select ${d.key.join(', ')} from ${d.from} where ${p.link(d, a)}${p.tape.pick(['', ` and ${p.condition(d, 0)}`])})`;
  },
  'two hops': p => p.grouped(p.hops(1), 0),
  'three hops': p => p.grouped(p.hops(2), 0),
  'a view over views': p => {
    const rows = p.derived(undefined, p.views.at(-1));
    return p.grouped(rows, 1);
  },
  'a partitioned table': p => {
    const a = p.governed;
    const b = p.table('event');
    return `select ${as(a.key)}, (select sum(${b.numbers[0]}) from ${b.from} where ${p.link(a, b)}) as v from ${a.from}${p.where(a, 0)}`;
  },
  'a partition': p => {
    const table = p.world.tables.event;
    const b = p.table('event');
    const from = b.from.replace(
      /^.*(?= (?:as )?\S+$)/,
      () => `"${p.world.schema}".${quoted(p.tape.pick(table.partitions))}`,
    );
    return p.grouped({ ...b, from }, 0);
  },
  'right join': p => {
    const [a, b] = [p.governed, p.derived(unique(p))];
    return `select ${as(a.key)}, ${b.numbers[0]} as v from ${nested(b)} right join ${a.from} on ${p.link(a, b)}${p.where(a, 1)}`;
  },
  'full join': p => {
    const [a, b] = [p.governed, p.derived(unique(p))];
    const key = a.key.map((one, i) =>
      p.tape.chance(50) ? `coalesce(${one}, ${b.key[i]})` : `coalesce(${b.key[i]}, ${one})`,
    );
    return `select ${as(key)}, ${b.numbers[0]} as v from ${a.from} full join ${b.from} on ${a.key.map((one, i) => `${one} = ${b.key[i]}`).join(' and ')}${p.tape.pick(['', ` where ${a.numbers[0]} is distinct from ${b.numbers[0]}`])}`;
  },
  using: p =>
    merged(p, side => [` ${side}join `, ` using (${p.keyNames.join(', ')})`], [
      '',
      'left ',
      'right ',
      'full ',
    ]),
  natural: p => merged(p, side => [` natural ${side}join `, ''], ['', 'left ', 'right ', 'full ']),
  'rows compared': p => {
    const [a, b] = [p.governed, p.rows(1)];
    return `select ${as(a.key)}, ${p.aggregate(b)} as v from ${a.from} join ${nested(b)} on (${[...a.key, '1'].join(', ')}) = (${[...b.key, '1'].join(', ')})${p.where(b, 0)} group by ${a.key.join(', ')}`;
  },
};

/**
 * Queries of the same shapes whose tables meet by other columns than the key too, or not at all: most lead nowhere, and the
 * derivation has to know which.
 */
export function wild(p: Pieces): string {
  p.wild = true;
  const sql = p.tape.pick(Object.values(classes))(p);
  p.wild = false;
  return sql;
}

const as = (key: readonly string[]): string => key.map((one, i) => `${one} as k${i}`).join(', ');

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const hint = (p: Pieces): string => p.tape.pick(['', 'materialized ', 'not materialized ']);

const unique = (p: Pieces): string => p.grouped(p.rows(1), 1);

/** Governed rows for which something holds. */
function filtered(p: Pieces, condition: (a: Rows) => string): string {
  const a = p.governed;
  return `select ${as(a.key)}, ${a.numbers[0]} as v from ${a.from}${p.where(a, 0, [condition(a)])}`;
}

/** Two sets of keys; grouped arms give each key once. */
function bare(p: Pieces, operator: string): string {
  const arms = [0, 1].map(() => {
    const rows = p.rows(1);
    return `(select ${as(rows.key)} from ${rows.from}${p.where(rows, 1)} group by ${rows.key.join(', ')})`;
  });
  return `select ${p.keyNames.join(', ')}, 1 as v from (${arms.join(` ${operator} `)}) u`;
}

function merged(p: Pieces, join: (side: string) => string[], sides: readonly string[]): string {
  const [a, b] = [unique(p), unique(p)].map((sql, i) => {
    const alias = p.alias();
    return `(${sql}) ${alias} (${[...p.keyNames, `v${i}`].join(', ')})`;
  });
  const [between = '', after = ''] = join(p.tape.pick(sides));
  return `select ${p.keyNames.join(', ')}, coalesce(v0, v1) as v from ${a}${between}${b}${after}`;
}

/** Views for a world: the last is a view over the one before it. */
export function views(p: Pieces, world: World): string[] {
  const schema = quoted(world.schema);
  const ddl: string[] = [];
  for (const [name, sql] of [
    ['w0', () => p.source(1).sql],
    ['w1', () => p.grouped(p.derived(undefined, 'w0'), 1)],
  ] as const) {
    ddl.push(`create view ${schema}.${name} as ${sql()};`);
    p.views.push(name);
  }
  return ddl;
}
