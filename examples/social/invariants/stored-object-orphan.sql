-- evenkeel: broken
-- says: What lies in the bucket for a week belongs to an attachment, or is on the list of what is deleted
-- on: stored_objects
-- heal: insert object_deletions(object_key, why)
-- mode: heal
-- every: 1h
select o.object_key, o.bytes, 'no attachment' as why
  from stored_objects o
 where o.modified_at < now() - interval '7 days'
   and not exists (select from media_attachments m where m.object_key = o.object_key)
   and not exists (select from object_deletions d where d.object_key = o.object_key and d.done_at is null)
