-- evenkeel: should
-- says: What is reserved of a product is what placed orders wait for
-- on: products
-- heal: set
-- mode: heal
-- guard: 2000/hour
-- grace: 0s
select p.id, coalesce(sum(l.quantity), 0) as reserved
  from products p
  left join (order_lines l join orders o on o.id = l.order_id and o.status = 'placed') on l.product_id = p.id
 group by p.id
