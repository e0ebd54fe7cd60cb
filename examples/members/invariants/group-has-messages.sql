-- evenkeel: should
-- says: A group has messages exactly when a live private message is addressed to it
-- on: groups
-- heal: set
-- mode: heal
select g.id,
       exists (select from topic_allowed_groups tg
                 join topics t on t.id = tg.topic_id
                where tg.group_id = g.id and t.deleted_at is null and t.archetype = 'private_message') as has_messages
  from groups g
