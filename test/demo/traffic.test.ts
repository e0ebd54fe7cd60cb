import { describe, expect, it } from 'vitest';
import { lookAround } from '../../demo/shop/shelf.ts';
import { startTraffic } from '../../demo/shop/traffic.ts';
import { twins, wrongByInvariants, wrongByRules } from './twins.ts';

describe('traffic', () => {
  it('breaks nothing by itself, however many act at once, and leaves both shops alike', async () => {
    const shops = await twins();
    const traffic = startTraffic(shops, await lookAround(shops.watched), {
      lanes: 8,
      pauseMs: 0,
      operations: 800,
    });
    await traffic.done;

    expect(traffic.committed).toBeGreaterThan(800);
    for (const shop of [shops.watched, shops.bare]) {
      expect(await wrongByRules(shop)).toEqual([]);
      expect(await wrongByInvariants(shop)).toEqual([]);
    }

    const sums = async (shop: typeof shops.watched) =>
      (
        await shop.query(`select
          (select array[count(*), sum(orders_count), sum(lifetime_cents)] from customers) as customers,
          (select array[sum(on_hand), sum(reserved)] from products) as products,
          (select array[count(*), sum(total_cents), count(*) filter (where status = 'placed')] from orders) as orders,
          (select array[count(*), count(*) filter (where status = 'captured')] from payments) as payments,
          (select array[count(*), sum(cents)] from billing_mirror) as subscriptions,
          (select array[sum(units), sum(cents)] from daily_sales) as days`)
      ).rows;
    expect(await sums(shops.bare)).toEqual(await sums(shops.watched));
  });
});
