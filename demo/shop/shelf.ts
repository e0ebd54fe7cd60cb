/**
 * What may be picked next. An order, a subscription or a membership is taken while something happens to it and put back after,
 * so that every decision falls the same in both shops. The gremlin puts nothing back: what it broke, nobody mends
 * by accident. Customers, products and daily sales are shared and hot.
 */
import type { Pool } from 'pg';
import type { Basket } from './operations.ts';

const plans = [
  ['basic', 900],
  ['pro', 2900],
  ['team', 9900],
] as const;

const tiers = [
  ['friend', 500],
  ['patron', 2500],
] as const;

export type Shelf = Awaited<ReturnType<typeof lookAround>>;

/** Reads what a fresh shop holds. */
export async function lookAround(shop: Pool) {
  const { rows } = await shop.query<{
    placed: number[];
    subscriptions: number[];
    memberships: number[];
    last_order: number;
    customers: number;
    products: number;
    categories: number;
    days: string[];
  }>(`select (select array_agg(id) from orders where status = 'placed') as placed,
             (select array_agg(id) from subscriptions) as subscriptions,
             (select array_agg(id) from memberships) as memberships,
             (select max(id) from orders) as last_order,
             (select max(id) from customers) as customers,
             (select max(id) from products) as products,
             (select max(id) from categories) as categories,
             (select array_agg(day::text order by day) from trading_days) as days`);
  const { placed, subscriptions, memberships, customers, products, categories, days, ...last } = rows[0]!;
  const pools = { orders: placed, subscriptions, memberships };
  let [lastOrder, lastSubscription] = [last.last_order, Math.max(...subscriptions)];

  return {
    today: days.at(-1)!,
    /** Removes one at random; undefined when all are in use. */
    take(pool: keyof typeof pools): number | undefined {
      const ids = pools[pool];
      const at = below(ids.length);
      const taken = ids[at];
      const last = ids.pop();
      if (at < ids.length) ids[at] = last!;
      return taken;
    },
    putBack(pool: keyof typeof pools, id: number) {
      pools[pool].push(id);
    },
    newOrder: () => ++lastOrder,
    newSubscription: () => ++lastSubscription,
    customer: () => 1 + below(customers),
    product: () => 1 + below(products),
    category: () => 1 + below(categories),
    /** Any day but today. */
    pastDay: () => days[below(days.length - 1)]!,
    plan: (): readonly [name: string, cents: number] => plans[below(plans.length)]!,
    tier: (): readonly [name: string, cents: number] => tiers[below(tiers.length)]!,
    basket(size = 1 + below(4)): Basket {
      const products = Array.from({ length: size }, this.product);
      return { products, quantities: products.map(() => 1 + below(3)) };
    },
  };
}

/** A whole number from 0 to n - 1. */
export function below(n: number): number {
  return Math.floor(Math.random() * n);
}
