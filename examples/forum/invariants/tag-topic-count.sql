-- evenkeel: should
-- says: A tag counts its live topics: those that staff sees, those that everybody sees, and messages
-- on: tags
-- heal: set
-- mode: heal
select g.id,
       count(t.id) filter (where t.archetype <> 'private_message') as staff_topic_count,
       count(t.id) filter (where t.archetype <> 'private_message' and not c.read_restricted) as public_topic_count,
       count(t.id) filter (where t.archetype = 'private_message') as pm_topic_count
  from tags g
  left join topic_tags gt on gt.tag_id = g.id
  left join topics t on t.id = gt.topic_id and t.deleted_at is null
  left join categories c on c.id = t.category_id
 group by g.id
