-- evenkeel: broken
-- says: A district has as many lines as its orders say; condition 6 knows which order is wrong
-- on: district
-- grace: 0s
select d_w_id, d_id, said, there
  from (select d_w_id, d_id,
               (select coalesce(sum(o_ol_cnt), 0) from orders where o_w_id = d_w_id and o_d_id = d_id) as said,
               (select count(*) from order_line where ol_w_id = d_w_id and ol_d_id = d_id) as there
          from district) d
 where said <> there
