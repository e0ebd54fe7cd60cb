-- Clause 2.8: items of the last twenty orders that run low.
\set w random(1, :warehouses)
\set d random(1, 10)
\set threshold random(10, 20)
begin;
select d_next_o_id as next from district where d_w_id = :w and d_id = :d \gset
select count(distinct s_i_id) from order_line join stock on s_w_id = :w and s_i_id = ol_i_id and s_quantity < :threshold
 where ol_w_id = :w and ol_d_id = :d and ol_o_id >= :next::int - 20 and ol_o_id < :next::int;
commit;
