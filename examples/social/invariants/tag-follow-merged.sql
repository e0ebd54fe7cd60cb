-- evenkeel: broken
-- says: Whoever follows a tag follows the oldest one of its name, whatever the case
-- on: tag_follows
-- heal: set tag_id
-- mode: heal
select f.id, first.tag_id
  from tag_follows f
  join tags t on t.id = f.tag_id
  cross join lateral (select min(o.id) as tag_id from tags o where lower(o.name) = lower(t.name)) first
 where f.tag_id <> first.tag_id
   and not exists (
         select from tag_follows g join tags u on u.id = g.tag_id
          where g.account_id = f.account_id and lower(u.name) = lower(t.name)
            and (g.tag_id = first.tag_id or g.id < f.id))
