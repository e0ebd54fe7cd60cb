-- evenkeel: broken
-- says: What is reserved for an item is what is still to be shipped of it
-- on: order_items
-- heal: insert inventory_reservations(stock_id, sku, quantity, metadata)
-- mode: heal
-- grace: 1m
select i.id, o.stock_id, i.sku,
       i.qty_shipped + i.qty_canceled - i.qty_ordered - held.quantity as quantity,
       jsonb_build_object('event_type', 'compensation', 'object_type', 'order',
                          'object_increment_id', o.increment_id) as metadata
  from order_items i
  join orders o on o.id = i.order_id
  cross join lateral (
    select coalesce(sum(r.quantity), 0) as quantity
      from inventory_reservations r
     where r.sku = i.sku and r.stock_id = o.stock_id and r.metadata->>'object_increment_id' = o.increment_id) held
 where held.quantity <> i.qty_shipped + i.qty_canceled - i.qty_ordered
