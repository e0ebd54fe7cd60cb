-- evenkeel: should
-- says: An account's balance is the sum of its entries
-- on: accounts
-- heal: set
-- mode: heal
select a.code, coalesce(sum(e.amount), 0) as balance
  from accounts a
  left join ledger_entries e on e.account = a.code
 group by a.code
