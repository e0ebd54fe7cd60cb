-- evenkeel: broken
-- says: What a voucher debits it credits
-- on: vouchers
-- heal: park an accountant decides which side is wrong
-- mode: heal
select v.voucher_no, sum(g.debit) as debited, sum(g.credit) as credited
  from vouchers v
  join gl_entries g on g.voucher_no = v.voucher_no
 group by v.voucher_no
having sum(g.debit) <> sum(g.credit)
