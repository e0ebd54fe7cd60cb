-- evenkeel: broken
-- says: No build waits for a day, nor an hour for a runner that took it
-- on: ci.builds
-- heal: set status, failure_reason, finished_at
-- mode: heal
-- guard: 1000/hour
-- every: 1m
select b.id, b.partition_id,
       'failed' as status,
       'stuck_or_timeout_failure' as failure_reason,
       least(b.queued_at + interval '1 day', b.assigned_at + interval '1 hour') as finished_at
  from ci.builds b
 where b.status = 'pending'
   and (b.queued_at < now() - interval '1 day' or b.assigned_at < now() - interval '1 hour')
