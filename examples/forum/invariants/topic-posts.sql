-- evenkeel: should
-- says: A topic counts, numbers and dates its live posts; whispers are counted for staff only
-- on: topics where archetype <> 'private_message'
-- heal: set
-- mode: heal
select t.id,
       count(p.id) filter (where p.post_type <> 4) as posts_count,
       coalesce(max(p.post_number) filter (where p.post_type <> 4), 0) as highest_post_number,
       coalesce(max(p.post_number), 0) as highest_staff_post_number,
       coalesce(sum(p.word_count) filter (where p.post_type <> 4), 0) as word_count,
       max(p.created_at) filter (where p.post_type <> 4) as last_posted_at
  from topics t
  left join posts p on p.topic_id = t.id and p.deleted_at is null
 where t.archetype <> 'private_message'
 group by t.id
