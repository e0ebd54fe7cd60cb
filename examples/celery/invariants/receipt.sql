-- evenkeel: broken
-- says: A paid order has its receipt
-- on: orders
-- heal: celery shop.send_receipt(id, email) on mail limit mailgun 50/s within 5m
-- mode: heal
-- grace: 0s
select id, email from orders
 where paid_at < now() - interval '1 minute' and receipt_sent_at is null
