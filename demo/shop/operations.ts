/**
 * What the shop does, each as a list of writes that belong in one transaction. Plain values: traffic commits
 * them whole; the gremlin commits them with one write forgotten, as a worker does that dies halfway.
 *
 * Correct under concurrency at READ COMMITTED: counters move by atomic increments, and rows are locked in one
 * order everywhere: order, customer, products by id, daily sales by key.
 */
export interface Write {
  /** What it does, for people and for the gremlin to pick from. */
  readonly does: string;
  readonly sql: string;
  readonly values: readonly unknown[];
}

export interface Basket {
  readonly products: readonly number[];
  readonly quantities: readonly number[];
}

/** The lines of a basket, priced; `$1` products, `$2` quantities. */
const basket = `select p.id, p.category_id, b.quantity, b.quantity * p.price_cents as cents
  from unnest($1::int[], $2::int[]) b(product, quantity) join products p on p.id = b.product`;

/** What an order holds, by product and by category; `$1` the order. */
const held = `select l.product_id as id, p.category_id, sum(l.quantity)::int as quantity, sum(l.cents) as cents
  from order_lines l join products p on p.id = l.product_id where l.order_id = $1 group by 1, 2`;

export function place(order: number, customer: number, day: string, lines: Basket): Write[] {
  return [
    {
      does: 'order',
      sql: `insert into orders (id, customer_id, status, placed_on) values ($1, $2, 'placed', $3)`,
      values: [order, customer, day],
    },
    {
      does: 'customer count',
      sql: 'update customers set orders_count = orders_count + 1 where id = $1',
      values: [customer],
    },
    ...addLines(order, lines),
    {
      does: 'payment',
      sql: `insert into payments (id, order_id, cents, status) select id, id, total_cents, 'pending' from orders where id = $1`,
      values: [order],
    },
  ];
}

export function addLines(order: number, { products, quantities }: Basket): Write[] {
  const values = [products, quantities, order];
  return [
    ...lock(order, 'unnest($1::int[])', products),
    {
      does: 'lines',
      sql: `insert into order_lines (order_id, product_id, sold_on, quantity, cents)
        select o.id, b.id, o.placed_on, b.quantity, b.cents from orders o, (${basket}) b where o.id = $3`,
      values,
    },
    {
      does: 'order total',
      sql: `update orders set total_cents = total_cents + (select sum(cents) from (${basket}) b) where id = $3`,
      values,
    },
    {
      does: 'customer lifetime value',
      sql: `update customers set lifetime_cents = lifetime_cents + (select sum(cents) from (${basket}) b)
         where id = (select customer_id from orders where id = $3)`,
      values,
    },
    {
      does: 'reserve',
      sql: `update products p set reserved = reserved + b.quantity
          from (select id, sum(quantity) as quantity from (${basket}) b group by 1) b where b.id = p.id`,
      values: [products, quantities],
    },
    { does: 'roll-up', sql: rollUp(basket, 1, '$3'), values },
  ];
}

/** The order leaves the house: what was reserved is gone from the shelf. */
export function ship(order: number): Write[] {
  const values = [order];
  return [
    ...lock(order, '(select product_id from order_lines where order_id = $1)', order),
    { does: 'status', sql: `update orders set status = 'shipped' where id = $1`, values },
    {
      does: 'movements',
      sql: `insert into stock_movements (product_id, quantity, why)
        select id, -quantity, 'order ' || $1::int from (${held}) h`,
      values,
    },
    {
      does: 'stock',
      sql: `update products p set on_hand = on_hand - h.quantity, reserved = reserved - h.quantity
          from (${held}) h where h.id = p.id`,
      values,
    },
  ];
}

/** Deletes an order that was placed, and all that belongs to it. */
export function withdraw(order: number): Write[] {
  const values = [order];
  return [
    ...lock(order, '(select product_id from order_lines where order_id = $1)', order),
    {
      does: 'customer',
      sql: `update customers c set orders_count = orders_count - 1, lifetime_cents = lifetime_cents - o.total_cents
          from orders o where o.id = $1 and c.id = o.customer_id`,
      values,
    },
    {
      does: 'unreserve',
      sql: `update products p set reserved = reserved - h.quantity from (${held}) h where h.id = p.id`,
      values,
    },
    { does: 'roll-up', sql: rollUp(held, -1, '$1'), values },
    { does: 'lines', sql: 'delete from order_lines where order_id = $1', values },
    { does: 'payment', sql: 'delete from payments where order_id = $1', values },
    { does: 'order', sql: 'delete from orders where id = $1', values },
  ];
}

