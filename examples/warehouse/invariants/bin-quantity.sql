-- evenkeel: should
-- says: A bin holds what its entries add up to; an item that was ever moved has one in each place
-- on: bins
-- heal: set; insert
-- mode: heal
-- grace: 5m
select item_code, warehouse, sum(actual_qty) as actual_qty
  from (select item_code, warehouse, actual_qty from stock_ledger_entries where not is_cancelled
        union all
        select item_code, warehouse, 0 from bins) moved
 group by item_code, warehouse
