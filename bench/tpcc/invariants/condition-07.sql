-- evenkeel: broken
-- says: Lines belong to an order, and are delivered if and only if it has a carrier; asked order by order
-- on: orders
-- key: o_w_id, o_d_id, o_id
-- grace: 0s
select ol_w_id as o_w_id, ol_d_id as o_d_id, ol_o_id as o_id, count(*) as lines
  from order_line
  left join orders on o_w_id = ol_w_id and o_d_id = ol_d_id and o_id = ol_o_id
 where o_id is null or (ol_delivery_d is null) <> (o_carrier_id is null)
 group by ol_w_id, ol_d_id, ol_o_id
