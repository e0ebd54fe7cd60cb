-- evenkeel: should
-- says: Each entry of an open period says how much lies there after it: the sum of all entries up to it
-- on: stock_ledger_entries where not is_cancelled and posting_at >= (
--     select coalesce(max(ends_before), '-infinity') from accounting_periods where closed)
-- heal: set
-- mode: heal
-- grace: 5m
select id, qty_after_transaction
  from (select id, posting_at,
               sum(actual_qty) over (partition by item_code, warehouse order by posting_at, id) as qty_after_transaction
          from stock_ledger_entries
         where not is_cancelled) running
 where posting_at >= (select coalesce(max(ends_before), '-infinity') from accounting_periods where closed)
