-- evenkeel: should
-- says: An order counts its lines
-- on: orders
-- heal: set
-- mode: heal
-- guard: none
-- grace: 0s
select o_w_id, o_d_id, o_id,
       (select count(*) from order_line where ol_w_id = o_w_id and ol_d_id = o_d_id and ol_o_id = o_id) as o_ol_cnt
  from orders
