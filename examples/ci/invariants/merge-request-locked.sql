-- evenkeel: broken
-- says: A merge request is locked only while its job runs: then it is merged if there is a commit, else open again
-- on: merge_requests where state_id = 4
-- heal: set state_id, merge_jid, merge_error
-- mode: heal
-- grace: 1m
select m.id,
       case when m.merge_commit_sha is null then 1 else 3 end as state_id,
       null::text as merge_jid,
       case when m.merge_commit_sha is null then 'The merge was interrupted; please try again' end as merge_error
  from merge_requests m
 where m.state_id = 4
   and not exists (select from background_jobs j where j.jid = m.merge_jid and j.finished_at is null)
