import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Options } from '../options.ts';
import type { Report, Row } from '../report.ts';
import { check } from './conditions.ts';
import { type Ground, type Plot, openGround } from './ground.ts';
import { keel } from './keel.ts';
import { type Run, startMix } from './mix.ts';
import { drain } from './throughput.ts';

/** What is broken while the load runs. `$1` is a random number: rows are picked by it. */
interface Kind {
  readonly what: string;
  /** Whichever of them heals it. */
  readonly conditions: readonly number[];
  /** Returns `subject`, the key of what is broken. */
  readonly sql: string;
}

const w = '(select 1 + ($1::int % max(w_id)) from warehouse)';
const d = '1 + $1::int / 7 % 10';
const n = '1 + $1::int / 70 % 2000';

const kinds: readonly Kind[] = [
  {
    what: 'a balance (10, 12)',
    conditions: [10, 12],
    sql: `update customer set c_balance = c_balance + 1 where c_w_id = ${w} and c_d_id = ${d} and c_id = ${n}
          returning array[c_w_id, c_d_id, c_id]`,
  },
  {
    what: 'a count of lines (6)',
    conditions: [6],
    sql: `update orders set o_ol_cnt = o_ol_cnt + 1 where o_w_id = ${w} and o_d_id = ${d} and o_id = ${n}
          returning array[o_w_id, o_d_id, o_id]`,
  },
  {
    what: 'a lost line (6)',
    conditions: [6],
    sql: `delete from order_line where ol_w_id = ${w} and ol_d_id = ${d} and ol_o_id = ${n}
             and ol_number = (select max(l.ol_number) from order_line l
                               where l.ol_w_id = ${w} and l.ol_d_id = ${d} and l.ol_o_id = ${n})
          returning array[ol_w_id, ol_d_id, ol_o_id]`,
  },
  {
    what: 'an order that is no longer queued (5)',
    conditions: [5],
    // Deliveries come from the other end.
    sql: `delete from new_order where no_w_id = ${w} and no_d_id = ${d}
             and no_o_id = (select max(q.no_o_id) - 5 from new_order q where q.no_w_id = ${w} and q.no_d_id = ${d})
          returning array[no_w_id, no_d_id, no_o_id]`,
  },
  {
    what: "a district's sum, written all the time (9)",
    conditions: [9],
    sql: `update district set d_ytd = d_ytd + 1 where d_w_id = ${w} and d_id = ${d} returning array[d_w_id, d_id]`,
  },
  {
    what: "a warehouse's sum, written all the time (8)",
    conditions: [8],
    // Never by as much as districts: two totals that agree against history are left to a person.
    sql: `update warehouse set w_ytd = w_ytd + 0.01 where w_id = ${w} returning array[w_id]`,
  },
];

interface Injected {
  readonly kind: number;
  readonly xid: string;
  readonly subject: readonly number[];
}

/** One fault for so many transactions, whatever the machine can do. */
const every = 30;

export async function benchHealing(options: Options): Promise<Report> {
  const { seconds, clients, warehouses, pgBin } = options;
  const ground = await openGround(pgBin);
  try {
    const rate = options.rate ?? (await beside(ground, warehouses, saturated));
    return await beside(ground, warehouses, async plot => {
      const injected = await injectUnder(plot, { clients, rate, for: { seconds } });
      await drain(plot.pool);
      const left = await settled(plot.pool);
      const latencies = await healedAfter(plot.pool, injected);
      return {
        how: `${warehouses} ${warehouses === 1 ? 'warehouse' : 'warehouses'}, ${rate} transactions/s, ${seconds} s, ${injected.length} faults, \`grace: 0s\`; ${ground.described}`,
        rows: [
          ...kinds.map(({ what }, kind) =>
            line(
              what,
              latencies.filter(one => one.kind === kind),
            ),
          ),
          { what: 'conditions that are broken at the end', value: left.join(', ') || 'none' },
        ],
      };
    });

    async function saturated(plot: Plot): Promise<number> {
      const { tps } = await startMix(plot.url, plot.scale, { clients, for: { seconds } }).done;
      return Math.round(tps / 2);
    }
  } finally {
    await ground.close();
  }
}

