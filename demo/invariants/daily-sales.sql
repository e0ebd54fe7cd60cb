-- evenkeel: should
-- says: Each category has a row for each day, with what it sold
-- on: daily_sales
-- heal: set; insert; remove
-- mode: heal
-- guard: 2000/hour
-- grace: 0s
select c.id as category_id, d.day, coalesce(sum(l.quantity), 0) as units, coalesce(sum(l.cents), 0) as cents
  from categories c
  cross join trading_days d
  left join (order_lines l join products p on p.id = l.product_id) on p.category_id = c.id and l.sold_on = d.day
 group by c.id, d.day
