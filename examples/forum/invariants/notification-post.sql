-- evenkeel: broken
-- says: A notification of high priority about a post leads to a live post of a live topic
-- on: notifications
-- heal: remove
-- mode: heal
select n.id, n.user_id, n.topic_id, n.post_number
  from notifications n
 where n.high_priority
   and n.topic_id is not null
   and not exists (
         select from posts p
           join topics t on t.id = p.topic_id
          where p.topic_id = n.topic_id and p.post_number = n.post_number
            and p.deleted_at is null and t.deleted_at is null)
