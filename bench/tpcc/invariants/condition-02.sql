-- evenkeel: broken
-- says: A district's next order follows its newest one, which is the newest undelivered one if there is any
-- on: district
-- grace: 0s
select d_w_id, d_id, d_next_o_id, newest, newest_open
  from (select d_w_id, d_id, d_next_o_id,
               (select max(o_id) from orders where o_w_id = d_w_id and o_d_id = d_id) as newest,
               (select max(no_o_id) from new_order where no_w_id = d_w_id and no_d_id = d_id) as newest_open
          from district) d
 where d_next_o_id - 1 is distinct from coalesce(newest, 0) or newest_open <> d_next_o_id - 1
