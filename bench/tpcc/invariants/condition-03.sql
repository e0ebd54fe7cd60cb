-- evenkeel: broken
-- says: The undelivered orders of a district have no gap
-- on: district
-- grace: 0s
-- key: d_w_id, d_id
select no_w_id as d_w_id, no_d_id as d_id, min(no_o_id) as oldest, max(no_o_id) as newest, count(*) as orders
  from new_order
 group by no_w_id, no_d_id
having max(no_o_id) - min(no_o_id) + 1 <> count(*)
