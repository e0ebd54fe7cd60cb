import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { type Pool, createPool, sqlState, transaction } from '../../src/db/pool.ts';
import { type Bound, bind } from '../../src/ask/bind.ts';
import { askWhole } from '../../src/ask/ask.ts';
import { find } from '../../src/find/find.ts';
import { type Ward, healBatch } from '../../src/heal/batch.ts';
import { inOrder } from '../../src/heal/order.ts';
import { journal } from '../../src/journal/record.ts';
import { stand } from '../../src/roster/roster.ts';
import { pidOf } from '../support/blocked.ts';
import { freshDatabase } from '../support/database.ts';
import type { Shop } from './shop.ts';
import { quoted } from './tables.ts';
import type { Tape } from './tape.ts';

export interface Arena {
  readonly pool: Pool;
  /** Rows of a statement. */
  // oxlint-disable-next-line typescript/no-explicit-any -- a test knows the shape of what it selects
  readonly sql: (text: string, values?: unknown[]) => Promise<any[]>;
  readonly writers: readonly pg.Client[];
  /** Their backends. */
  readonly pids: ReadonlySet<string>;
}

/** A database for a file of storms, with the ledger in it and three writers connected. */
export async function enter(): Promise<Arena> {
  const db = await freshDatabase();
  await db.sql(`alter database "${db.name}" set search_path = shop, public`);
  const pool = createPool(db.url, 12);
  afterAll(() => pool.end());
  await migrate(pool);
  const writers = await Promise.all([1, 2, 3].map(() => db.client()));
  const pids = new Set((await Promise.all(writers.map(pidOf))).map(String));
  return { pool, writers, pids, sql: async (text, values = []) => (await pool.query(text, values)).rows };
}

/** Everything of the last case is gone: the shop's schema, the ledger, the journal. */
export async function open(pool: Pool, shop: Shop): Promise<Bound[]> {
  await pool.query(`
    drop schema if exists shop cascade; create schema shop;
    truncate evenkeel.violation, evenkeel.entry, evenkeel.pulse, evenkeel.leave, evenkeel.alert, evenkeel.invariant,
      evenkeel.definition, evenkeel.process, evenkeel.lease restart identity;
    ${shop.ddl}`);
  const bounds = await transaction(pool, { statement: 10_000, schemas: ['shop'] }, async tx => {
    const made: Bound[] = [];
    for (const invariant of shop.invariants) made.push(await bind(tx, invariant, ['shop']));
    return inOrder(made);
  });
  await stand(pool, { id: randomUUID(), version: 'test' }, bounds, []);
  await pool.query('update evenkeel.invariant set proved_at = clock_timestamp()');
  return bounds;
}

/** A process that looks at everything and heals what it may, over and over, until `done` and nothing is left to do. */
export async function keep(pool: Pool, bounds: readonly Bound[], done: () => boolean): Promise<void> {
  const ward: Ward = { pool, all: () => bounds, journal, repeats: 1_000, lockedMs: 1_000 };
  let size = 8;
  for (let last = false; !last;) {
    last = done();
    for (const bound of bounds) await look(pool, bound);
    for (const bound of bounds) {
      const { collided } = await healBatch(ward, bound, size, undefined);
      size = collided ? Math.max(1, size >> 1) : Math.min(8, size * 2);
    }
  }
}

async function look(pool: Pool, bound: Bound): Promise<void> {
  const keys = await transaction(pool, { statement: 5_000, readOnly: true, schemas: ['shop'] }, tx =>
    askWhole(tx, bound),
  );
  const { rows } = await pool.query<{ key: string[] }>(
    'select key from evenkeel.violation where invariant = $1',
    [bound.name],
  );
  await find(pool, bound, [...keys, ...rows.map(row => row.key)], 5_000);
}

/** Heals until nothing moves any more; backoffs are not waited for. */
export async function settle(pool: Pool, bounds: readonly Bound[]): Promise<void> {
  for (let i = 0; i < 12; i++) {
    await pool.query(
      `update evenkeel.violation set due_at = clock_timestamp() - interval '1 second' where state in ('open', 'approved')`,
    );
    const before = await state(pool);
    await keep(pool, bounds, () => true);
    if (before === (await state(pool))) return;
  }
}

const state = async (pool: Pool): Promise<string> =>
  JSON.stringify(
    (
      await pool.query(
        `select (select count(*) from evenkeel.entry), (select array_agg((invariant, key, state, attempts)::text order by id) from evenkeel.violation)`,
      )
    ).rows,
  );

/** What a writer did that can be checked afterwards. */
export interface Log {
  /** Increments of `hits` that were committed. */
  hits: number;
  /** Of rows that were deleted. */
  gone: number;
  drops: number;
  /** Transactions that Postgres refused. */
  failed: string[];
}

