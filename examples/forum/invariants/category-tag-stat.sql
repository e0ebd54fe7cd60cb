-- evenkeel: should
-- says: The roll-up has a row for each category and tag that live topics bring together, with their number
-- on: category_tag_stats
-- key: category_id, tag_id
-- heal: set; insert; remove
-- mode: heal
select t.category_id, gt.tag_id, count(*) as topic_count
  from topics t
  join topic_tags gt on gt.topic_id = t.id
 where t.deleted_at is null and t.category_id is not null
 group by t.category_id, gt.tag_id
