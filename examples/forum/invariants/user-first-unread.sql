-- evenkeel: should
-- says: A user's oldest unread topic is the least recently updated one that they track and haven't read to the end
-- on: user_stats
-- heal: set
-- mode: heal
select s.user_id, min(t.updated_at) as first_unread_at
  from user_stats s
  left join topic_users tu on tu.user_id = s.user_id and tu.notification_level >= 2
  left join topics t
    on t.id = tu.topic_id
   and t.deleted_at is null
   and t.archetype <> 'private_message'
   and t.highest_post_number > coalesce(tu.last_read_post_number, 0)
 group by s.user_id
