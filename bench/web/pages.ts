import { randomBytes } from 'node:crypto';
import { customerSpent, loadOrders, orderTotal } from '../orders.ts';
import type { Row } from '../report.ts';
import { type Stage, median } from '../stage.ts';

const open = 10_000;
const entries = 1_000_000;

/** 10,000 open violations and 1,000,000 journal entries: how long each page takes until its last byte. */
export async function benchWeb(stage: Stage, rounds: number): Promise<Row[]> {
  const files = { 'order-total': orderTotal, 'customer-spent': customerSpent };
  await loadOrders(stage, 50_000);
  await (await stage.engine(files)).once();
  await fill(stage);
  const web = await stage.web(files);
  const [entry] = await stage.sql(
    'select max(id) as id, (select max(id) from evenkeel.violation) as violation from evenkeel.entry',
  );
  const middle = Number(entry?.['id']) - entries / 2;
  const pages = {
    overview: '/',
    waiting: '/waiting',
    'waiting, one invariant, an older page': `/waiting?invariant=order-total&before=${Number(entry?.['violation']) - 5_000}`,
    'an invariant': '/invariants/order-total',
    journal: '/journal',
    'journal, in the middle': `/journal?before=${middle}`,
    'journal, of the rarer invariant': '/journal?invariant=customer-spent',
    'journal, of a table': '/journal?table=customers',
    'journal, of a key': '/journal?key=777',
    'journal, since a minute': '/journal?since=1m',
    'journal, of a table without any': '/journal?table=lines&since=3d',
    "a row's story": `/row?entry=${entry?.['id']}`,
    causes: '/causes',
    limits: '/limits',
    metrics: '/metrics',
  };
  const rows: Row[] = [];
  try {
    for (const [name, path] of Object.entries(pages)) {
      const took: number[] = [];
      for (let i = 0; i < 2 + rounds; i++) {
        // No two are the same, so that none is one that was just made.
        const at = `${web.url}${path}${path.includes('?') ? '&' : '?'}n=${randomBytes(4).toString('hex')}`;
        const started = performance.now();
        const response = await fetch(at);
        const text = await response.text();
        if (!response.ok || text === '') throw new Error(`${path}: ${response.status}`);
        if (i >= 2) took.push(performance.now() - started);
      }
      rows.push({ what: `${name}, ms`, value: median(took).toFixed(0) });
    }
  } finally {
    await web.stop();
  }
  return rows;
}

/** As if they had been found and healed over three days; one in a thousand is the customers'. */
async function fill(stage: Stage): Promise<void> {
  await stage.sql(`insert into evenkeel.violation (invariant, key, state, kind, evidence, wanted, due_at, cause)
    select 'order-total', array[g::text], case when g % 10 = 0 then 'parked' else 'open' end, 'differs', '{"total": "1.5"}', '{"total": "4.5"}',
           now(), jsonb_build_object('xid', g::text, 'at', now(), 'table', 'public.lines', 'operation', 'update')
      from generate_series(1, ${open}) g on conflict do nothing`);
  await stage.sql(`insert into evenkeel.entry (at, invariant, hash, action, table_name, key, key_columns, before, after, subject, opened_at, decided_by, cause)
    select now() - interval '3 days' * (${entries} - g) / ${entries}, i, 'x', 'set', t, array[k], '{id}', '{"total": "1.5"}', '{"total": "4.5"}', array[k],
           now() - interval '3 days' * (${entries} - g) / ${entries} - interval '1 second', 'evenkeel',
           jsonb_build_object('xid', g::text, 'at', now() - interval '3 days' * (${entries} - g) / ${entries}, 'table', 'public.lines', 'operation', 'update')
      from (select g, (g % 50000)::text as k, case when g % 1000 = 0 then 'customer-spent' else 'order-total' end as i,
                   case when g % 1000 = 0 then 'public.customers' else 'public.orders' end as t from generate_series(1, ${entries}) g) x`);
  await stage.sql(`insert into evenkeel.pulse (invariant, minute, opened, healed) select i, m, 5, 5
    from unnest('{order-total,customer-spent}'::text[]) i, generate_series(date_trunc('minute', now()) - interval '2 days', now(), interval '1 minute') m on conflict do nothing`);
  await stage.sql('vacuum analyze evenkeel.violation, evenkeel.entry, evenkeel.pulse');
}
