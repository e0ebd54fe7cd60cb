-- evenkeel: should
-- says: A warehouse has taken what was paid there
-- on: warehouse
-- heal: set
-- mode: heal
-- guard: none
-- grace: 0s
select w_id, coalesce(sum(h_amount), 0) as w_ytd
  from warehouse left join history on h_w_id = w_id
 group by w_id
