-- evenkeel: should
-- says: What is on hand of a product is the sum of its movements
-- on: products
-- heal: set
-- mode: heal
-- guard: 2000/hour
-- grace: 0s
select p.id, coalesce(sum(m.quantity), 0) as on_hand
  from products p left join stock_movements m on m.product_id = p.id
 group by p.id
