-- evenkeel: broken
-- says: Nobody follows two tags of one name: the follow of the oldest tag stays
-- on: tag_follows
-- heal: remove
-- mode: heal
select f.id, f.account_id, t.name
  from tag_follows f
  join tags t on t.id = f.tag_id
 where exists (
         select from tag_follows g join tags u on u.id = g.tag_id
          where g.account_id = f.account_id and lower(u.name) = lower(t.name) and u.id < t.id)
