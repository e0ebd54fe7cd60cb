-- evenkeel: broken
-- says: What a customer owes and has paid is what was delivered; history tells which of the two is wrong
-- on: customer
-- heal: set c_balance, c_ytd_payment
-- mode: heal
-- guard: none
-- grace: 0s
select c_w_id, c_d_id, c_id, delivered - paid as c_balance, paid as c_ytd_payment
  from (select c_w_id, c_d_id, c_id, c_balance as owed, c_ytd_payment as said,
               coalesce((select sum(ol_amount)
                           from orders join order_line on ol_w_id = o_w_id and ol_d_id = o_d_id and ol_o_id = o_id
                          where o_w_id = c_w_id and o_d_id = c_d_id and o_c_id = c_id and ol_delivery_d is not null), 0) as delivered,
               coalesce((select sum(h_amount) from history
                          where h_c_w_id = c_w_id and h_c_d_id = c_d_id and h_c_id = c_id), 0) as paid
          from customer) c
 where owed + said <> delivered
