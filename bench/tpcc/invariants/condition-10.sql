-- evenkeel: should
-- says: A customer owes what was delivered less what was paid
-- on: customer
-- heal: set
-- mode: heal
-- guard: none
-- grace: 0s
select c_w_id, c_d_id, c_id,
       coalesce((select sum(ol_amount)
                   from orders join order_line on ol_w_id = o_w_id and ol_d_id = o_d_id and ol_o_id = o_id
                  where o_w_id = c_w_id and o_d_id = c_d_id and o_c_id = c_id and ol_delivery_d is not null), 0)
       - coalesce((select sum(h_amount) from history
                    where h_c_w_id = c_w_id and h_c_d_id = c_d_id and h_c_id = c_id), 0) as c_balance
  from customer
