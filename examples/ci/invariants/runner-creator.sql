-- evenkeel: broken
-- says: A runner outlives whoever made it
-- on: ci.runners
-- heal: set creator_id
-- mode: heal
select r.id, null::bigint as creator_id
  from ci.runners r
 where r.creator_id is not null
   and not exists (select from users u where u.id = r.creator_id)
