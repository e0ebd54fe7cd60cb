-- evenkeel: broken
-- says: Of a payment that is pending for a day the gateway has said something
-- on: payments where status in ('PENDING', 'UNKNOWN')
-- heal: park ask the gateway, by reference or amount
-- mode: heal
-- every: 10m
select p.id, p.gateway_ref, p.created_at
  from payments p
 where p.status in ('PENDING', 'UNKNOWN')
   and p.created_at < now() - interval '1 day'
   and not exists (select from gateway_notifications g where g.gateway_ref = p.gateway_ref)
