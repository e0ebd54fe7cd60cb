-- evenkeel: should
-- says: A customer's order count and lifetime value are those of its orders
-- on: customers
-- heal: set
-- mode: heal
-- guard: 2000/hour
-- grace: 0s
select c.id, count(o.id) as orders_count, coalesce(sum(o.total_cents), 0) as lifetime_cents
  from customers c left join orders o on o.customer_id = c.id
 group by c.id
