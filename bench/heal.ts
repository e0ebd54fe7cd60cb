import { customerLarge, customerSpent, loadOrders, orderTotal } from './orders.ts';
import type { Row } from './report.ts';
import { type Stage, median, peakMiB } from './stage.ts';

const rows = 100_000;

/**
 * 100,000 broken order totals: healed, verified, cross-checked and journaled, beside a bare UPDATE of the same rows. In
 * the ordinary case the customers, who are cross-checked, are right before and after. In the worst case each of them was
 * broken together with the orders, so that every batch has to find out that it broke none.
 */
export async function benchHeal(stage: Stage, rounds: number): Promise<Row[]> {
  const bare: number[] = [];
  const ordinary = { healed: [] as number[], whole: [] as number[] };
  const worst = { healed: [] as number[], whole: [] as number[] };
  await loadOrders(stage, rows);
  let journaled = 0;
  const run = async (files: Readonly<Record<string, string>>, into: typeof ordinary) => {
    await stage.sql('vacuum analyze orders');
    bare.push(await stage.time(() => stage.sql('update orders set total = total + 1')));
    await stage.sql('vacuum analyze orders');
    const engine = await stage.engine(files);
    let found = 0;
    const all = await stage.time(() =>
      engine.once(() => {
        found = performance.now();
      }),
    );
    into.healed.push((performance.now() - found) / 1000);
    into.whole.push(all);
    journaled += rows;
    const [left] = await stage.sql('select count(*) as n from evenkeel.entry');
    if (Number(left?.['n']) !== journaled) throw new Error(`journaled ${left?.['n']} of ${journaled}`);
  };
  for (let i = 0; i < rounds; i++) {
    await run({ 'order-total': orderTotal, 'customer-large': customerLarge }, ordinary);
    await run({ 'order-total': orderTotal, 'customer-spent': customerSpent }, worst);
  }
  const speed = (seconds: readonly number[]) => Math.round(rows / median(seconds));
  return [
    { what: 'bare UPDATE, rows/s', value: speed(bare) },
    { what: 'healed, verified, cross-checked, journaled, rows/s', value: speed(ordinary.healed) },
    { what: 'the same where what is cross-checked was broken too, rows/s', value: speed(worst.healed) },
    {
      what: 'with finding them (sweep, ask again, list), rows/s',
      value: `${speed(ordinary.whole)} / ${speed(worst.whole)}`,
    },
    { what: 'heal ÷ bare UPDATE, time', value: (median(ordinary.healed) / median(bare)).toFixed(1) },
    { what: 'peak memory, MiB', value: peakMiB() },
  ];
}
