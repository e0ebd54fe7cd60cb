-- evenkeel: broken
-- says: The entries of a transfer add up to nothing; what is left over goes to suspense, once a person says so
-- on: transfers
-- heal: insert ledger_entries(transfer_id, account, amount, memo)
-- grace: 1m
select t.id, t.id as transfer_id, 'suspense' as account, -sum(e.amount) as amount, 'out of balance' as memo
  from transfers t
  join ledger_entries e on e.transfer_id = t.id
 group by t.id
having sum(e.amount) <> 0
