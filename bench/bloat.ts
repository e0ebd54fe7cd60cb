import { readConfig } from '../src/config.ts';
import { migrate } from '../src/db/migrate.ts';
import { createPool } from '../src/db/pool.ts';
import { find } from '../src/find/find.ts';
import { wardOf } from '../src/heal/batch.ts';
import { Healers } from '../src/heal/healers.ts';
import { journal } from '../src/journal/record.ts';
import { createLog } from '../src/log.ts';
import { Bindings } from '../src/roster/bindings.ts';
import { stand } from '../src/roster/roster.ts';
import { loadOrders, orderTotal } from './orders.ts';
import type { Row } from './report.ts';
import { type Stage, parseAll, peakMiB } from './stage.ts';

const rows = 1000;

/** The same thousand rows healed again and again: what becomes of the size of ledger and journal. */
export async function benchBloat(stage: Stage, rounds: number): Promise<Row[]> {
  await loadOrders(stage, rows);
  const config = readConfig({ DATABASE_URL: stage.url, EVENKEEL_LOG: 'quiet', EVENKEEL_REPEATS: '1000000' });
  const pool = createPool(stage.url, config.pool);
  const log = createLog('quiet');
  try {
    await migrate(pool);
    const bindings = new Bindings(pool, parseAll({ 'order-total': orderTotal }), log);
    await bindings.refresh();
    await bindings.standing(bounds => stand(pool, { id: crypto.randomUUID(), version: 'bench' }, bounds, []));
    await stage.sql('update evenkeel.invariant set proved_at = now()');
    const healers = new Healers(wardOf(pool, bindings, config, journal), bindings, config, log);
    const [bound] = bindings.own;
    if (!bound) throw new Error('nothing is bound');
    const keys = Array.from({ length: rows }, (_, i) => [String(i + 1)]);
    const times = rounds * 100;
    const sizes: { ledger: number; perEntry: number }[] = [];
    const seconds = await stage.time(async () => {
      for (let i = 1; i <= times; i++) {
        await stage.sql('update orders set total = total + 1');
        await find(pool, bound, keys, 5_000);
        await healers.drain();
        if (i === 1 || i % Math.max(1, Math.floor(times / 10)) === 0) sizes.push(await size(stage));
      }
    });
    const [left] = await stage.sql('select count(*) as n from evenkeel.entry');
    if (Number(left?.['n']) !== times * rows) throw new Error(`journaled ${left?.['n']} of ${times * rows}`);
    return [
      { what: `heals of the same ${rows} rows`, value: times * rows },
      { what: 'heals/s, breaking and finding included', value: Math.round((times * rows) / seconds) },
      {
        what: 'ledger with indexes, MiB: after 1 round, most, last',
        value: spread(sizes.map(one => one.ledger)),
      },
      {
        what: 'journal, bytes an entry with indexes: first tenth, last',
        value: edges(sizes.map(one => one.perEntry)),
      },
      { what: 'peak memory, MiB', value: peakMiB() },
    ];
  } finally {
    await pool.end();
  }
}

async function size(stage: Stage): Promise<{ ledger: number; perEntry: number }> {
  const [row] = await stage.sql(
    `select pg_total_relation_size('evenkeel.violation') as ledger,
            pg_total_relation_size('evenkeel.entry')::float8 / greatest(1, (select count(*) from evenkeel.entry)) as per`,
  );
  return { ledger: Number(row?.['ledger']) / 2 ** 20, perEntry: Number(row?.['per']) };
}

const spread = (all: number[]) =>
  `${all[0]?.toFixed(1)}, ${Math.max(...all).toFixed(1)}, ${all.at(-1)?.toFixed(1)}`;
const edges = (all: number[]) => `${all[1]?.toFixed(0)}, ${all.at(-1)?.toFixed(0)}`;
