-- evenkeel: should
-- says: An order's total is that of its items, less discounts
-- on: orders
-- heal: set
-- mode: heal
select o.id, coalesce(sum(round(i.price_cents * i.qty_ordered) - coalesce(i.discount_cents, 0)), 0) as total_cents
  from orders o
  left join order_items i on i.order_id = o.id
 group by o.id
