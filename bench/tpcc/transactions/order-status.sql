-- Clause 2.6: a customer's last order.
\set w random(1, :warehouses)
\set d random(1, 10)
\set c 1 + mod((random(0, 1023) | random(1, :customers)) + 259, :customers)
\set name mod((random(0, 255) | random(0, :names - 1)) + 223, :names)
\set named random(1, 100)
begin;
\if :named <= 60
select c_id as c, c_first, c_middle, c_balance from (
  select *, row_number() over (order by c_first) as r, count(*) over () as n from customer
   where c_w_id = :w and c_d_id = :d and c_last = c_last(:name::int)) named where r = (n + 1) / 2 \gset
\else
select c_first, c_middle, c_last, c_balance from customer where c_w_id = :w and c_d_id = :d and c_id = :c;
\endif
select o_id as o, o_entry_d, coalesce(o_carrier_id, 0) as carrier from orders
 where o_w_id = :w and o_d_id = :d and o_c_id = :c order by o_id desc limit 1 \gset
select ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_delivery_d from order_line
 where ol_w_id = :w and ol_d_id = :d and ol_o_id = :o;
commit;
