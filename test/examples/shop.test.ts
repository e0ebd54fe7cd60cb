import { expect, test } from 'vitest';
import { keelOn } from '../support/keel.ts';
import { load } from './example.ts';
import { prove } from './prove.ts';

prove('shop', {
  'order-total': [
    {
      what: 'a line was removed, and the customer is healed with the order',
      sql: `delete from order_items where id = 2`,
      finds: { 1: ['differs', { total_cents: '2000' }] },
    },
    {
      what: 'no line is left',
      sql: `delete from order_items where order_id = 3`,
      finds: { 3: ['differs', { total_cents: '0' }] },
    },
    {
      what: 'a discount that is NULL',
      sql: `update order_items set discount_cents = null where id = 4; update orders set total_cents = 12 where id = 5`,
      finds: { 5: ['differs', { total_cents: '0' }] },
    },
  ],
  'customer-orders': [
    {
      what: 'the last order was canceled: the group is empty',
      sql: `update orders set state = 'canceled' where id = 3`,
      finds: { 2: ['differs', { orders_count: '0', lifetime_cents: '0', last_order_at: null }] },
    },
    {
      what: 'an order moved to another customer',
      sql: `update orders set customer_id = 3 where id = 1`,
      finds: {
        1: ['differs', { orders_count: '1', lifetime_cents: '1000' }],
        3: [
          'differs',
          { orders_count: '1', lifetime_cents: '3000', last_order_at: '2026-01-01 00:00:00+00' },
        ],
      },
    },
  ],
  reservation: [
    {
      what: 'the shipment was never booked',
      sql: `update order_items set qty_shipped = 2 where id = 3`,
      finds: { 3: ['broken', { appended: { sku: 'RYE', stock_id: '1', quantity: '1.0000' } }] },
    },
    {
      what: 'reserved twice',
      sql: `insert into inventory_reservations (stock_id, sku, quantity, metadata)
            values (1, 'SALT', -1, '{"event_type": "order_placed", "object_increment_id": "000000003"}')`,
      finds: { 4: ['broken', { appended: { sku: 'SALT', quantity: '1.0000' } }] },
    },
    {
      what: 'never reserved at all',
      sql: `insert into order_items (id, order_id, sku, price_cents, qty_ordered) values (9, 5, 'RYE', 0, 3)`,
      finds: { 9: ['broken', { appended: { quantity: '-3.0000' } }] },
    },
  ],
  'product-document': [
    {
      what: 'an older shape; NULL is no empty array',
      sql: `update product_documents set schema_version = 2, body = '{"title": "Salt"}', tags = null where product_id = 2`,
      finds: { 2: ['differs', { schema_version: '3', body: '{"name": "Salt", "price": 125}', tags: '{}' }] },
    },
    {
      what: 'a tag was taken off',
      sql: `delete from product_tags where tag = 'dark'`,
      finds: { 1: ['differs', { tags: '{bread}' }] },
    },
    {
      what: 'sold again',
      sql: `update products set enabled = true where id = 3`,
      finds: { 3: ['missing', { tags: '{}', body: '{"name": "Old bread", "price": 50}' }] },
    },
    {
      what: 'of no product',
      sql: `insert into product_documents (product_id, schema_version) values (99, 3)`,
      finds: { 99: ['extra', null] },
    },
  ],
  'wc-order': [
    {
      what: 'a field was changed in the older store only, another is not a number',
      sql: `update wp_postmeta set meta_value = '31.50' where post_id = 11 and meta_key = '_order_total';
            update wp_postmeta set meta_value = 'n/a' where post_id = 12 and meta_key = '_order_total'`,
      finds: {
        11: ['differs', { total_amount: '31.50000000', status: 'wc-completed' }],
        12: ['differs', { total_amount: null }],
      },
    },
    {
      what: 'an order that only the older store has, and one that only the newer has',
      sql: `insert into wp_posts values (14, 'shop_order', 'wc-on-hold'); insert into wc_orders (id, status) values (77, 'trash')`,
      finds: { 14: ['missing', { status: 'wc-on-hold', total_amount: null }], 77: ['extra', null] },
    },
  ],
});

test('line → order → customer is one transaction', async () => {
  const { db, invariants } = await load('shop');
  await db.sql('update order_items set price_cents = 2000 where id = 1');
  await keelOn(db, invariants).once();
  const entries = await db.sql('select invariant, because_of, xid from evenkeel.entry order by id');
  expect(entries).toMatchObject([
    { invariant: 'order-total', because_of: null },
    { invariant: 'customer-orders', because_of: 'order-total', xid: entries[0].xid },
  ]);
});
