-- evenkeel: broken
-- says: A warehouse has taken what its districts have taken; conditions 8 and 9 know from history which side is wrong
-- on: warehouse
-- grace: 0s
select w_id, w_ytd, districts
  from (select w_id, w_ytd, (select sum(d_ytd) from district where d_w_id = w_id) as districts from warehouse) taken
 where w_ytd is distinct from districts
