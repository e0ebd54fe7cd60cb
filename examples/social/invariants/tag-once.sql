-- evenkeel: broken
-- says: Of several tags of one name, whatever the case, the oldest stays once nobody follows the others
-- on: tags
-- heal: remove
-- mode: heal
select t.id, t.name
  from tags t
 where exists (select from tags o where lower(o.name) = lower(t.name) and o.id < t.id)
   and not exists (select from tag_follows f where f.tag_id = t.id)