/** With `evenkeel up` beside, on a fresh copy. */
async function beside<T>(ground: Ground, warehouses: number, work: (plot: Plot) => Promise<T>): Promise<T> {
  const plot = await ground.fresh(warehouses);
  const evenkeel = await keel(plot);
  try {
    return await work(plot);
  } finally {
    await evenkeel.stop();
  }
}

/** One fault after another, each a transaction of its own, for as long as the load runs. */
async function injectUnder(
  { pool, url, scale }: Plot,
  run: Run & { readonly rate: number },
): Promise<Injected[]> {
  const { rate } = run;
  await startMix(url, scale, { ...run, for: { seconds: 5 } }).done;
  const { done } = startMix(url, scale, run);
  const injected: Injected[] = [];
  const over = done.then(() => true);
  for (let i = 0; ; i++) {
    const kind = i % kinds.length;
    const values = [Math.floor(Math.random() * 2 ** 30)];
    const { rows } = await pool.query<{ xid: string; subject: number[] }>(
      `with hit (subject) as (${kinds[kind]?.sql})
       select pg_current_xact_id()::text as xid, subject from hit`,
      values,
    );
    // The line that was to be lost may have been.
    if (rows[0]) injected.push({ kind, ...rows[0] });
    if (await Promise.race([delay((1_000 * every) / rate, false), over])) return injected;
  }
}

/** Until what heals itself is healed, or two minutes have passed. Resolves to the conditions that are broken still. */
async function settled(pool: pg.Pool): Promise<number[]> {
  const heals = new Set(kinds.flatMap(({ conditions }) => conditions));
  for (const began = performance.now(); ; await delay(500)) {
    const left = Object.keys(await check(pool)).map(Number);
    if (!left.some(number => heals.has(number)) || performance.now() - began > 120_000) return left;
  }
}

interface Healed {
  readonly kind: number;
  /** Milliseconds between the two commits; null: never healed. */
  readonly ms: number | null;
}

/** The first heal of a subject that committed after the fault did has seen it: both hold the row's lock while they write. */
async function healedAfter(pool: pg.Pool, injected: readonly Injected[]): Promise<Healed[]> {
  const { rows } = await pool.query<{ kind: number; ms: string | null }>(
    `select f.kind, extract(epoch from min(pg_xact_commit_timestamp(e.xid::xid)) - f.at) * 1000 as ms
       from (select kind, pg_xact_commit_timestamp(xid::xid8::xid) as at, conditions, subject, n
               from jsonb_to_recordset($1) as x (n int, kind int, xid text, conditions text[], subject text[])) f
       left join evenkeel.entry e on e.invariant = any (f.conditions) and e.subject = f.subject
             and pg_xact_commit_timestamp(e.xid::xid) > f.at
      group by f.n, f.kind, f.at`,
    [
      JSON.stringify(
        injected.map(({ kind, xid, subject }, i) => ({
          n: i,
          kind,
          xid,
          conditions: kinds[kind]?.conditions.map(number => `condition-${String(number).padStart(2, '0')}`),
          subject: subject.map(String),
        })),
      ),
    ],
  );
  return rows.map(({ kind, ms }) => ({ kind, ms: ms === null ? null : Number(ms) }));
}

function line(what: string, latencies: readonly Healed[]): Row {
  const times = latencies.flatMap(({ ms }) => ms ?? []).sort((a, b) => a - b);
  const at = (share: number) => times[Math.ceil(times.length * share) - 1]?.toFixed(0) ?? '–';
  const never = latencies.length - times.length;
  const value = `${at(0.5)} · ${at(0.99)} · ${at(1)}${never > 0 ? `; ${never} never` : ''}`;
  return { what: `${what}: p50 · p99 · most, ms; of ${latencies.length}`, value };
}
