-- Clause 2.5. 15 of a hundred customers belong to another warehouse; 60 are known by name only.
\set w random(1, :warehouses)
\set d random(1, 10)
\set away :warehouses > 1 and random(1, 100) <= 15
\set cw case when :away then 1 + mod(:w + random(0, greatest(0, :warehouses - 2)), :warehouses) else :w end
\set cd case when :away then random(1, 10) else :d end
\set c 1 + mod((random(0, 1023) | random(1, :customers)) + 259, :customers)
\set name mod((random(0, 255) | random(0, :names - 1)) + 223, :names)
\set named random(1, 100)
\set amount random(100, 500000)
begin;
update warehouse set w_ytd = w_ytd + :amount::numeric / 100 where w_id = :w;
select w_name, w_street_1, w_street_2, w_city, w_state, w_zip from warehouse where w_id = :w;
update district set d_ytd = d_ytd + :amount::numeric / 100 where d_w_id = :w and d_id = :d;
select d_name, d_street_1, d_street_2, d_city, d_state, d_zip from district where d_w_id = :w and d_id = :d;
\if :named <= 60
select c_id as c from (
  select c_id, row_number() over (order by c_first) as r, count(*) over () as n from customer
   where c_w_id = :cw and c_d_id = :cd and c_last = c_last(:name::int)) named where r = (n + 1) / 2 \gset
\endif
update customer
   set c_balance = c_balance - :amount::numeric / 100, c_ytd_payment = c_ytd_payment + :amount::numeric / 100,
       c_payment_cnt = c_payment_cnt + 1,
       c_data = case when c_credit = 'BC' then left(concat_ws(' ', c_id, :cd::int, :cw::int, :d::int, :w::int, :amount::int, c_data), 500) else c_data end
 where c_w_id = :cw and c_d_id = :cd and c_id = :c
returning c_first, c_middle, c_last, c_street_1, c_city, c_phone, c_since, c_credit, c_credit_lim, c_discount, c_balance;
insert into history (h_c_id, h_c_d_id, h_c_w_id, h_d_id, h_w_id, h_date, h_amount, h_data)
values (:c, :cd, :cw, :d, :w, now(), :amount::numeric / 100, 'W' || :w::int || '    D' || :d::int);
commit;
