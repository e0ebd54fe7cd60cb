import type pg from 'pg';
import { type Bound, bind } from '../../../src/ask/bind.ts';
import { sqlState, transaction } from '../../../src/db/pool.ts';
import type { Invariant } from '../../../src/declare/invariant.ts';
import { EvenkeelError } from '../../../src/errors.ts';
import { Tape } from '../tape.ts';
import { classes, views, wild } from './classes.ts';
import type { Crowd } from './crowd.ts';
import { deed, fill } from './deeds.ts';
import { type Ledger, Repeated, Trace, note, truth } from './ledger.ts';
import { Pieces } from './pieces.ts';
import { type Hearing, type Told, tablesOf } from './told.ts';
import { type World, column, world } from './world.ts';

/** A random query over a world, bound; `traits`: what it is counted under. */
export interface Asked {
  readonly bound: Bound;
  readonly traits: readonly string[];
}

export const limits = { statement: 10_000, lock: 10_000, idle: 60_000, snapshot: true };

/** As many numbers as a world may take; the same for the same seed (mulberry32). */
export function tapeOf(seed: number): Tape {
  let state = seed >>> 0;
  return new Tape(
    Array.from({ length: 60_000 }, () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) % 1_000_003;
    }),
  );
}

/** How often each class was tried, in which way. */
export class Counts {
  readonly derived = new Map<string, number>();
  readonly changed = new Map<string, number>();
  readonly swept = new Map<string, number>();
  readonly blind = new Map<string, Map<string, number>>();
  refused = 0;
  repeated = 0;

  add(map: Map<string, number>, traits: readonly string[]): void {
    for (const one of traits) map.set(one, (map.get(one) ?? 0) + 1);
  }
}

export interface Ground {
  readonly pool: pg.Pool;
  readonly crowd: Crowd;
  readonly hearing: Hearing;
  readonly counts: Counts;
}

/** Makes a world, its rows, and a query of each class. */
export async function settle(
  { pool, hearing, counts }: Pick<Ground, 'pool' | 'hearing' | 'counts'>,
  seed: number,
): Promise<{ made: World; asked: Asked[]; tape: Tape; ddl: string }> {
  const tape = tapeOf(seed);
  const made = world(tape, `p${seed}`);
  const pieces = new Pieces(tape, made);
  const path = `set local search_path = "${made.schema}", public`;
  const ddl = [made.ddl, ...views(pieces, made)].join('\n');
  const rows = fill(tape, made);
  const all = `${path}; ${ddl} ${hearing.ddl(made)}`;
  await pool.query(all).catch((error: unknown) => {
    const at = Number((error as { position?: string }).position ?? 0);
    throw new Error(`${ddl}\n… ${all.slice(Math.max(0, at - 200), at)} <<< ${all.slice(at, at + 60)}`, {
      cause: error,
    });
  });
  for (const text of rows.split(';\n'))
    await pool.query(text).catch((error: unknown) => {
      if (!/^(23|21)/.test(sqlState(error) ?? '')) throw new Error(text, { cause: error });
    });
  const asked: Asked[] = [];
  const wilds = Array.from({ length: 10 }, () => ['wild', wild] as const);
  for (const [name, write] of [...Object.entries(classes), ...wilds]) {
    const invariant = invariantOf(tape, made, name, write(pieces));
    try {
      const bound = await transaction(pool, { ...limits, schemas: [made.schema, 'public'] }, tx =>
        bind(tx, invariant, [made.schema, 'public']),
      );
      asked.push({
        bound,
        traits: [name, ...made.traits, invariant.form, ...(invariant.on.where ? ['on … where'] : [])],
      });
      if (bound.scope.blind.length > 0) {
        const whys = counts.blind.get(name) ?? new Map<string, number>();
        counts.blind.set(name, whys);
        for (const { why } of bound.scope.blind) whys.set(why, (whys.get(why) ?? 0) + 1);
      }
    } catch (error) {
      const state = error instanceof EvenkeelError ? sqlState(error.cause) : sqlState(error);
      if (!state?.startsWith('2')) throw new Error(`${ddl}\n${name}\n${invariant.sql}`, { cause: error });
      counts.refused++;
    }
  }
  return { made, asked, tape, ddl };
}

function invariantOf(tape: Tape, made: World, name: string, sql: string): Invariant {
  const { governed, key } = made;
  const should = tape.chance(40) && governed.primary.length > 0;
  const names = key.map(role => column(governed, role)?.quoted ?? '');
  const n = column(governed, 'n')?.quoted;
  const list = [
    ...names.map((one, i) => `z.k${i} as ${one}`),
    `z.v as ${should || tape.chance(50) ? n : 'why'}`,
  ];
  // Some give their columns through one more level, some by a WITH.
  const text = `select ${list.join(', ')} from (${sql}) z`;
  const s = column(governed, 's')?.quoted;
  const where = tape.chance(30)
    ? tape.pick(
        [
          `${n} is not null`,
          `${s} = 'paid' or ${n} > 1`,
          `exists (select from ${made.tables.item.quoted} i where i.${column(made.tables.item, 'n')?.quoted} is null and ${n} = 1) or true`,
        ].slice(0, 2),
      )
    : undefined;
  return {
    name,
    says: 'Random',
    form: should ? 'should' : 'broken',
    sql: text,
    on: { table: governed.quoted, where },
    key: key.map(role => column(governed, role)?.name ?? ''),
    heal: [],
    mode: 'observe',
    guard: null,
    graceMs: 0,
    everyMs: undefined,
    touches: [],
    place: { file: 'random.sql' },
  };
}

