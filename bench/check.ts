import { check } from '../src/check/check.ts';
import { type Condition, possible } from '../src/check/prove.ts';
import { sitesOf } from '../src/check/site.ts';
import { transaction } from '../src/db/pool.ts';
import type { Row } from './report.ts';
import { type Stage, median, parseAll, peakMiB } from './stage.ts';

const tables = 100;

/** Thirty invariants of a dozen shapes over a schema of a hundred tables with checks, enums, domains and foreign keys. */
export async function benchCheck(stage: Stage, rounds: number): Promise<Row[]> {
  await stage.sql(schema());
  const invariants = parseAll(
    Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`i${i}`, invariant(i)])),
  );
  const limits = { readOnly: true, snapshot: true, statement: 30_000, idle: 60_000, schemas: ['public'] };
  const seconds: number[] = [];
  let findings = 0;
  for (let i = 0; i < rounds; i++) {
    findings = 0;
    seconds.push(
      await stage.time(() =>
        transaction(stage.pool, limits, async tx => {
          for (const one of invariants) findings += (await check(tx, one)).findings.length;
        }),
      ),
    );
  }
  const times: number[] = [];
  await transaction(stage.pool, limits, async tx => {
    const questions: Condition[] = [];
    for (const { sql } of invariants) {
      for (const site of (await sitesOf(tx, sql)).sites) {
        const parts = site.conjuncts.flatMap(({ text }) => {
          const source = site.about(text);
          return source
            ? [
                { ...source, parts: [text] },
                { ...source, parts: [`(${text}) is not true`] },
              ]
            : [];
        });
        questions.push(...parts, ...[site.across()].filter(one => one !== undefined));
      }
    }
    for (const one of questions) times.push((await stage.time(() => possible(tx, one))) * 1000);
  });
  return [
    { what: '30 invariants over 100 tables, s', value: median(seconds).toFixed(2) },
    { what: 'findings', value: findings },
    { what: 'questions to the prover', value: times.length },
    { what: 'one question, ms: median', value: median(times).toFixed(1) },
    { what: 'one question, ms: slowest', value: Math.max(...times).toFixed(1) },
    { what: 'peak memory, MiB', value: peakMiB() },
  ];
}

const schema = (): string =>
  [
    "create type stage as enum ('draft', 'live', 'gone'); create domain share as int check (value between 0 and 100)",
    ...Array.from(
      { length: tables },
      (
        _,
        i,
      ) => `create table t${i} (id int primary key check (id > 0), up int ${i > 0 ? `references t${i - 1}` : ''},
        state text not null check (state in ('open', 'paid', 'void')), kind text check (kind in ('a', 'b')), stage stage not null,
        active boolean not null, banned boolean not null, part share, low int not null, high int not null, net numeric(10,2) not null check (net >= 0),
        begun timestamptz not null, done timestamptz, note text, check (low < high), check (done >= begun), check (not (active and banned)),
        label text generated always as (case when banned then 'banned' else 'fine' end) stored, unique (up, note))`,
    ),
  ].join(';');

const shapes: ((n: number) => string)[] = [
  n => `select id from t${n} where state = 'payd'`,
  n => `select id from t${n} where kind <> 'a' and active`,
  n => `select id from t${n} where low > high or banned and label <> 'banned'`,
  n =>
    `select a.id from t${n} a join t${n - 1} b on b.id = a.up where a.state = 'open' and b.state = 'void' and a.low > b.high`,
  n => `select id from t${n} where done < now() - interval '1 hour' and stage <> 'gone'`,
  n => `select id from t${n} where part > 50 and net < 5 and state in ('open', 'paid')`,
  n =>
    `select a.id from t${n} a left join t${n - 1} b on b.id = a.up where b.id is null and a.up is not null`,
  n => `select id, case state when 'open' then 1 when 'paid' then 2 end as low from t${n} where high > 3`,
  n =>
    `select b.id, string_agg(a.note, ',') as note from t${n - 1} b join t${n} a on a.up = b.id where a.active group by b.id`,
  n => `select id from t${n} where id not in (select up from t${n} where stage = 'live')`,
  n => `select id from t${n} where state = 'open' and done is not null or state = 'paid' and done is null`,
  n =>
    `select a.id from t${n} a where exists (select from t${n} b where b.up = a.up and b.note = a.note and b.id <> a.id)`,
];

const invariant = (i: number): string => {
  const n = 1 + ((i * 7) % (tables - 1));
  return `-- evenkeel: broken\n-- says: Shape ${i}\n-- on: t${n}\n${shapes[i % shapes.length]?.(n)}`;
};
