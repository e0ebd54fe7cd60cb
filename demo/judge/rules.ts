/**
 * The judge's own idea of what is wrong, for each invariant: as books that don't balance, where Evenkeel compares
 * with what should be. Nothing here reads what Evenkeel says. The same queries count and look at single rows.
 */
import type { Pool } from 'pg';

interface Rule {
  /** The columns that `wrong` gives, with their types: the subject. */
  readonly key: readonly (readonly [name: string, type: string])[];
  /** One row for each subject that is wrong. */
  readonly wrong: string;
}

const id = [['id', 'int']] as const;

export const rules = {
  'order-total': {
    key: id,
    wrong: `select id from (select id, total_cents as cents from orders
                            union all select order_id, -cents from order_lines) b
            group by id having sum(cents) <> 0`,
  },
  'customer-account': {
    key: id,
    wrong: `select id from (select id, orders_count as n, lifetime_cents as cents from customers
                            union all select customer_id, -1, -total_cents from orders) b
            group by id having sum(n) <> 0 or sum(cents) <> 0`,
  },
  'product-on-hand': {
    key: id,
    wrong: `select id from (select id, on_hand as n from products
                            union all select product_id, -quantity from stock_movements) b
            group by id having sum(n) <> 0`,
  },
  'product-reserved': {
    key: id,
    wrong: `select id from (select id, reserved as n from products
                            union all select l.product_id, -l.quantity from order_lines l
                              join orders o on o.id = l.order_id where o.status = 'placed') b
            group by id having sum(n) <> 0`,
  },
  'payment-orphan': {
    key: id,
    wrong: 'select p.id from payments p left join orders o on o.id = p.order_id where o.id is null',
  },
  'payment-stuck': {
    key: id,
    wrong: `select id from payments where status = 'capturing' and now() - claimed_at > interval '1 minute'`,
  },
  'billing-mirror': {
    key: id,
    wrong: `select distinct id
              from (select id, customer_id, plan, cents, status, 1 as n from subscriptions
                    union all select id, customer_id, plan, cents, status, -1 from billing_mirror) b
             group by id, customer_id, plan, cents, status having sum(n) <> 0`,
  },
  membership: {
    key: id,
    wrong: `select id from (select id, tier, cents, 1 as n from memberships
                            union all select id, tier, cents, -1 from provider.memberships) b
            group by id, tier, cents having sum(n) > 0`,
  },
  'daily-sales': {
    key: [
      ['category_id', 'int'],
      ['day', 'date'],
    ],
    wrong: `select category_id, day
              from (select category_id, day, 1 as present, units, cents from daily_sales
                    union all select c.id, d.day, -1, 0, 0 from categories c, trading_days d
                    union all select p.category_id, l.sold_on, 0, -l.quantity, -l.cents
                      from order_lines l join products p on p.id = l.product_id) b
             group by category_id, day having sum(present) <> 0 or sum(units) <> 0 or sum(cents) <> 0`,
  },
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof rules;
const ruleNames = Object.keys(rules) as RuleName[];

/** How many subjects of each rule are wrong in this shop, all in one snapshot. */
export async function countWrong(shop: Pool): Promise<Record<RuleName, number>> {
  const counts = ruleNames.map(name => `(select count(*)::int from (${rules[name].wrong}) w) as "${name}"`);
  const { rows } = await shop.query<Record<RuleName, number>>(`select ${counts.join(', ')}`);
  return rows[0]!;
}

export const sum = (counts: Record<string, number>) => Object.values(counts).reduce((all, n) => all + n, 0);

export interface Subject {
  readonly rule: RuleName;
  /** As text. */
  readonly key: readonly string[];
}

/** Everything that is wrong in this shop. */
export async function wrongSubjects(shop: Pool): Promise<Subject[]> {
  const found = ruleNames.map(async rule => {
    const { key, wrong } = rules[rule];
    const columns = key.map(([column]) => `${column}::text`).join(', ');
    const { rows } = await shop.query<Subject>(`select array[${columns}] as key from (${wrong}) w`);
    return rows.map(({ key }) => ({ rule, key }));
  });
  return (await Promise.all(found)).flat();
}

/** Whether one subject (its key as text) is right in this shop. */
export async function isRight(shop: Pool, name: RuleName, subject: readonly string[]): Promise<boolean> {
  const { key, wrong } = rules[name];
  const match = key.map(([column, type], i) => `w.${column} = $${i + 1}::${type}`).join(' and ');
  const { rows } = await shop.query<{ right: boolean }>(
    `select not exists (select from (${wrong}) w where ${match}) as right`,
    [...subject],
  );
  return rows[0]!.right;
}
