-- evenkeel: broken
-- says: A notification is about something that exists
-- on: notifications
-- heal: remove
-- mode: heal
-- guard: 1000/hour
select n.id, n.account_id, n.activity_type, n.activity_id
  from notifications n
 where case n.activity_type
         when 'Mention' then not exists (select from mentions m where m.id = n.activity_id)
         when 'Status' then not exists (select from statuses s where s.id = n.activity_id and s.deleted_at is null)
         when 'Follow' then not exists (select from follows f where f.id = n.activity_id)
         when 'Favourite' then not exists (select from favourites f where f.id = n.activity_id)
       end
