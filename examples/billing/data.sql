-- Books in order.
insert into stripe.customers (id, email, metadata) values
  ('cus_1', 'ada@example.org', '{"organization": "1"}'), ('cus_2', 'bob@example.org', '{"organization": "2"}'),
  ('cus_3', 'cy@example.org', '{}');
insert into stripe.subscriptions (id, customer, status, items, current_period_end, created) values
  ('sub_1', 'cus_1', 'active', '[{"price": {"lookup_key": "team", "unit_amount": 4900}, "quantity": 3}]', '2026-12-01Z', '2026-01-01Z'),
  ('sub_0', 'cus_1', 'canceled', '[{"price": {"lookup_key": "solo", "unit_amount": 900}, "quantity": 1}]', '2025-12-01Z', '2025-01-01Z'),
  ('sub_2', 'cus_2', 'canceled', '[{"price": {"lookup_key": "solo", "unit_amount": 900}, "quantity": 1}]', '2026-02-01Z', '2026-01-01Z');
insert into organizations (id, name, stripe_customer_id, subscription_status, subscription_price, subscription_cents, subscription_period_end) values
  (1, 'Acme', 'cus_1', 'active', 'team', 14700, '2026-12-01Z'), (2, 'Bakers', 'cus_2', 'canceled', 'solo', 900, '2026-02-01Z'),
  (3, 'Cy', 'cus_3', null, null, null, null), (4, 'By invoice', null, 'active', 'custom', 100000, null);

insert into payments (id, gateway_ref, status) values
  (1, 'gw_1', 'SUCCESS'), (2, 'gw_2', 'FAILED'), (3, 'gw_3', 'PENDING'), (4, null, 'PENDING');
insert into gateway_notifications (gateway_ref, payload, received_at) values
  ('gw_1', '{"result": "pending"}', '2026-01-01Z'), ('gw_1', '{"result": "captured"}', '2026-01-02Z'),
  ('gw_2', '{"result": "refused", "reason": "insufficient_funds"}', '2026-01-02Z'), ('gw_3', '{"result": "pending"}', now());

insert into accounts values ('cash', 4400), ('revenue', -5000), ('fees', 600), ('suspense', 0), ('unused', 0);
insert into transfers (id, what) values (1, 'invoice 1'), (2, 'fees of invoice 1');
insert into ledger_entries (transfer_id, account, amount) values
  (1, 'cash', 5000), (1, 'revenue', -5000), (2, 'cash', -600), (2, 'fees', 600);
