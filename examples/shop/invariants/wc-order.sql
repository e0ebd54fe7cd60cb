-- evenkeel: should
-- says: The newer store of orders has what the older one says
-- on: wc_orders
-- heal: set; insert; remove
-- mode: heal
-- guard: 1000/hour
select p.id,
       p.post_status as status,
       max(m.meta_value) filter (where m.meta_key = '_order_currency') as currency,
       -- Fields are text, and plugins write what they like: what isn't a number is none.
       max(case when m.meta_value ~ '^-?[0-9]+([.][0-9]+)?$' then m.meta_value::numeric end)
         filter (where m.meta_key = '_order_total') as total_amount,
       max(nullif(m.meta_value, '')) filter (where m.meta_key = '_billing_email') as billing_email
  from wp_posts p
  left join wp_postmeta m on m.post_id = p.id
 where p.post_type = 'shop_order'
 group by p.id