/** Random transactions of an application: correct ones, and such that forget a counter or write a wrong one. */
export async function write(
  client: pg.Client,
  shop: Shop,
  tape: Tape,
  count: number,
  log: Log,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const one = { hits: 0, gone: 0, drops: 0 };
    try {
      await client.query('begin');
      await deed(client, shop, tape, one);
      await client.query('commit');
      log.hits += one.hits;
      log.gone += one.gone;
      log.drops += one.drops;
    } catch (error) {
      const why = sqlState(error);
      if (why === undefined) throw error;
      log.failed.push(`${why} ${(error as pg.DatabaseError).message} ${(error as pg.DatabaseError).detail}`);
      await client.query('rollback');
    }
  }
}

async function deed(client: pg.Client, shop: Shop, tape: Tape, log: Omit<Log, 'failed'>): Promise<void> {
  const { key, ref, counting } = shop;
  const [one, two] = [tape.pick(shop.keys), tape.pick(shop.keys)];
  const is = (names: readonly string[], values: readonly string[]) =>
    names.map((name, i) => `${name} = ${quoted(values[i] ?? '')}`).join(' and ');
  const list = (values: readonly string[]) => values.map(quoted).join(', ');
  // Every writer locks the parents first, in one order; so a heal that has locked one sees all that happens to it.
  await client.query(
    `select from p where (${key.join(', ')}) in ((${list(one)}), (${list(two)})) order by ${key.join(', ')} for no key update`,
  );
  const honest = tape.chance(50) && !counting;
  const amount = 1 + tape.int(9);
  const kind = tape.weighed({
    hit: 4,
    child: 6,
    move: 4,
    less: 3,
    parent: 3,
    drop: 1,
    spoil: 4,
    pay: 3,
    family: 1,
    label: 2,
    head: 2,
    mirror: 1,
    orphan: 1,
  });
  switch (kind) {
    case 'hit':
      log.hits += (await client.query(`update p set hits = hits + 1 where ${is(key, one)}`)).rowCount ?? 0;
      break;
    case 'child': {
      const parent = tape.chance(10) ? ref.map(() => 'null').join(', ') : list(one);
      if (
        !parent.startsWith('null') &&
        (await client.query(`select from p where ${is(key, one)}`)).rowCount === 0 &&
        shop.cascade !== 'none'
      )
        break;
      await client.query(
        `insert into c (id, ${ref.join(', ')}, amount) values (${tape.int(1_000_000)}, ${parent}, ${amount})`,
      );
      if (honest)
        await client.query(`update p set n = n + 1, total = total + ${amount} where ${is(key, one)}`);
      break;
    }
    case 'move':
      if ((await client.query(`select from p where ${is(key, two)}`)).rowCount === 0) break;
      await client.query(
        `update c set ${ref.map((name, i) => `${name} = ${quoted(two[i] ?? '')}`).join(', ')}, amount = amount + ${tape.int(2)}
          where id = (select min(id) from c where ${is(ref, one)}) and ${is(ref, one)}`,
      );
      break;
    case 'less':
      await client.query(
        `delete from c where id = (select max(id) from c where ${is(ref, one)}) and ${is(ref, one)}`,
      );
      if (honest)
        await client.query(
          `update p set n = (select count(*) from c where ${is(ref, one)}) where ${is(key, one)}`,
        );
      break;
    case 'parent':
      await client.query(
        `insert into p (${key.join(', ')}, g_id, label, n) values (${list(one)}, ${1 + tape.int(2)}, 'new', ${tape.int(3)}) on conflict do nothing`,
      );
      break;
    case 'drop': {
      const { rows } = await client.query<{ hits: number }>(
        `delete from p where ${is(key, one)} returning hits`,
      );
      log.gone += rows[0]?.hits ?? 0;
      log.drops += rows.length;
      break;
    }
    case 'spoil':
      await client.query(
        `update p set n = ${tape.pick(['n + 1', 'null', '0', '7'])}, total = ${tape.pick(['total', 'null', '1'])} where ${is(key, one)}`,
      );
      break;
    case 'pay':
      await client.query(`update p set paid = paid + ${amount} where ${is(key, one)}`);
      break;
    case 'family':
      await client.query(`update p set g_id = ${tape.pick(['1', '2', 'null'])} where ${is(key, one)}`);
      break;
    case 'label':
      await client.query(
        `update p set label = ${tape.pick([`'x'`, `''`, 'null'])}, status = ${tape.pick([`'ok'`, `'gone'`, 'null'])} where ${is(key, one)}`,
      );
      break;
    case 'head':
      await client.query(`update p set head = true where ${is(key, one)}`);
      break;
    case 'mirror':
      await client.query(
        tape.pick([
          `delete from m where ${is(ref, one)}`,
          `insert into m (${ref.join(', ')}, label) values (${list(one)}, 'stray') on conflict do nothing`,
        ]),
      );
      break;
    case 'orphan':
      if (shop.cascade === 'none')
        await client.query(
          `insert into c (id, ${ref.join(', ')}, amount) values (${tape.int(1_000_000)}, ${list(one)}, 1)`,
        );
      break;
  }
}
