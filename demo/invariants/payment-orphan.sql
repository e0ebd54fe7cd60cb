-- evenkeel: broken
-- says: No payment outlives its order
-- on: payments
-- heal: remove
-- mode: heal
-- guard: 2000/hour
-- grace: 0s
select id, order_id from payments p
 where not exists (select from orders o where o.id = p.order_id)
