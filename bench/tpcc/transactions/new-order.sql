-- Clause 2.4. What the specification does line by line is one statement here, as in kits that batch; every row is touched.
-- Of a hundred lines one comes from another warehouse, at most one an order; one order in a hundred is rolled back.
\set w random(1, :warehouses)
\set d random(1, 10)
\set c 1 + mod((random(0, 1023) | random(1, :customers)) + 259, :customers)
\set lines random(5, 15)
\set remote case when :warehouses > 1 and random(1, 100) <= :lines then random(1, :lines) else 0 end
\set other 1 + mod(:w + random(0, greatest(0, :warehouses - 2)), :warehouses)
\set fails random(1, 100)
begin;
select w_tax from warehouse where w_id = :w \gset
select c_discount, c_last, c_credit from customer where c_w_id = :w and c_d_id = :d and c_id = :c \gset
update district set d_next_o_id = d_next_o_id + 1 where d_w_id = :w and d_id = :d returning d_next_o_id - 1 as o, d_tax \gset
insert into orders values (:o, :d, :w, :c, now(), null, :lines, (:remote::int = 0)::int);
insert into new_order values (:o, :d, :w);
with line as materialized (
  select n, case when n = :remote::int then :other::int else :w::int end as supply, 1 + floor(random() * 10)::int as quantity,
         1 + (((random() * 8191)::int | (1 + floor(random() * :items::int))::int) + 7911) % :items::int as item
    from generate_series(1, :lines::int) n),
taken as (
  update stock
     set s_quantity = case when s_quantity >= quantity + 10 then s_quantity - quantity else s_quantity - quantity + 91 end,
         s_ytd = s_ytd + quantity, s_order_cnt = s_order_cnt + times, s_remote_cnt = s_remote_cnt + (supply <> :w)::int
    from (select supply, item, sum(quantity)::int as quantity, count(*)::int as times
            from line group by supply, item order by supply, item) asked
   where s_w_id = supply and s_i_id = item
  returning supply, item, case :d::int when 1 then s_dist_01 when 2 then s_dist_02 when 3 then s_dist_03 when 4 then s_dist_04
    when 5 then s_dist_05 when 6 then s_dist_06 when 7 then s_dist_07 when 8 then s_dist_08 when 9 then s_dist_09
    else s_dist_10 end as dist)
insert into order_line
select :o::int, :d::int, :w::int, n, item, supply, null, quantity, quantity * i_price, dist
  from line join taken using (supply, item) join item on i_id = item;
\if :fails = 1
rollback;
\else
commit;
\endif
