import { loadOrders, orderTotal } from './orders.ts';
import type { Row } from './report.ts';
import { type Stage, median, peakMiB } from './stage.ts';

const orders = 300_000;

/** A full chunked sweep beside one run of the bare query, over three million child rows. */
export async function benchSweep(stage: Stage, rounds: number): Promise<Row[]> {
  await loadOrders(stage, orders, 10);
  const query = orderTotal.replace(/^--.*\n/gm, '');
  const bare: number[] = [];
  const swept: number[] = [];
  for (let i = 0; i < rounds; i++) {
    bare.push(
      await stage.time(() =>
        stage.sql(
          `select count(*) from (${query}) s join orders o on o.id = s.id where o.total is distinct from s.total`,
        ),
      ),
    );
    const engine = await stage.engine({ 'order-total': orderTotal });
    swept.push(await stage.time(() => engine.once()));
  }
  return [
    { what: 'one run of the bare query, s', value: median(bare).toFixed(2) },
    { what: 'full chunked sweep, unthrottled, s', value: median(swept).toFixed(2) },
    { what: 'sweep ÷ query', value: median(swept.map((s, i) => s / (bare[i] ?? 1))).toFixed(2) },
    { what: 'peak memory, MiB', value: peakMiB() },
  ];
}
