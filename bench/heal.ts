import { customerSpent, loadOrders, orderTotal } from './orders.ts';
import type { Row } from './report.ts';
import { type Stage, median, peakMiB } from './stage.ts';

const rows = 100_000;

/** 100,000 broken rows: healed, verified, cross-checked and journaled, beside a bare UPDATE of the same rows. */
export async function benchHeal(stage: Stage, rounds: number): Promise<Row[]> {
  const bare: number[] = [];
  const healed: number[] = [];
  const whole: number[] = [];
  await loadOrders(stage, rows);
  for (let i = 0; i < rounds; i++) {
    await stage.sql('vacuum analyze orders');
    bare.push(await stage.time(() => stage.sql('update orders set total = total + 1')));
    await stage.sql('vacuum analyze orders');
    const engine = await stage.engine({ 'order-total': orderTotal, 'customer-spent': customerSpent });
    let found = 0;
    const all = await stage.time(() =>
      engine.once(() => {
        found = performance.now();
      }),
    );
    healed.push((performance.now() - found) / 1000);
    whole.push(all);
    const [left] = await stage.sql('select count(*) as n from evenkeel.entry');
    if (Number(left?.['n']) !== rows * (i + 1))
      throw new Error(`journaled ${left?.['n']} of ${rows * (i + 1)}`);
  }
  const s = median(healed);
  return [
    { what: 'bare UPDATE, rows/s', value: Math.round(rows / median(bare)) },
    { what: 'healed, verified, cross-checked, journaled, rows/s', value: Math.round(rows / s) },
    {
      what: 'the same with finding them (sweep, ask again, list), rows/s',
      value: Math.round(rows / median(whole)),
    },
    { what: 'heal ÷ bare UPDATE, time', value: (s / median(bare)).toFixed(1) },
    { what: 'peak memory, MiB', value: peakMiB() },
  ];
}
