-- evenkeel: broken
-- says: A paid order has its invoice
-- on: orders
-- heal: celery shop.make_invoice(order_id = id, total = total) within 10m
-- mode: heal
-- grace: 0s
select o.id, o.total from orders o left join invoices i on i.order_id = o.id
 where o.paid_at < now() - interval '1 minute' and i.order_id is null
