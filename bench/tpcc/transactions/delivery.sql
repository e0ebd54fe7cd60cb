-- Clause 2.7: the oldest order of each district, all ten in one transaction. What another delivery takes is skipped.
\set w random(1, :warehouses)
\set carrier random(1, 10)
begin;
with gone as (
  delete from new_order using generate_series(1, 10) d
   where no_w_id = :w and no_d_id = d
     and no_o_id = (select min(o.no_o_id) from new_order o where o.no_w_id = :w and o.no_d_id = d)
  returning no_d_id, no_o_id)
select coalesce(array_agg(no_d_id order by no_d_id), '{}') as districts,
       coalesce(array_agg(no_o_id order by no_d_id), '{}') as ids from gone \gset
update orders set o_carrier_id = :carrier from unnest(:districts::int[], :ids::int[]) u (d, o)
 where o_w_id = :w and o_d_id = d and o_id = o;
update order_line set ol_delivery_d = now() from unnest(:districts::int[], :ids::int[]) u (d, o)
 where ol_w_id = :w and ol_d_id = d and ol_o_id = o;
update customer set c_balance = c_balance + total, c_delivery_cnt = c_delivery_cnt + 1
  from (select o_d_id, o_c_id, sum(ol_amount) as total from unnest(:districts::int[], :ids::int[]) u (d, o)
          join orders on o_w_id = :w and o_d_id = d and o_id = o
          join order_line on ol_w_id = :w and ol_d_id = d and ol_o_id = o
         group by o_d_id, o_c_id) delivered
 where c_w_id = :w and c_d_id = o_d_id and c_id = o_c_id;
commit;