/** One world's life: a few rounds of transactions, after each of which the ledgers have to say what the full queries say. */
export async function trial(ground: Ground, seed: number, rounds: number): Promise<void> {
  const { pool, crowd, hearing, counts } = ground;
  const { made, asked, tape, ddl } = await settle(ground, seed);
  const schemas = [made.schema, 'public'];
  const unfollowed = await hearing.start(
    made,
    asked.map(({ bound }) => bound),
  );
  const ledgers = new Map<Asked, Ledger | undefined>();
  const traces = new Map(asked.map(one => [one, new Trace(one.bound)]));
  const full = (one: Asked): Promise<Ledger | undefined> =>
    transaction(pool, { ...limits, schemas }, tx => truth(tx, one.bound)).catch((error: unknown) => {
      if (error instanceof Repeated) counts.repeated++;
      else if (!sqlState(error)?.startsWith('2')) throw new Error(one.bound.invariant.sql, { cause: error });
      return undefined;
    });
  for (const one of asked) ledgers.set(one, await full(one));

  for (let round = 0; round < rounds; round++) {
    crowd.history = [];
    const heard: Told[] = [];
    const swept = new Set(asked.filter(({ bound }) => unfollowed.has(bound)));
    const touched = new Set<Asked>();
    const keysOf = new Map<Asked, string[]>();
    const before = new Map([...ledgers].map(([one, ledger]) => [one, ledger && new Map(ledger)]));
    const rowsBefore = await dump(pool, made);
    const look = async () => {
      const told = await hearing.hear();
      if (told.transactions.length === 0 && told.all.size === 0) return;
      heard.push(told);
      for (const one of asked) {
        const ledger = ledgers.get(one);
        if (!ledger || swept.has(one)) continue;
        const costs = { ...one.bound.costs, ...tape.pick([{}, { lateral: 0 }, { any: -1 }]) };
        await transaction(pool, { ...limits, schemas }, async tx => {
          const keys = await traces.get(one)?.keys(tx, told);
          if (!keys) return void swept.add(one);
          keysOf.set(one, [...(keysOf.get(one) ?? []), ...keys.keys()]);
          if (one.bound.scope.reads.some(({ name }) => tablesOf(told).has(name))) touched.add(one);
          if (keys.size > 0) await note(tx, { ...one.bound, costs }, ledger, keys);
        }).catch((error: unknown) => {
          const repeated = error instanceof EvenkeelError && error.code === 'key-repeated';
          if (repeated) counts.repeated++;
          else if (!(error instanceof EvenkeelError) && !sqlState(error)?.startsWith('2'))
            throw new Error(one.bound.invariant.sql, { cause: error });
          swept.add(one);
        });
      }
    };
    await crowd.act(tape, 16 + tape.int(16), () => deed(tape, made), look);
    await look();
    for (const one of asked) {
      const truly = await full(one);
      const ledger = ledgers.get(one);
      if (swept.has(one)) counts.add(counts.swept, one.traits);
      else if (truly && ledger && touched.has(one)) {
        counts.add(counts.derived, one.traits);
        if (!same(truly, before.get(one))) counts.add(counts.changed, one.traits);
      }
      if (truly && ledger && !swept.has(one) && !same(truly, ledger)) {
        throw new Error(
          [
            `seed ${seed}, round ${round}, ${one.traits.join(', ')}`,
            ddl,
            rowsBefore,
            `-- ${one.bound.invariant.form} where ${one.bound.invariant.on.where}`,
            one.bound.invariant.sql,
            ...one.bound.scope.paths.map(
              path => `path ${path.relation.name}: ${path.key.join()} ${path.joins.join(' ')}`,
            ),
            `blind ${JSON.stringify(one.bound.scope.blind)}`,
            ...crowd.history,
            `truth, not in ledger: ${[...truly]
              .filter(([id, text]) => ledger.get(id) !== text)
              .map(([, text]) => text)
              .join('  ')}`,
            `ledger, not true: ${[...ledger]
              .filter(([id, text]) => truly.get(id) !== text)
              .map(([, text]) => text)
              .join('  ')}`,
            `derived: ${(keysOf.get(one) ?? []).join(' ')}`,
            `told: ${JSON.stringify(heard.map(({ transactions }) => transactions.map(changes => changes.map(({ table, ...rest }) => ({ table: [table.relation.name, ...table.columns, ...table.extra], ...rest })))))}`,
          ].join('\n'),
        );
      }
      ledgers.set(one, truly);
    }
  }
  await pool.query(`set client_min_messages = error; drop schema "${made.schema}" cascade`);
}

const same = (a: Ledger, b: Ledger | undefined): boolean =>
  b !== undefined && a.size === b.size && [...a].every(([id, text]) => b.get(id) === text);

async function dump(pool: pg.Pool, { tables }: World): Promise<string> {
  const lines: string[] = [];
  for (const { quoted, columns } of Object.values(tables)) {
    const list = columns.map(one => one.quoted).join(', ');
    const { rows } = await pool
      .query<{ r: string }>(`select (${list})::text as r from (select ${list} from ${quoted}) x`)
      .catch(() => ({ rows: [] }));
    lines.push(`-- ${quoted} (${list}): ${rows.map(({ r }) => r).join(' ')}`);
  }
  return lines.join('\n');
}
