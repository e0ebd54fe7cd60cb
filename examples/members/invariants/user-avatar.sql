-- evenkeel: broken
-- says: A user's avatar is an upload that exists, or none
-- on: users
-- heal: set uploaded_avatar_id
-- mode: heal
select u.id, null::int as uploaded_avatar_id
  from users u
 where u.uploaded_avatar_id is not null
   and not exists (select from uploads f where f.id = u.uploaded_avatar_id)