/** A payment is claimed in one transaction and captured in the next, `ago` an interval. */
export function claim(payment: number, by: string, ago = '0 s'): Write[] {
  return [
    {
      does: 'claim',
      sql: `update payments set status = 'capturing', claimed_by = $2, claimed_at = now() - $3::interval
         where id = $1 and status = 'pending'`,
      values: [payment, by, ago],
    },
  ];
}

export function capture(payment: number): Write[] {
  return [
    {
      does: 'capture',
      sql: `update payments set status = 'captured', claimed_by = null, claimed_at = null where id = $1`,
      values: [payment],
    },
  ];
}

export function restock(product: number, quantity: number): Write[] {
  return [
    {
      does: 'movement',
      sql: `insert into stock_movements (product_id, quantity, why) values ($1, $2, 'delivery')`,
      values: [product, quantity],
    },
    {
      does: 'stock',
      sql: 'update products set on_hand = on_hand + $2 where id = $1',
      values: [product, quantity],
    },
  ];
}

export function subscribe(subscription: number, customer: number, plan: string, cents: number): Write[] {
  const values = [subscription, customer, plan, cents];
  return [
    { does: 'subscription', sql: `insert into subscriptions values ($1, $2, $3, $4, 'active')`, values },
    { does: 'mirror', sql: `insert into billing_mirror values ($1, $2, $3, $4, 'active')`, values },
  ];
}

export function changePlan(subscription: number, plan: string, cents: number): Write[] {
  const values = [subscription, plan, cents];
  const sets = `set plan = $2, cents = $3, status = 'active' where id = $1`;
  return [
    { does: 'subscription', sql: `update subscriptions ${sets}`, values },
    { does: 'mirror', sql: `update billing_mirror ${sets}`, values },
  ];
}

/** Somebody changes it at the provider, whose webhook tells the shop. */
export function changeTier(membership: number, tier: string, cents: number): Write[] {
  const values = [membership, tier, cents];
  const sets = 'set tier = $2, cents = $3 where id = $1';
  return [
    { does: 'at the provider', sql: `update provider.memberships ${sets}`, values },
    { does: 'webhook', sql: `update memberships ${sets}`, values },
  ];
}

/** The nightly job that writes a group of the roll-up anew. */
export function rebuild(category: number, day: string): Write[] {
  const values = [category, day];
  return [
    { does: 'clear', sql: 'delete from daily_sales where category_id = $1 and day = $2', values },
    {
      does: 'fill',
      sql: `insert into daily_sales select $1, $2, coalesce(sum(l.quantity), 0), coalesce(sum(l.cents), 0)
          from order_lines l join products p on p.id = l.product_id and p.category_id = $1 where l.sold_on = $2`,
      values,
    },
  ];
}

/** Takes the rows that an operation on an order counts in, in the order in which all do. `products` reads `$1`. */
function lock(order: number, products: string, value: unknown): Write[] {
  const ids = `select p from ${products} as l(p)`;
  return [
    { does: 'lock', sql: 'select from orders where id = $1 for no key update', values: [order] },
    {
      does: 'lock',
      sql: 'select from customers where id = (select customer_id from orders where id = $1) for no key update',
      values: [order],
    },
    {
      does: 'lock',
      sql: `select from products where id in (${ids}) order by id for no key update`,
      values: [value],
    },
    {
      does: 'lock',
      sql: `select from daily_sales where day = (select placed_on from orders where id = $2)
           and category_id in (select category_id from products where id in (${ids}))
         order by category_id for no key update`,
      values: [value, order],
    },
  ];
}

/** `order` is the parameter that holds the order, whose day it is. */
function rollUp(lines: string, sign: 1 | -1, order: '$1' | '$3'): string {
  return `update daily_sales d set units = d.units + ${sign} * s.units, cents = d.cents + ${sign} * s.cents
    from (select category_id, sum(quantity) as units, sum(cents) as cents from (${lines}) b group by 1) s
   where d.category_id = s.category_id and d.day = (select placed_on from orders where id = ${order})`;
}
