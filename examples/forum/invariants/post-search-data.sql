-- evenkeel: should
-- says: Search knows each live post as version 5 of the indexer reads it
-- on: post_search_data
-- heal: set; insert; remove
-- mode: heal
-- guard: 5000/hour
select p.id as post_id,
       setweight(to_tsvector('english', t.title), 'A') || setweight(to_tsvector('english', p.raw), 'D') as search_data,
       p.raw as raw_data,
       'en' as locale,
       5 as version
  from posts p
  join topics t on t.id = p.topic_id
 where p.deleted_at is null and t.deleted_at is null
