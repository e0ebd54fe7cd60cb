-- Books in order.
insert into accounting_periods values ('2025', '2026-01-01Z', true), ('2026', '2027-01-01Z', false);
insert into stock_ledger_entries (item_code, warehouse, posting_at, actual_qty, qty_after_transaction, stock_queue, voucher_no, is_cancelled) values
  ('FLOUR', 'Main', '2025-11-01Z', 100, 100, '[[100, 1.5]]', 'PR-1', false),
  ('FLOUR', 'Main', '2025-12-01Z', -40, 60, '[[60, 1.5]]', 'DN-1', false),
  ('FLOUR', 'Main', '2026-01-10Z', 20, 80, '[[60, 1.5], [20, 1.7]]', 'PR-2', false),
  ('FLOUR', 'Main', '2026-01-11Z', -10, 70, null, 'DN-9', true),
  ('FLOUR', 'Main', '2026-01-12Z', -0.5, 79.5, '[[59.5, 1.5], [20, 1.7]]', 'DN-2', false),
  ('FLOUR', 'Shop', '2026-01-12Z', 0.5, 0.5, '[[0.5, 1.5]]', 'DN-2', false),
  ('SALT', 'Main', '2026-02-01Z', 5, 5, '[[5, 0.2]]', 'PR-3', false),
  ('SALT', 'Main', '2026-02-01Z', -5, 0, '[]', 'DN-3', false);
insert into bins (item_code, warehouse, actual_qty, reserved_qty) values
  ('FLOUR', 'Main', 79.5, 3), ('FLOUR', 'Shop', 0.5, 0), ('SALT', 'Main', 0, 0), ('SUGAR', 'Main', 0, 0);
insert into vouchers values ('PR-2', '2026-01-10'), ('DN-2', '2026-01-12'), ('PR-3', '2026-02-01');
insert into gl_entries (voucher_no, account, debit, credit) values
  ('PR-2', 'Stock', 34, 0), ('PR-2', 'Creditors', 0, 34), ('DN-2', 'Cost of sales', 0.75, 0), ('DN-2', 'Stock', 0, 0.75),
  ('PR-3', 'Stock', 1, 0), ('PR-3', 'Creditors', 0, 1);
