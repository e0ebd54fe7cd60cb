-- A shop in order.
insert into customers (id, email, orders_count, lifetime_cents, last_order_at) values
  (1, 'ada@example.org', 2, 4000, '2026-01-02Z'), (2, 'bob@example.org', 1, 500, '2026-01-03Z'), (3, 'cy@example.org', 0, 0, null);
insert into orders (id, customer_id, increment_id, state, total_cents, placed_at) values
  (1, 1, '000000001', 'complete', 3000, '2026-01-01Z'), (2, 1, '000000002', 'processing', 1000, '2026-01-02Z'),
  (3, 2, '000000003', 'new', 500, '2026-01-03Z'), (4, 2, '000000004', 'canceled', 700, '2026-01-04Z'),
  (5, null, '000000005', 'new', 0, '2026-01-05Z');
insert into order_items (id, order_id, sku, price_cents, discount_cents, qty_ordered, qty_shipped, qty_canceled) values
  (1, 1, 'RYE', 1000, null, 2, 2, 0), (2, 1, 'SALT', 1250, 250, 1, 1, 0), (3, 2, 'RYE', 500, null, 2, 1, 0),
  (4, 3, 'SALT', 500, 0, 1, 0, 0), (5, 4, 'RYE', 700, null, 1, 0, 1);
insert into inventory_reservations (stock_id, sku, quantity, metadata)
  select 1, i.sku, e.quantity, jsonb_build_object('event_type', e.event_type, 'object_type', 'order', 'object_increment_id', o.increment_id)
    from order_items i join orders o on o.id = i.order_id
    cross join lateral (values ('order_placed', -i.qty_ordered), ('shipment_created', i.qty_shipped),
                               ('order_canceled', i.qty_canceled)) e(event_type, quantity)
   where e.quantity <> 0;

insert into products (id, sku, name, price_cents, attributes, enabled) values
  (1, 'RYE', 'Rye bread', 500, '{"weight": 750, "organic": true}', true), (2, 'SALT', 'Salt', 125, '{}', true),
  (3, 'OLD', 'Old bread', 50, '{}', false);
insert into product_tags values (1, 'bread'), (1, 'dark');
insert into product_documents (product_id, body, tags, schema_version) values
  (1, '{"name": "Rye bread", "price": 500, "weight": 750, "organic": true}', '{bread,dark}', 3),
  (2, '{"name": "Salt", "price": 125}', '{}', 3);

insert into wp_posts values (11, 'shop_order', 'wc-completed'), (12, 'shop_order', 'wc-pending'), (13, 'page', 'publish');
insert into wp_postmeta (post_id, meta_key, meta_value) values
  (11, '_order_total', '30.00'), (11, '_order_currency', 'EUR'), (11, '_billing_email', 'ada@example.org'),
  (12, '_order_total', '5.00'), (12, '_order_currency', 'EUR'), (13, '_order_total', '1.00');
insert into wc_orders values (11, 'wc-completed', 'EUR', 30, 'ada@example.org'), (12, 'wc-pending', 'EUR', 5, null);
