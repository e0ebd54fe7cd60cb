-- evenkeel: should
-- says: Orders without a carrier, and no others, wait for delivery
-- on: new_order
-- heal: insert
-- mode: heal
-- guard: none
-- grace: 0s
select o_w_id as no_w_id, o_d_id as no_d_id, o_id as no_o_id from orders where o_carrier_id is null
