alter table warehouse add primary key (w_id);
alter table district add primary key (d_w_id, d_id);
alter table customer add primary key (c_w_id, c_d_id, c_id);
alter table history add primary key (h_id);
alter table new_order add primary key (no_w_id, no_d_id, no_o_id);
alter table orders add primary key (o_w_id, o_d_id, o_id);
alter table order_line add primary key (ol_w_id, ol_d_id, ol_o_id, ol_number);
alter table item add primary key (i_id);
alter table stock add primary key (s_w_id, s_i_id);

-- What the transactions look up: a customer by name, a customer's orders.
create index customer_name on customer (c_w_id, c_d_id, c_last, c_first);
create unique index orders_customer on orders (o_w_id, o_d_id, o_c_id, o_id);

-- For Evenkeel alone, there in every arm of a comparison: what conditions 8 to 10 and 12 sum up.
create index history_customer on history (h_c_w_id, h_c_d_id, h_c_id);
create index history_district on history (h_w_id, h_d_id) include (h_amount);

-- So that a logical slot tells what an order or a payment held before it changed: of few rows, for payments never change,
-- and orders once, on delivery.
alter table orders replica identity full;
alter table history replica identity full;
