-- evenkeel: broken
-- says: No payment stays in capturing for a minute; it is given back
-- on: payments
-- heal: set status, claimed_by, claimed_at
-- mode: heal
-- guard: 2000/hour
-- grace: 1s
-- every: 1s
select id, 'pending' as status, null::text as claimed_by, null::timestamptz as claimed_at
  from payments
 where status = 'capturing' and claimed_at < now() - interval '1 minute'
