insert into orders values
  (1, 'ana@example.org', 12.50, now() - interval '1 day', now() - interval '1 day'),
  (2, 'ben@example.org', 40.00, now() - interval '1 hour', null),  -- the worker was restarted at the wrong moment
  (3, 'cem@example.org', 7.25, null, null),
  (4, 'dea@example.org', 99.90, now() - interval '2 hours', null);
insert into invoices (order_id, number) values (1, 'R-1'), (2, 'R-2');
