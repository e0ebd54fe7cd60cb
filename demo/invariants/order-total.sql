-- evenkeel: should
-- says: An order's total is the sum of its lines
-- on: orders
-- heal: set
-- mode: heal
-- guard: 2000/hour
-- grace: 0s
select o.id, coalesce(sum(l.cents), 0) as total_cents
  from orders o left join order_lines l on l.order_id = o.id
 group by o.id
