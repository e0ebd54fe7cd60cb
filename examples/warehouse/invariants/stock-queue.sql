-- evenkeel: broken
-- says: The layers of an entry's queue add up to what lies there: the sum of all entries up to it
-- on: stock_ledger_entries where not is_cancelled
-- heal: park the valuation has to be posted again from this entry on, and its rates checked first
-- mode: heal
-- grace: 5m
select e.id, e.item_code, e.warehouse, e.lies, q.queued
  from (select id, item_code, warehouse, stock_queue,
               sum(actual_qty) over (partition by item_code, warehouse order by posting_at, id) as lies
          from stock_ledger_entries
         where not is_cancelled) e
  cross join lateral (
    select coalesce(sum((layer->>0)::numeric), 0) as queued
      from jsonb_array_elements(coalesce(e.stock_queue, '[]')) layer) q
 where q.queued <> e.lies
