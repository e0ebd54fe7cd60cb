-- evenkeel: should
-- says: A customer's orders, what they came to and when the last one was are those that weren't canceled
-- on: customers
-- heal: set
-- mode: heal
select c.id,
       count(o.id) as orders_count,
       coalesce(sum(o.total_cents), 0) as lifetime_cents,
       max(o.placed_at) as last_order_at
  from customers c
  left join orders o on o.customer_id = c.id and o.state <> 'canceled'
 group by c.id
